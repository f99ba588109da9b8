"""Dead letters: records that a consumer could not decode or handle, stored with the reason."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from contracts.topics import DEAD_LETTERS
from kit.bus.base import DecodeError
from kit.bus.codec import PREFIX, decode
from kit.bus.records import DeadLetterRecord, Headers, Record

MARK = "dead_"
"""Prefix of the headers that `pack` adds to a record."""
REASON_LIMIT = 2000
"""Maximum characters of a reason."""


def pack(dead_letter: DeadLetterRecord) -> Record:
    """Encode a dead letter as a record: the original one with added headers."""
    marks = {
        "reason": dead_letter.reason[:REASON_LIMIT],
        "topic": dead_letter.topic,
        "partition": str(dead_letter.partition),
        "offset": str(dead_letter.offset),
        "group": dead_letter.group,
        "trace": _trace_id(dead_letter.record.headers),
    }
    added = tuple((MARK + name, text.encode()) for name, text in marks.items())
    old = dead_letter.record
    return Record(old.key, (*old.headers, *added), old.value)


def unpack(
    key: bytes | None, headers: Iterable[tuple[str, bytes | None]], value: bytes | None
) -> DeadLetterRecord | None:
    """Decode a dead letter that `pack` encoded; `None` for any other record."""
    all_headers = tuple((name, raw or b"") for name, raw in headers)
    marks = {
        name.removeprefix(MARK): raw.decode(errors="replace")
        for name, raw in all_headers
        if name.startswith(MARK)
    }
    kept = tuple((name, raw) for name, raw in all_headers if not name.startswith(MARK))
    try:
        return DeadLetterRecord(
            topic=marks["topic"],
            partition=int(marks["partition"]),
            offset=int(marks["offset"]),
            group=marks["group"],
            reason=marks["reason"],
            record=Record(key or b"", kept, value or b""),
        )
    except (KeyError, ValueError):
        return None


def parse_id(id_: str) -> tuple[int, int] | None:
    """Return partition and offset of a stored dead letter; `None` if this is no id of one."""
    match = re.fullmatch(r"([0-9]{1,6})-([0-9]{1,18})", id_)
    return (int(match[1]), int(match[2])) if match else None


class ConsumedRecord(Protocol):
    """A record as the Kafka client returns it, with its place."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    value: bytes | None


def parse_dead_letter(stored: ConsumedRecord) -> DeadLetterRecord | None:
    """Decode any record of the dead-letter topic; `None` if it is neither kind that we write."""
    headers = tuple((name, raw or b"") for name, raw in stored.headers)
    record = Record(stored.key or b"", headers, stored.value or b"")
    return parse_record(
        record, topic=stored.topic, partition=stored.partition, offset=stored.offset
    )


def parse_record(
    record: Record, *, topic: str, partition: int, offset: int
) -> DeadLetterRecord | None:
    """Decode a record by its place on the dead-letter topic; `None` if it is neither kind."""
    dead_letter = unpack(record.key, record.headers, record.value) or operator_event(
        record, topic=topic, partition=partition, offset=offset
    )
    return dead_letter and replace(dead_letter, id=f"{partition}-{offset}")


def operator_event(
    record: Record, *, topic: str, partition: int, offset: int
) -> DeadLetterRecord | None:
    """Wrap an operator-only event, such as `job.quarantined`, as a dead letter for display.

    Its `topic` is the dead-letter topic itself, which marks it as not replayable.
    """
    try:
        event = decode(DEAD_LETTERS, record.headers, record.value)
    except DecodeError:
        return None
    reason = f"{event.type}: {event.data.model_dump_json()}"
    return DeadLetterRecord(topic, partition, offset, "", reason[:REASON_LIMIT], record)


def _trace_id(headers: Headers) -> str:
    parts = dict(headers).get(f"{PREFIX}traceparent", b"").decode(errors="replace").split("-")
    return parts[1] if len(parts) == 4 else ""
