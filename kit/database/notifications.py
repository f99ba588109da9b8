"""Notifications between tasks of one process, sent by transactions that committed."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncSession

_NOTIFICATIONS = "notifications"


class Notifications:
    """The events that transactions of one database set when they have committed."""

    def __init__(self) -> None:
        self._events: dict[str, asyncio.Event] = {}

    def listen(self, name: str) -> asyncio.Event:
        """Return the event that `notify_on_commit(session, name)` sets after the commit.

        The listener clears it. Other processes are not notified, so a listener also polls.
        """
        return self._events.setdefault(name, asyncio.Event())

    def notify_committed(self, session: AsyncSession) -> None:
        """Set the events that a session, which has committed, asked for."""
        for name in session.info.get(_NOTIFICATIONS, ()):
            self.listen(name).set()


def notify_on_commit(session: AsyncSession, name: str) -> None:
    """Set `Database.listen(name)` in this process once the session's transaction has committed."""
    session.info.setdefault(_NOTIFICATIONS, set()).add(name)
