"""Cuts of recordings, and songs made of a user's own stems."""

from typing import Literal, TypedDict

from cratedig.types.base import Answer
from cratedig.types.catalogue import Item, Stem

SliceKind = Literal["one_shot", "loop"]
CutAuthor = Literal["machine", "user"]


class Cut(Answer):
    """One cut; positions are samples of the recording."""

    number: int
    kind: SliceKind
    start: int
    end: int
    onset: int | None = None
    strength: float = 1.0
    bars: int | None = None
    bpm: float | None = None
    stored: bool
    sample: str | None = None
    rendered: bool


class CutList(Answer):
    """The cuts of an item or of one of its stems, in the order of their starts."""

    stem: str | None
    by: str
    version: int
    sample_rate: int
    samples: int
    to_render: int
    items: tuple[Cut, ...]


class CutEdit(TypedDict, total=False):
    """One edit of a list of cuts; `do` says which of the others it takes."""

    do: Literal["move", "split", "merge", "delete", "add", "reset"]
    cut: int
    cuts: list[int]
    start: int | None
    end: int | None
    at: int
    kind: SliceKind
    bars: int | None
    bpm: float | None


class MultitrackPart(TypedDict, total=False):
    """One file of a song: an item, and the stem that it holds if that is not the item's own."""

    item: str
    stem: Stem | None


class Multitrack(Answer):
    """A song made of the user's own stems, and the job that mixes it."""

    item: Item
    job: str
