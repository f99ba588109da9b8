"""The feed: what the library has applied, in order, by cursor; live streams resume from it."""

from pydantic import BaseModel, ConfigDict

from contracts.base import Said
from contracts.envelope import Event


class Facts(BaseModel):
    """What happened: the fields of the event's own type, as `dataschema` names it."""

    model_config = ConfigDict(frozen=True, extra="allow")


class FeedEntry(Said):
    """One event, and where the feed goes on after it."""

    cursor: str
    event: Event[Facts]


class Feed(Said):
    """A part of the feed, oldest first."""

    items: tuple[FeedEntry, ...]
    next: str
    """Where to go on, now or when more has happened: always there."""
    more: bool
    """Whether there is more already."""
