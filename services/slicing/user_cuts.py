"""Measure the cuts of a user as slices: their boundaries stay as they are, nothing is detected."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from contracts.cuts import Cut
from contracts.slicing import Slice, SliceEnd, SliceKind, SlicingParams
from kit.arrays import F32
from kit.worker.outcomes import Rejected
from services.slicing.choosing import describe
from services.slicing.dsp import SlidingBuffer, attack, envelope
from services.slicing.grouping import timbre
from services.slicing.loops import LoopSpan
from services.slicing.measuring import LOOP_STEPS, Measured

_BEFORE = 0.02
"""Seconds before a cut whose level shows how clean its start is."""
_ONSET_WITHIN = 0.1
"""Seconds after the start of a cut in which its onset is looked for."""
_NEAR_ZERO = 0.01
"""Share of the peak below which a cut that starts there makes no click."""


@dataclass(frozen=True, slots=True)
class UserSlices:
    """The slices of a user's cuts."""

    slices: list[Slice]
    """In the order of the cuts, each with the number of its cut as its index."""
    attacks: dict[int, int]
    """By index, up to where a fade-in may reach."""


def measure_user_cuts(
    blocks: Iterator[F32],
    cuts: Sequence[Cut],
    params: SlicingParams,
    *,
    sample_rate: int,
    samples: int,
    progress: Callable[[float], None],
) -> UserSlices:
    """Measure, group and score cuts in one pass over the recording.

    Parameters
    ----------
    blocks
        The recording from its beginning.
    cuts
        In the order of their starts.
    sample_rate, samples
        Of the recording.
    progress
        Told how much is done, 0 to 1.

    Raises
    ------
    Rejected
        A cut ends after the recording.
    """
    buffer = SlidingBuffer(blocks)
    head = round(_BEFORE * sample_rate)
    measured: dict[SliceKind, list[tuple[Cut, Measured]]] = {kind: [] for kind in SliceKind}
    attacks: dict[int, int] = {}
    for count, cut in enumerate(cuts):
        if cut.end > samples:
            raise Rejected(
                "input",
                f"Cut {cut.number} ends at sample {cut.end}, but the recording has {samples}. "
                "Move the cut into the recording.",
            )
        origin = max(0, cut.start - head)
        buffer.forget(origin)
        local = buffer.take(origin, cut.end)
        signal, before = local[:, cut.start - origin :], local[:, : cut.start - origin]
        piece = _measure(cut, signal, before, sample_rate)
        measured[cut.kind].append((cut, piece))
        fade_in = round(params.fade_in_ms * sample_rate / 1000)
        # A cut in the middle of a sound needs the whole fade; one at rest keeps its attack.
        clicks = float(np.abs(signal[:, 0]).max()) > _NEAR_ZERO * piece.peak
        attacks[cut.number] = cut.start + fade_in if clicks else piece.attack
        progress((count + 1) / len(cuts))
    by_number: dict[int, Slice] = {}
    for kind, pieces in measured.items():
        described = describe(
            [piece for _, piece in pieces], params, kind, sample_rate=sample_rate, first=0
        )
        marked = _best_of_stored([cut for cut, _ in pieces], described)
        for (cut, _), slice_of_cut in zip(pieces, marked, strict=True):
            by_number[cut.number] = slice_of_cut.model_copy(update={"index": cut.number})
    return UserSlices([by_number[cut.number] for cut in cuts], attacks)


def _best_of_stored(cuts: Sequence[Cut], described: Sequence[Slice]) -> list[Slice]:
    """Mark the best stored slice of each group, as only stored ones have a file."""
    best: dict[int | None, int] = {}
    for index, cut in enumerate(cuts):
        group = described[index].group
        if cut.stored and (
            group not in best or described[index].score > described[best[group]].score
        ):
            best[group] = index
    return [
        piece.model_copy(update={"best": best[piece.group] == index})
        if piece.group in best
        else piece
        for index, piece in enumerate(described)
    ]


def _measure(cut: Cut, signal: F32, before: F32, sample_rate: int) -> Measured:
    is_loop = cut.kind is SliceKind.LOOP
    seconds = signal.shape[1] / sample_rate
    curve = envelope(signal, max(1, round(0.01 * sample_rate)))
    level = float(curve.max()) if curve.size else float(np.sqrt(np.mean(signal**2)))
    onset = cut.onset
    if onset is None or not cut.start <= onset < cut.end:
        onset = cut.start + (0 if is_loop else _find_onset(signal, sample_rate))
    first = cut.start
    if not is_loop:
        first += attack(signal, onset - cut.start, sample_rate=sample_rate, opening=cut.start == 0)
    stretch = None
    if is_loop and cut.bars is not None and cut.bpm is not None:
        stretch = LoopSpan(0, max(1, round(cut.bpm * seconds / 60.0)), cut.bars)
    return Measured(
        start=cut.start,
        end=cut.end,
        onset=onset,
        attack=min(first, cut.end),
        end_reason=SliceEnd.USER,
        strength=cut.strength,
        level=level,
        peak=float(np.abs(signal).max()),
        before=float(np.sqrt(np.mean(before**2))) if before.size else 0.0,
        timbre=timbre(
            signal,
            sample_rate,
            edges=tuple(np.linspace(0.0, seconds, LOOP_STEPS + 1)),
            hop=seconds / (8 * LOOP_STEPS),
        )
        if is_loop
        else timbre(signal, sample_rate),
        stretch=stretch,
    )


def _find_onset(signal: F32, sample_rate: int) -> int:
    """Return the sample of the steepest rise of the envelope near the start of a cut."""
    hop = max(1, sample_rate // 1000)
    curve = envelope(signal[:, : round(_ONSET_WITHIN * sample_rate)], hop)
    if curve.size < 2:
        return 0
    return int(np.argmax(np.diff(curve, prepend=0.0))) * hop
