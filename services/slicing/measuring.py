"""Measure one-shots and loops at detected onsets: positions, levels and timbre, in one pass."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from contracts.slicing import SliceEnd, SlicingParams
from kit.arrays import F32, F64
from services.slicing.dsp import SlidingBuffer, attack, crossing, envelope, tail
from services.slicing.engine import OnsetAnalysis
from services.slicing.grouping import timbre
from services.slicing.loops import LoopSpan

LOOP_STEPS = 16
"""Number of parts of a loop whose spectra are compared."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A slice's position in the recording, its level and its timbre."""

    start: int
    end: int
    onset: int
    attack: int
    """Where the envelope begins to rise; a fade between `start` and here is inaudible."""
    end_reason: SliceEnd
    strength: float
    level: float
    """Linear root mean square of the loudest 10 ms."""
    peak: float
    before: float
    """Linear level of the 20 ms before the start."""
    timbre: F64
    stretch: LoopSpan | None = None
    deviation: float = 0.0
    """Loops only: how much longer it is than its beats at the tempo around it, as a share."""


def measure_one_shots(
    blocks: Iterator[F32],
    detected: OnsetAnalysis,
    params: SlicingParams,
    *,
    sample_rate: int,
    samples: int,
    progress: Callable[[float], None],
) -> list[Measured]:
    """Measure the slice of every onset; slices never overlap.

    Parameters
    ----------
    blocks
        The recording from its beginning.
    detected
        Its onsets and level.
    params
        Spacing, lengths and gates.
    sample_rate, samples
        Of the recording.
    progress
        Told how much is done, 0 to 1.
    """
    buffer = SlidingBuffer(blocks)
    reach = round(0.06 * sample_rate)
    longest = round(params.max_length * sample_rate)
    gate = detected.level * 10.0 ** (params.gate_db / 20.0)
    one_shots: list[Measured] = []
    begin: tuple[int, int] | None = None
    previous = 0
    onsets = [int(onset) for onset in detected.onsets]
    for index, onset in enumerate(onsets):
        if begin is None:
            buffer.forget(max(0, onset - 2 * reach))
        first, start = begin or _begin(buffer, onset, previous, reach, sample_rate)
        begin = None
        limit, end_reason = min(samples, start + longest), SliceEnd.LIMIT
        if start + longest >= samples:
            end_reason = SliceEnd.FILE
        if index + 1 < len(onsets) and onsets[index + 1] - reach < limit:
            # A slice ends at the start of the next one at the latest.
            begin = _begin(buffer, onsets[index + 1], onset, reach, sample_rate)
            if begin[1] < limit:
                limit, end_reason = begin[1], SliceEnd.NEXT
        # The level before the start shows how clean the attack is.
        origin = max(0, start - round(0.02 * sample_rate))
        local = buffer.take(origin, limit)
        head = start - origin
        measured = _one_shot(
            local[:, head:], first - start, end_reason, params, sample_rate=sample_rate, gate=gate
        )
        if measured is not None:
            end, end_reason, level, peak = measured
            before = local[:, :head]
            one_shots.append(
                Measured(
                    start=start,
                    end=start + end,
                    onset=min(max(onset, start), start + end - 1),
                    attack=first,
                    end_reason=end_reason,
                    strength=float(detected.strengths[index]),
                    level=level,
                    peak=peak,
                    before=float(np.sqrt(np.mean(before**2))) if before.size else 0.0,
                    timbre=timbre(local[:, head : head + end], sample_rate),
                )
            )
        buffer.forget(max(0, start - reach))
        previous = onset
        progress((index + 1) / len(onsets))
    return one_shots


