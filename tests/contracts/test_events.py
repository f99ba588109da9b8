"""Golden records: what was once said can be read for ever (R26, T13)."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from contracts.envelope import Event, dataschema
from contracts.jobs import JobCreate
from contracts.problems import ProblemCode
from contracts.topics import TOPICS

GOLDEN = Path(__file__).parent / "golden"
TYPES: dict[str, type[BaseModel]] = {
    f"{topic.name}/{type_}": data for topic in TOPICS for type_, data in topic.events.items()
}


@pytest.mark.parametrize("name", sorted(TYPES))
def test_a_golden_record_of_every_event_is_read_and_written_alike(name: str) -> None:
    event_type = Event[TYPES[name]]  # type: ignore[misc]
    text = (GOLDEN / f"{name}.json").read_text(encoding="utf-8")
    event = event_type.model_validate_json(text)
    assert event.type == name.partition("/")[2]
    assert event.dataschema == dataschema(event.type)
    assert event.model_dump(mode="json") == json.loads(text)


@pytest.mark.parametrize("name", sorted(TYPES))
def test_a_reader_ignores_fields_of_the_future(name: str) -> None:
    record: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    record["colour"] = "blue"
    record["data"]["colour"] = "blue"
    event_type = Event[TYPES[name]]  # type: ignore[misc]
    assert event_type.model_validate(record).data is not None


def test_a_completion_is_read_that_does_not_tell_its_manifest() -> None:
    text = (GOLDEN / "jobs.events" / "job.completed.json").read_text(encoding="utf-8")
    record: dict[str, Any] = json.loads(text)
    del record["data"]["manifest"]
    event_type = Event[TYPES["jobs.events/job.completed"]]  # type: ignore[misc]
    assert event_type.model_validate(record).data.manifest is None


def test_a_request_with_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="colour"):
        JobCreate.model_validate(
            {
                "item": "01920000-0000-7000-8000-000000000001",
                "task": "midi",
                "colour": "blue",
            }
        )


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_no_number_is_anything_but_finite(value: str) -> None:
    with pytest.raises(ValidationError):
        Event[TYPES["jobs.progress/job.progressed"]].model_validate_json(  # type: ignore[misc]
            (GOLDEN / "jobs.progress" / "job.progressed.json")
            .read_text(encoding="utf-8")
            .replace('"fraction": 0.5', f'"fraction": {value}')
        )


def test_every_problem_has_a_status() -> None:
    assert all(400 <= code.status < 600 for code in ProblemCode)
    assert {code for code in ProblemCode if code.retryable} == {
        ProblemCode.TOO_SLOW,
        ProblemCode.TOO_MANY_REQUESTS,
        ProblemCode.UPSTREAM_FAILED,
        ProblemCode.UNAVAILABLE,
        ProblemCode.STORE_FULL,
    }
