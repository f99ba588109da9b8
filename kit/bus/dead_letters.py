"""Dead letters: records that no reader could use, kept as they were with the reason."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.topics import DEAD_LETTERS
from kit.bus.base import DecodeError
from kit.bus.codec import PREFIX, Headers, Record, decode

MARK = "dead_"
"""Prefix of the headers that a dead letter has beside those of the record."""
REASON_LIMIT = 2000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was set aside, and where it came from."""

    topic: str
    partition: int
    offset: int
    group: str
    reason: str
    record: Record


def pack(dead_letter: DeadLetter) -> Record:
    """Return the record that goes to the dead letters: the old one with more headers."""
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
) -> DeadLetter | None:
    """Return the dead letter in a record, or `None` for a record that is something else."""
    all_headers = tuple((name, raw or b"") for name, raw in headers)
    marks = {
        name.removeprefix(MARK): raw.decode(errors="replace")
        for name, raw in all_headers
        if name.startswith(MARK)
    }
    kept = tuple((name, raw) for name, raw in all_headers if not name.startswith(MARK))
    try:
        return DeadLetter(
            topic=marks["topic"],
            partition=int(marks["partition"]),
            offset=int(marks["offset"]),
            group=marks["group"],
            reason=marks["reason"],
            record=Record(key or b"", kept, value or b""),
        )
    except (KeyError, ValueError):
        return None


class ConsumedRecord(Protocol):
    """A record as a broker gives it, with its place."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    value: bytes | None


def parse_dead_letter(stored: ConsumedRecord) -> DeadLetter | None:
    """Return what a record among the dead letters tells operators, or `None` for noise."""
    headers = tuple((name, raw or b"") for name, raw in stored.headers)
    record = Record(stored.key or b"", headers, stored.value or b"")
    return unpack(record.key, headers, record.value) or operator_event(
        record, topic=stored.topic, partition=stored.partition, offset=stored.offset
    )


def operator_event(record: Record, *, topic: str, partition: int, offset: int) -> DeadLetter | None:
    """Return an event that is told to operators only, such as `job.quarantined`, as a letter.

    It came from the dead letters' own topic, so it is shown and never sent back.
    """
    try:
        event = decode(DEAD_LETTERS, record.headers, record.value)
    except DecodeError:
        return None
    detail = f"{event.type}: {event.data.model_dump_json()}"
    return DeadLetter(topic, partition, offset, "", detail[:REASON_LIMIT], record)


def _trace_id(headers: Headers) -> str:
    parts = dict(headers).get(f"{PREFIX}traceparent", b"").decode(errors="replace").split("-")
    return parts[1] if len(parts) == 4 else ""
