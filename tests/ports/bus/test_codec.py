"""Events as records."""

import json
from typing import Any

import pytest

from contracts.envelope import Event
from contracts.ids import OwnerId
from contracts.topics import JOBS_EVENTS
from kit.bus.base import DecodeError
from kit.bus.codec import decode, encode
from kit.bus.dead_letters import pack, unpack
from kit.bus.records import DeadLetterRecord, Headers, Record
from kit.clock import new_id
from tests.ports.bus.harness import released


def record() -> Record:
    return encode(JOBS_EVENTS, released(3), key="k")


def with_header(headers: Headers, name: str, value: bytes | None) -> Headers:
    kept = tuple((key, raw) for key, raw in headers if key != name)
    return kept if value is None else (*kept, (name, value))


def test_attributes_are_headers_and_the_value_is_the_data_alone() -> None:
    event = released(3).model_copy(update={"sequence": 4, "traceparent": "00-a-b-01"})
    encoded = encode(JOBS_EVENTS, event, key="k")
    headers = {name: raw.decode() for name, raw in encoded.headers}
    assert headers.pop("ce_time") == event.time.isoformat().replace("+00:00", "Z")
    assert headers == {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": event.id,
        "ce_type": "job.released",
        "ce_source": "/library",
        "ce_subject": event.subject,
        "ce_dataschema": "urn:cratedig:schema:job.released:1",
        "ce_traceparent": "00-a-b-01",
        "ce_sequence": "4",
    }
    assert json.loads(encoded.value) == event.data.model_dump(mode="json")
    assert encoded.key == b"k"


def test_there_and_back_again() -> None:
    event = released(3).model_copy(update={"sequence": 4})
    encoded = encode(JOBS_EVENTS, event, key="k")
    assert decode(JOBS_EVENTS, encoded.headers, encoded.value) == event


def test_fields_and_attributes_of_later_versions_are_ignored() -> None:
    encoded = record()
    value = json.dumps(json.loads(encoded.value) | {"later": 1}).encode()
    headers = (*encoded.headers, ("ce_later", b"x"), ("other", b"y"))
    assert decode(JOBS_EVENTS, headers, value).data.epoch == 3


def test_an_owner_survives() -> None:
    owner = OwnerId(new_id())
    event = Event[Any].model_validate(released(3).model_dump() | {"owner": owner})
    event = event.model_copy(update={"data": released(3).data})
    encoded = encode(JOBS_EVENTS, event, key="k")
    assert decode(JOBS_EVENTS, encoded.headers, encoded.value).owner == owner


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ce_type", None, "does not carry ''"),
        ("ce_type", b"item.added", "does not carry 'item.added'"),
        ("ce_dataschema", b"urn:cratedig:schema:job.released:2", "has the unknown schema"),
        ("ce_dataschema", None, "has the unknown schema ''"),
        ("ce_id", b"17", "id: "),
        ("ce_id", None, "id: "),
        ("ce_time", b"yesterday", "time: "),
        ("ce_specversion", b"0.3", "specversion: "),
        ("ce_subject", b"\xff\xfe", "not UTF-8"),
        ("content-type", b"application/avro", "datacontenttype: "),
    ],
)
def test_a_wrong_attribute_is_unreadable(name: str, value: bytes | None, message: str) -> None:
    valid = record()
    with pytest.raises(DecodeError, match=message):
        decode(JOBS_EVENTS, with_header(valid.headers, name, value), valid.value)


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b"{}", b'{"epoch": "many"}', b"\xff"])
def test_a_wrong_value_is_unreadable(value: bytes | None) -> None:
    with pytest.raises(DecodeError, match=r"job\.released is not valid"):
        decode(JOBS_EVENTS, record().headers, value)


def test_a_dead_letter_keeps_the_record_and_says_why() -> None:
    letter = DeadLetterRecord("jobs.events", 3, 17, "library", "handler: a bug", record())
    packed = pack(letter)
    assert unpack(packed.key, packed.headers, packed.value) == letter
    assert unpack(b"", (), b"") is None
