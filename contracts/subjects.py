"""Subjects: what a job works on and what a file belongs to."""

from enum import StrEnum
from typing import Annotated

from contracts.base import Message, pattern_string
from contracts.ids import ItemId, SubjectId


class SubjectKind(StrEnum):
    """The kind of a subject."""

    OWNER = "owner"
    """The whole catalogue of one owner."""
    ITEM = "item"
    COLLECTION = "collection"
    """A list of items that its user adds to and removes from."""
    CORPUS = "corpus"
    """A fixed set of items for training or evaluation."""
    COMPOSITION = "composition"
    """An arrangement of clips that is rendered to audio."""
    QUERY_SOUND = "query_sound"
    """A sound that is only searched by and removed within the hour."""


class Subject(Message):
    """What a job works on, or what an artifact belongs to: a kind and an id.

    The CloudEvents attribute `subject` is another thing: the id of the changed object. Models that
    hold both call that attribute `event_subject`.
    """

    kind: SubjectKind
    id: SubjectId

    def __str__(self) -> str:
        """Return the form for `?subject=`: `<kind>:<id>`."""
        return f"{self.kind.value}:{self.id}"

    @classmethod
    def of_item(cls, item: ItemId | str) -> "Subject":
        """Return the subject of an item."""
        return cls(kind=SubjectKind.ITEM, id=SubjectId(item))

    @classmethod
    def parse(cls, text: str) -> "Subject":
        """Parse `<kind>:<id>`. Raises `ValueError`."""
        kind, _, id_ = text.partition(":")
        return cls(kind=SubjectKind(kind), id=SubjectId(id_))

    @property
    def item(self) -> ItemId | None:
        """The id of the item, or `None` if the subject is of another kind."""
        return ItemId(self.id) if self.kind is SubjectKind.ITEM else None


_KINDS = [kind.value for kind in SubjectKind]

SubjectText = Annotated[
    str,
    pattern_string(
        rf"^({'|'.join(_KINDS)}):[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$",
        f"write <kind>:<id>, where the kind is one of {', '.join(_KINDS)}, such as "
        "item:0197f3a2-5b1c-7d2e-8f30-1a2b3c4d5e6f",
    ),
]
"""A subject in the form for `?subject=`: `<kind>:<id>`."""
