"""The envelope of every event: CloudEvents 1.0."""

from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, StringConstraints

from contracts.base import Message
from contracts.ids import EventId, OwnerId

Data = TypeVar("Data", bound=BaseModel)

SCHEMA_ROOT = "urn:cratedig:schema:"


class Event(Message, Generic[Data]):
    """An event: its CloudEvents attributes and its payload in `data`."""

    specversion: Literal["1.0"] = "1.0"
    id: EventId
    """The same in every delivery; consumers drop a second delivery."""
    type: Annotated[str, StringConstraints(pattern=r"^[a-z]+\.[a-z]+$")]
    """`<noun>.<past participle>`, without a version."""
    source: str
    """The service that published it: `/library`, `/midi`."""
    subject: str
    """The id of the item, job or run that changed. What a job works on is a `Subject` in `data`;
    models that hold both call this attribute `event_subject`."""
    time: datetime
    dataschema: str
    """`urn:cratedig:schema:<type>:<major>`, with the schema's version."""
    datacontenttype: Literal["application/json"] = "application/json"
    traceparent: str = ""
    owner: OwnerId | None = None
    """The owner of the data; absent if the event concerns no owner."""
    sequence: int | None = None
    """Grows per job; readers ignore an event that is not above the last one they read."""
    data: Data


def dataschema(type_: str, major: int = 1) -> str:
    """Return the schema URN of an event type."""
    return f"{SCHEMA_ROOT}{type_}:{major}"
