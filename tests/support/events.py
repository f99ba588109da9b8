"""Events for tests."""

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from contracts.envelope import Event, dataschema
from contracts.ids import EventId
from kit.clock import new_id


def make_event(type_: str, data: BaseModel, *, subject: str = "subject") -> Event[Any]:
    """Return an event of a type from the library."""
    return Event[Any](
        id=EventId(new_id()),
        type=type_,
        source="/library",
        subject=subject,
        time=datetime.now(UTC),
        dataschema=dataschema(type_),
        data=data,
    )
