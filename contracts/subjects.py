"""Subjects: what a job works on and what a file belongs to, whatever kind of thing it is."""

from enum import StrEnum
from typing import Annotated

from contracts.base import Message, pattern_string
from contracts.ids import ItemId, SubjectId


class SubjectKind(StrEnum):
    """The kinds of things that jobs work on."""

    OWNER = "owner"
    """All that somebody has in the catalogue."""
    ITEM = "item"
    COLLECTION = "collection"
    """Items that a user put together; it changes as they add and remove."""
    CORPUS = "corpus"
    """A fixed set of items, to train on or to measure with."""
    COMPOSITION = "composition"
    """An arrangement of clips that is rendered to audio."""


class Subject(Message):
    """What a job works on, or what an artifact belongs to: a kind and an id.

    This is not the CloudEvents attribute `subject`, which is the id of what an event happened to;
    models that carry both call that one `event_subject`.
    """

    kind: SubjectKind
    id: SubjectId

    def __str__(self) -> str:
        """Return the form that `?subject=` takes: `<kind>:<id>`."""
        return f"{self.kind.value}:{self.id}"

    @classmethod
    def of_item(cls, item: ItemId | str) -> "Subject":
        """Return the subject that an item is."""
        return cls(kind=SubjectKind.ITEM, id=SubjectId(item))

    @classmethod
    def parse(cls, text: str) -> "Subject":
        """Return the subject that `<kind>:<id>` names. Raises `ValueError`."""
        kind, _, id_ = text.partition(":")
        return cls(kind=SubjectKind(kind), id=SubjectId(id_))

    @property
    def item(self) -> ItemId | None:
        """The id of the item that it is, or `None` for any other kind."""
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
"""A subject as `?subject=` takes it: `<kind>:<id>`."""