def _begin(
    buffer: SlidingBuffer, onset: int, earliest: int, reach: int, sample_rate: int
) -> tuple[int, int]:
    """Return the start of an onset's attack, and the zero crossing before it."""
    origin = max(earliest, onset - reach - reach // 4)
    local = buffer.take(origin, onset + reach)
    first = attack(local, onset - origin, sample_rate=sample_rate, opening=origin == 0)
    start = crossing(local, first, earliest=0, sample_rate=sample_rate)
    return origin + first, origin + start


def _one_shot(
    signal: F32,
    attack_at: int,
    end_reason: SliceEnd,
    params: SlicingParams,
    *,
    sample_rate: int,
    gate: float,
) -> tuple[int, SliceEnd, float, float] | None:
    """Return end, reason for it, level and peak of a one-shot; `None` if it is gated."""
    if signal.shape[1] < params.min_length * sample_rate:
        return None
    peak = float(np.abs(signal).max())
    if peak < gate:
        return None
    died = tail(
        signal[:, attack_at:],
        sample_rate=sample_rate,
        tail_db=params.tail_db,
        quietest=gate * 0.03,
    )
    end = signal.shape[1]
    if died.decayed:
        end, end_reason = attack_at + died.end, SliceEnd.DECAY
    if end_reason is not SliceEnd.NEXT:
        # The start of the next slice is a zero crossing already.
        end = crossing(signal, end, earliest=attack_at, sample_rate=sample_rate) or end
    end = max(end, min(signal.shape[1], round(params.min_length * sample_rate)))
    curve = envelope(signal[:, :end], max(1, round(0.01 * sample_rate)))
    level = float(curve.max()) if curve.size else float(np.sqrt(np.mean(signal[:, :end] ** 2)))
    return end, end_reason, level, peak


def measure_loops(
    blocks: Iterator[F32],
    stretches: list[LoopSpan],
    beats: F64,
    one_shots: list[Measured],
    *,
    sample_rate: int,
    samples: int,
    quietest: float,
    progress: Callable[[float], None],
) -> list[Measured]:
    """Measure loops: whole bars of the grid, with both edges moved to an attack nearby.

    Parameters
    ----------
    blocks
        The recording from its beginning.
    stretches
        Candidates, in beats.
    beats
        Times in seconds.
    one_shots
        One-shots of the recording: a loop starts where the hit on its first beat starts.
    sample_rate, samples
        Of the recording.
    quietest
        Linear level below which a stretch counts as silence.
    progress
        Told how much is done, 0 to 1.
    """
    buffer = SlidingBuffer(blocks)
    starts = np.array([hit.start for hit in one_shots] or [-samples], np.int64)
    onsets = np.array([hit.onset for hit in one_shots] or [-samples], np.int64)
    near = round(0.04 * sample_rate)

    def edge(beat: int) -> int:
        at = round(float(beats[beat]) * sample_rate)
        closest = int(np.argmin(np.abs(onsets - at)))
        return int(starts[closest]) if abs(int(onsets[closest]) - at) <= near else at

    loops: list[Measured] = []
    ordered = sorted(stretches, key=lambda stretch: (stretch.first, stretch.beats))
    for index, stretch in enumerate(ordered):
        start, end = edge(stretch.first), edge(stretch.first + stretch.beats)
        if 0 <= start < end <= samples:
            buffer.forget(start - near)
            signal = buffer.take(start, end)
            level = float(np.sqrt(np.mean(signal**2)))
            if level > quietest:
                seconds = signal.shape[1] / sample_rate
                edges = tuple(np.linspace(0.0, seconds, LOOP_STEPS + 1))
                loops.append(
                    Measured(
                        start=start,
                        end=end,
                        onset=start,
                        attack=start,
                        end_reason=SliceEnd.GRID,
                        strength=1.0,
                        level=level,
                        peak=float(np.abs(signal).max()),
                        before=0.0,
                        timbre=timbre(
                            signal,
                            sample_rate,
                            edges=edges,
                            hop=seconds / (8 * LOOP_STEPS),
                        ),
                        stretch=stretch,
                        deviation=seconds / (stretch.beats * _period(beats, stretch)) - 1.0,
                    )
                )
        progress((index + 1) / len(ordered))
    return loops


def _period(beats: F64, stretch: LoopSpan) -> float:
    """Return the seconds of a beat around a loop: the slope of a line through its beats."""
    own = beats[stretch.first : stretch.first + stretch.beats + 1]
    return float(np.polyfit(np.arange(own.size), own, 1)[0])
