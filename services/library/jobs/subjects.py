"""Subjects in rows: their columns, written and read."""

from typing import Any, Protocol

from contracts.ids import SubjectId
from contracts.subjects import Subject, SubjectKind


class HasSubject(Protocol):
    """A row that belongs to a subject."""

    subject_kind: str
    subject_id: str


def subject_of(row: HasSubject) -> Subject:
    """Return the subject of a row."""
    return Subject(kind=SubjectKind(row.subject_kind), id=SubjectId(row.subject_id))


def subject_columns(subject: Subject) -> dict[str, Any]:
    """Return the columns of a row that belongs to a subject.

    The foreign key `item` is set exactly when the subject is an item, so that the row goes with it.
    """
    return {"subject_kind": subject.kind.value, "subject_id": subject.id, "item": subject.item}
