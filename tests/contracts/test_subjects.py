"""Subjects and the object keys that are made of them."""

import pytest
from pydantic import TypeAdapter, ValidationError

from contracts.ids import JobId, OwnerId, SubjectId
from contracts.jobs import TaskName
from contracts.objects import artifact_key, attempt_prefix, parse_derived, previews_prefix
from contracts.subjects import Subject, SubjectKind, SubjectText

OWNER = OwnerId("01920000-0000-7000-8000-000000000001")
ID = SubjectId("01920000-0000-7000-8000-000000000002")
JOB = JobId("01920000-0000-7000-8000-000000000003")


@pytest.mark.parametrize("kind", SubjectKind)
def test_a_subject_is_written_and_read_alike(kind: SubjectKind) -> None:
    subject = Subject(kind=kind, id=ID)
    assert str(subject) == f"{kind}:{ID}"
    assert Subject.parse(TypeAdapter(SubjectText).validate_python(str(subject))) == subject
    assert subject.item == (ID if kind is SubjectKind.ITEM else None)


@pytest.mark.parametrize(
    "text", ["", ID, f"song:{ID}", "item:", "item:x", f"item:{ID} ", f"item:{ID}:{ID}"]
)
def test_what_names_no_subject_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(SubjectText).validate_python(text)
    with pytest.raises(ValueError, match="valid"):
        Subject.parse(text)


@pytest.mark.parametrize("kind", SubjectKind)
def test_a_key_says_what_it_was_made_of(kind: SubjectKind) -> None:
    subject = Subject(kind=kind, id=ID)
    object_key = artifact_key(OWNER, subject, TaskName.EXPORT, JOB, 3, "mix.flac")
    assert object_key == f"{OWNER}/{kind}/{ID}/export/{JOB}/3/mix.flac"
    key = parse_derived(object_key)
    assert key is not None
    assert (key.owner, key.subject, key.task, key.job, key.epoch, key.name) == (
        OWNER, subject, TaskName.EXPORT, JOB, 3, "mix.flac",
    )  # fmt: skip
    assert key.attempt == attempt_prefix(OWNER, subject, TaskName.EXPORT, JOB, 3)
    preview = previews_prefix(OWNER, subject, TaskName.EXPORT, JOB, 3) + "a.flac"
    key = parse_derived(preview)
    assert key is not None
    assert key.name == "previews/a.flac"


def test_a_key_of_an_earlier_version_is_an_items() -> None:
    key = parse_derived(f"{OWNER}/{ID}/midi/{JOB}/1/notes.mid")
    assert key is not None
    assert (key.subject, key.job) == (Subject.of_item(ID), JOB)
    assert key.attempt == f"{OWNER}/{ID}/midi/{JOB}/1/"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x",
        f"{OWNER}/uploads/{ID}/original",
        f"{OWNER}/galaxy/{ID}/midi/{JOB}/1/notes.mid",
        f"{OWNER}/item/{ID}/painting/{JOB}/1/notes.mid",
        f"{OWNER}/item/{ID}/midi/{JOB}/notes.mid",
        f"{OWNER}/item/{ID}/midi/{JOB}/one/notes.mid",
        f"{OWNER}/item/{ID}/midi/{JOB}/1/",
        f"{OWNER}/item/{ID}/midi/job/1/notes.mid",
        f"{OWNER}/item/name/midi/{JOB}/1/notes.mid",
        f"backup/{OWNER}/item/{ID}/midi/{JOB}/1/notes.mid",
        f"/{OWNER}/item/{ID}/midi/{JOB}/1/notes.mid",
    ],
)
def test_a_key_of_another_shape_says_nothing(key: str) -> None:
    assert parse_derived(key) is None
