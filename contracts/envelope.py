"""The envelope of every event: CloudEvents 1.0."""

from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, StringConstraints

from contracts.base import Message
from contracts.ids import EventId, OwnerId

Data = TypeVar("Data", bound=BaseModel)

SCHEMA_ROOT = "urn:cratedig:schema:"


class Event(Message, Generic[Data]):
    """One event with its attributes; `data` is what happened."""

    specversion: Literal["1.0"] = "1.0"
    id: EventId
    """The same in every delivery: consumers drop a second one."""
    type: Annotated[str, StringConstraints(pattern=r"^[a-z]+\.[a-z]+$")]
    """`<noun>.<past participle>`, without a version."""
    source: str
    """Who says it: `/library`, `/midi`."""
    subject: str
    """The id of what it happened to: an item's, a job's, a run's. What a job works on is in its
    `data`, as a `Subject`; models that hold both call this one `event_subject`."""
    time: datetime
    dataschema: str
    """`urn:cratedig:schema:<type>:<major>`: the version lives here."""
    datacontenttype: Literal["application/json"] = "application/json"
    traceparent: str = ""
    owner: OwnerId | None = None
    """Whose data it speaks of; absent where it speaks of nobody's."""
    sequence: int | None = None
    """Per job, growing; readers ignore what is not above what they have seen."""
    data: Data


def dataschema(type_: str, major: int = 1) -> str:
    """Return the schema address of an event type."""
    return f"{SCHEMA_ROOT}{type_}:{major}"
