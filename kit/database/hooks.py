"""Hooks: work that must be done in the same transaction as a change that other code makes.

The code that makes a change reports it. Just before the transaction commits, every listener
registered for this kind of change is called once, with all that was reported of it. So listeners
take their locks after those of the change itself, and an error in one undoes the transaction.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

Reported = TypeVar("Reported")
Listener = Callable[[AsyncSession, Sequence[Reported]], Awaitable[None]]

_REPORTED = "reported"


class Hook(Generic[Reported]):
    """One kind of change, such as "a job finished"; two hooks of one name are different hooks."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"Hook({self.name!r})"


class Hooks:
    """The listeners of one database."""

    def __init__(self) -> None:
        self._listeners: dict[Hook[Any], list[Listener[Any]]] = {}

    def register(self, hook: Hook[Reported], listener: Listener[Reported]) -> None:
        """Call a listener in every transaction in which such a change is reported."""
        self._listeners.setdefault(hook, []).append(listener)

    async def run(self, session: AsyncSession) -> None:
        """Call the listeners of all that was reported, and of what they report themselves."""
        reported: dict[Hook[Any], list[Any]] = session.info.get(_REPORTED, {})
        while reported:
            hook = next(iter(reported))
            changes = reported.pop(hook)
            for listener in self._listeners.get(hook, ()):
                await listener(session, changes)


def report(session: AsyncSession, hook: Hook[Reported], change: Reported) -> None:
    """Report a change to the listeners of a hook, which run before the transaction commits."""
    session.info.setdefault(_REPORTED, {}).setdefault(hook, []).append(change)
