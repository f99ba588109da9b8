"""Events of live streams and of the feed."""

from datetime import datetime
from typing import Any

from cratedig.types.base import Answer
from cratedig.types.catalogue import Subject


class Event(Answer):
    """One live event; its `id` resumes the stream after it."""

    id: str = ""
    type: str
    data: dict[str, Any]


class Ticket(Answer):
    """A ticket that opens one live stream within `expires_in` seconds."""

    ticket: str
    expires_in: int


class FeedEntry(Answer):
    """One event of the feed; `cursor` continues after it."""

    cursor: str
    id: str
    type: str
    event_subject: str
    time: datetime
    subject: Subject | None = None
    job: str | None = None
    run: str | None = None
    data: dict[str, Any]


class Feed(Answer):
    """One page of the feed, oldest first; `next` continues after it, `more` tells whether the next
    page already has events."""

    items: tuple[FeedEntry, ...]
    next: str
    more: bool = False
