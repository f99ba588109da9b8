"""Cuts: the slices of a recording as its user edits them."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from contracts.base import Message, StrictModel
from contracts.ids import ItemId
from contracts.music import Bpm, SampleRate, Samples, Seconds, Stem
from contracts.slicing import LoopBars, SliceKind, Slices

MAX_STORED = 1000
"""Cuts of a recording that become samples: as many as one tagging job reads."""
MAX_EDITS = 200
"""Edits of one request."""
MIN_CUT: Seconds = 0.005
MAX_CUT: Seconds = 120.0

CutNumber = Annotated[int, Field(ge=0, le=1 << 30)]
"""The number of a cut, unique in its list; it stays when the cut moves."""


class Cut(Message):
    """One cut; positions are samples of the recording."""

    number: CutNumber
    kind: SliceKind = SliceKind.ONE_SHOT
    start: Samples
    """Its first sample."""
    end: Samples
    """One past its last sample."""
    onset: Samples | None = None
    """Where the sound begins; null if it is to be found when the cut is rendered."""
    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    """Strength of the onset: about 1 for the main hits of the recording."""
    bars: LoopBars | None = None
    """Loops only: length in bars."""
    bpm: Bpm | None = None
    """Loops only: the tempo at which the loop is whole bars long."""
    stored: bool = True
    """Whether it becomes a sample; the list names the other cuts too, as MIDI of drums needs
    them."""
    sample: ItemId | None = None
    """The sample that was made from it; rendering gives that sample the new boundaries."""


def machine_cuts(slices: Slices) -> tuple[Cut, ...]:
    """Return the slices that slicing detected as cuts, in the order of their starts."""
    ordered = sorted(slices.slices, key=lambda piece: (piece.start, piece.end, piece.index))
    return tuple(
        Cut(
            number=piece.index,
            kind=piece.kind,
            start=piece.start,
            end=piece.end,
            onset=piece.onset,
            strength=piece.strength,
            bars=piece.bars,
            bpm=piece.bpm,
            stored=piece.file is not None,
        )
        for piece in ordered
    )


class CutState(Cut):
    """A cut, and whether its sample is up to date."""

    rendered: bool
    """Whether its sample exists with these boundaries; false for one that is not stored."""


class CutAuthor(StrEnum):
    """Whose cuts count."""

    MACHINE = "machine"
    USER = "user"


class CutList(Message):
    """The cuts of an item or of one of its stems, in the order of their starts."""

    stem: Stem | None
    """Null for the item itself."""
    by: CutAuthor
    version: Annotated[int, Field(ge=0)]
    """Number of the newest version; 0 if the user never changed the list. Edits name it."""
    sample_rate: SampleRate
    samples: Samples
    """Length of the recording."""
    to_render: Annotated[int, Field(ge=0)]
    """Stored cuts without a sample of the same boundaries."""
    items: tuple[CutState, ...]


class MoveCut(StrictModel):
    """Move one boundary of a cut, or both."""

    do: Literal["move"]
    cut: CutNumber
    start: Samples | None = None
    """Null to leave it where it is."""
    end: Samples | None = None
    """Null to leave it where it is."""


class SplitCut(StrictModel):
    """Split a cut in two. The first part keeps its number and sample."""

    do: Literal["split"]
    cut: CutNumber
    at: Samples
    """First sample of the second part."""


class MergeCuts(StrictModel):
    """Merge cuts into one, from the first start to the last end.

    It keeps the number of the first, and the sample that its user marked, if there is one, or else
    that of the first.
    """

    do: Literal["merge"]
    cuts: Annotated[tuple[CutNumber, ...], Field(min_length=2, max_length=50)]


class DeleteCut(StrictModel):
    """Delete a cut. Its sample is hidden, and can be restored for 30 days; a sample that its user
    marked stays."""

    do: Literal["delete"]
    cut: CutNumber


class AddCut(StrictModel):
    """Add a cut, which gets a number of its own."""

    do: Literal["add"]
    start: Samples
    end: Samples
    kind: SliceKind = SliceKind.ONE_SHOT
    bars: LoopBars | None = None
    bpm: Bpm | None = None


class ResetCuts(StrictModel):
    """Replace the whole list by that of the machine."""

    do: Literal["reset"]


CutEdit = Annotated[
    MoveCut | SplitCut | MergeCuts | DeleteCut | AddCut | ResetCuts, Field(discriminator="do")
]
"""One edit of a list of cuts."""


class CutsPatch(StrictModel):
    """Request body to edit a list of cuts; all of its edits are made, or none."""

    version: Annotated[int, Field(ge=0)]
    """The version that the edits are meant for, as `GET` returns it. If the list has changed since
    then the edits are refused, so a repeated request changes nothing."""
    edits: Annotated[tuple[CutEdit, ...], Field(min_length=1, max_length=MAX_EDITS)]
