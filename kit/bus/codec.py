"""Encode events as records: CloudEvents 1.0 in binary content mode, with JSON data.

See the Kafka protocol binding of CloudEvents 1.0.2: every attribute is a `ce_…` header in UTF-8,
`datacontenttype` is the header `content-type`, and the record's value is the data alone.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError

from contracts.envelope import SCHEMA_ROOT, Event
from contracts.topics import Topic
from kit.bus.base import AnyEvent, BusError, DecodeError
from kit.bus.records import Record

PREFIX = "ce_"
CONTENT_TYPE = "content-type"
MAJOR = 1
"""The only major version of event types that `decode` accepts."""
RECORD_LIMIT = 256 * 1024 - 4096
"""Maximum bytes of a record's value and headers: the topics' limit less Kafka's framing."""


def encode(topic: Topic, event: AnyEvent, *, key: str) -> Record:
    """Encode an event as a record.

    Raises
    ------
    ValueError
        The topic does not carry events of this type.
    BusError
        The event is larger than `RECORD_LIMIT`; records carry references, never audio.
    """
    if topic.events and event.type not in topic.events:
        raise ValueError(f"{topic.name} does not carry {event.type}: see contracts/topics.py")
    attributes = event.model_dump(mode="json", exclude={"data"}, exclude_none=True)
    content_type = attributes.pop("datacontenttype")
    headers = [(CONTENT_TYPE, content_type.encode())]
    headers += [(PREFIX + name, str(value).encode()) for name, value in attributes.items()]
    record = Record(key.encode(), tuple(headers), event.data.model_dump_json().encode())
    size = len(record.value) + sum(len(name) + len(value) for name, value in headers)
    if size > RECORD_LIMIT:
        raise BusError(f"{event.type} takes {size} bytes; a record holds at most {RECORD_LIMIT}")
    return record


def decode(
    topic: Topic, headers: Iterable[tuple[str, bytes | None]], value: bytes | None
) -> AnyEvent:
    """Decode the event in a record.

    Raises
    ------
    DecodeError
        The record is not a valid CloudEvent, its type does not belong to this topic, or its schema
        version is unknown.
    """
    attributes: dict[str, Any] = {}
    try:
        for name, raw in headers:
            if name == CONTENT_TYPE:
                attributes["datacontenttype"] = (raw or b"").decode()
            elif name.startswith(PREFIX):
                attributes[name.removeprefix(PREFIX)] = (raw or b"").decode()
    except UnicodeDecodeError as error:
        raise DecodeError("a header is not UTF-8") from error
    type_ = attributes.get("type", "")
    model = topic.events.get(type_)
    if model is None:
        raise DecodeError(f"{topic.name} does not carry {type_!r}")
    if attributes.get("dataschema") != f"{SCHEMA_ROOT}{type_}:{MAJOR}":
        raise DecodeError(f"{type_} has the unknown schema {attributes.get('dataschema', '')!r}")
    try:
        data = model.model_validate_json(value or b"")
        return _envelope(model).model_validate(attributes | {"data": data})
    except ValidationError as error:
        where = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:5]
        )
        raise DecodeError(f"{type_} is not valid: {where}") from error


@cache
def _envelope(model: type[BaseModel]) -> type[AnyEvent]:
    # Cached because pydantic keeps only weak references to parametrised classes: without a strong
    # one it would build the class again for every record.
    return Event[model]  # type: ignore[valid-type]
