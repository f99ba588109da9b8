"""Notes of a source that plays one note at a time, from its pitch curve and note posteriors.

The audio is divided into notes of one pitch and gaps by minimising a cost, exactly, by dynamic
programming: the Potts functional of Storath and Weinmann, "Fast partitioning of vector-valued
images", SIAM J. Imaging Sciences 7, 2014, with an absolute error that is truncated, so that an
octave error costs no more than two semitones, and with gaps that cost nothing. Nieradzik's package
`swift-f0` divides its pitch curves with such a functional. Three things differ here: a pitch needs
the note posteriors of a polyphonic network too, onsets make notes cheaper, and notes end where
they decay.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F32
from kit.notes.detection import LOWEST, PITCHES, Options
from kit.notes.partials import FRAME, find_decay

STEADY = 0.15
"""A note is steady if its pitch deviates by less than this, in semitones, most of the time."""

# The cost of a note in frames: a pitch one semitone away is a note if it lasts longer.
_NOTE_COST = 0.08 / FRAME
_MAX_ERROR = 2.0
_GRID = 0.1
# Weight of the note posteriors, and their lowest value: the network's posterior of silence.
_SUPPORT = 16.0
_SILENCE = 0.1
_MIN_CONFIDENCE = 0.02
_CANDIDATE_CONFIDENCE = 0.1
# A frame inside a dip of the level costs more, so that a note is struck again after it.
_DIP_FRAMES, _DIP_DB, _DIP_COST = 5, 3.0, 1.5
# An onset lowers the cost of a note, below 0 where the level rises.
_ONSET_DISCOUNT, _RISING_ONSET_DISCOUNT = 0.3, 1.8
_RISE_FRAMES, _RISE_DB = 4, 4.0
# The level of an unsteady note that decays falls by this much in 93 ms and stays below.
_DECAY_DB, _STAYS_DB = 8.0, 3.0
_DECAY_BEFORE, _DECAY_AFTER, _DECAY_SHARE = 3, 5, 0.8
_MIN_BEFORE_DECAY = 4
_LOOKAHEAD = 12
_SPREAD_PERCENTILE = 80
_VOICED = 0.5
# -ln p of Rayleigh's test, from which notes have a common tuning.
_RAYLEIGH = 3.0

ReadSpectrum = Callable[[int, int], F32]
"""Returns [frames, bins] of `partials.power` from a frame up to another one."""


@dataclass(frozen=True, slots=True)
class PitchCurve:
    """The pitch of a monophonic source on the frames of `partials.FRAME` seconds.

    Attributes
    ----------
    pitch
        [frames], MIDI notes with fractions.
    confidence
        [frames], 0 to 1: probability that the pitch sounds; 0 in silence.
    level
        [frames], dB relative to full scale.
    """

    pitch: F32
    confidence: F32
    level: F32

    def __len__(self) -> int:
        return len(self.pitch)

    def cut(self, start: int, end: int) -> "PitchCurve":
        """Return the frames from `start` to `end`."""
        return PitchCurve(self.pitch[start:end], self.confidence[start:end], self.level[start:end])


@dataclass(frozen=True, slots=True)
class LineNote:
    """A note in frames: `start` is its first, `end` is one past its last.

    Attributes
    ----------
    pitch
        MIDI note with a fraction.
    spread
        Deviation from `pitch` in semitones that 80 % of its frames stay below.
    confidence
        Mean confidence of its pitch, 0 to 1.
    """

    start: int
    end: int
    pitch: float
    spread: float
    confidence: float


def find_line(
    curve: PitchCurve, onset: F32, note: F32, spectrum: ReadSpectrum, options: Options
) -> list[LineNote]:
    """Detect the notes of one stretch of a monophonic source.

    Parameters
    ----------
    curve
        Of the stretch.
    onset, note
        [frames, 88], posteriors of the same frames.
    spectrum
        Reads the power spectrum of the same frames.
    options
        `onset_threshold` is the minimum posterior of an onset that makes a note cheaper, and
        `frame_threshold` the note posterior from which a pitch gains support. `legato` has no
        meaning here.

    Returns
    -------
    list
        Notes in order of time, which do not overlap.
    """
    segments = _segments(curve, onset, note, options)
    notes: list[LineNote] = []
    for index, (start, end, pitch) in enumerate(segments):
        bound = segments[index + 1][0] if index + 1 < len(segments) else len(curve)
        voiced = curve.confidence[start:end] >= _VOICED
        deviations = np.abs(curve.pitch[start:end][voiced] - pitch)
        spread = float(np.percentile(deviations, _SPREAD_PERCENTILE)) if voiced.any() else 0.0
        last = min(end + _LOOKAHEAD, bound)
        if spread <= STEADY:
            decay = find_decay(spectrum(start, last), round(pitch), 0, last - start)
            decay = None if decay is None else start + decay
        else:
            decay = _level_decay(curve.level, start, last)
        end = end if decay is None else min(decay, bound)
        if end - start > options.minimum_frames:
            confidence = float(curve.confidence[start:end].mean())
            notes.append(LineNote(start, end, pitch, spread, confidence))
    return notes


def tuning_of(notes: Sequence[LineNote]) -> float:
    """Return how many semitones notes lie above A at 440 Hz, -0.5 to 0.5.

    The circular mean of their deviations from whole notes, weighted by length; 0 if it is not
    significant by Rayleigh's test (p < 0.05), because a singer may be sharp as often as flat.
    """
    if not notes:
        return 0.0
    lengths = np.array([note.end - note.start for note in notes], np.float64)
    angles = 2j * np.pi * np.array([note.pitch for note in notes])
    mean = complex((lengths * np.exp(angles)).sum() / lengths.sum())
    effective = lengths.sum() ** 2 / (lengths**2).sum()
    if effective * abs(mean) ** 2 < _RAYLEIGH:
        return 0.0
    return float(np.angle(mean) / (2 * np.pi))


def unsteady_share(notes: Sequence[LineNote]) -> float:
    """Return the share of the sounding time whose notes are unsteady, as a singer's are, 0 to 1."""
    sounding = sum(note.end - note.start for note in notes)
    unsteady = sum(note.end - note.start for note in notes if note.spread > STEADY)
    return unsteady / max(sounding, 1)


def _segments(
    curve: PitchCurve, onset: F32, note: F32, options: Options
) -> list[tuple[int, int, float]]:
    """Divide frames into notes (start, end, pitch) and gaps, at the least cost."""
    frames = len(curve)
    grid = np.round(curve.pitch[curve.confidence > _CANDIDATE_CONFIDENCE] / _GRID)
    active = np.flatnonzero((note >= max(options.frame_threshold, 0.3)).any(axis=0)) + LOWEST
    pitches = np.unique(np.concatenate([grid * _GRID, active.astype(np.float64)]).round(1))
    if not len(pitches):
        return []
    costs = _frame_costs(curve, note, pitches, options)
    entry = _note_costs(curve, onset, options)
    total = np.full(len(pitches), np.inf)
    begun = np.zeros(len(pitches), np.int64)
    # The cost of the best division of all frames before this one, and the end of its last segment.
    best = 0.0
    origin = np.arange(-1, frames)
    chosen = np.full(frames + 1, -1, np.int64)
    for frame in range(frames):
        entered = best + entry[frame]
        is_new = total > entered
        begun[is_new] = frame
        total = np.minimum(total, entered) + costs[frame]
        cheapest = int(total.argmin())
        if total[cheapest] < best:
            best = float(total[cheapest])
            origin[frame + 1], chosen[frame + 1] = begun[cheapest], cheapest
    segments: list[tuple[int, int, float]] = []
    end = frames
    while end > 0:
        start = int(origin[end])
        if chosen[end] >= 0:
            segments.append((start, end, float(pitches[chosen[end]])))
        end = start
    return segments[::-1]


def _frame_costs(
    curve: PitchCurve, note: F32, pitches: NDArray[np.float64], options: Options
) -> F32:
    """Return the cost of each pitch at each frame, [frames, pitches]; negative where it sounds."""
    confidence = np.clip(curve.confidence, _MIN_CONFIDENCE, 1 - _MIN_CONFIDENCE)
    unvoiced = np.log((1 - confidence) / confidence)
    padded = np.pad(np.maximum(note, _SILENCE), ((0, 0), (1, 1)), constant_values=_SILENCE)
    # A note that is bent shows as its neighbours.
    near = np.maximum(np.maximum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    columns = np.clip(np.round(pitches).astype(np.int64) - LOWEST, 0, PITCHES - 1)
    support = _SUPPORT * (near[:, columns] - options.frame_threshold)
    error = np.minimum(np.abs(curve.pitch[:, None] - pitches.astype(np.float32)), _MAX_ERROR)
    base = unvoiced + _DIP_COST * _dips(curve.level)
    costs: F32 = curve.confidence[:, None] * error + base[:, None] - support
    return costs


def _note_costs(curve: PitchCurve, onset: F32, options: Options) -> F32:
    """Return the cost of a note that begins at each frame; negative where it is struck."""
    frames = np.arange(len(curve))
    column = np.round(curve.pitch).astype(np.int64) - LOWEST
    near = np.max(
        [onset[frames, np.clip(column + step, 0, PITCHES - 1)] for step in (-1, 0, 1)], axis=0
    )
    padded = np.pad(near, 1)
    is_peak = (near > padded[:-2]) & (near >= padded[2:]) & (near >= options.onset_threshold)
    level = np.pad(curve.level, _RISE_FRAMES, mode="edge")
    views = np.lib.stride_tricks.sliding_window_view(level, _RISE_FRAMES)
    before, after = views[: len(curve)].min(axis=1), views[_RISE_FRAMES:-1].max(axis=1)
    rises = after - before >= _RISE_DB
    discount = np.where(rises, _RISING_ONSET_DISCOUNT, _ONSET_DISCOUNT) * near * is_peak
    return np.asarray(_NOTE_COST * (1 - discount), np.float32)


def _dips(level: F32) -> F32:
    """Return by how many dB a frame lies more than 3 below the loudest 58 ms on both sides."""
    padded = np.pad(level, _DIP_FRAMES, mode="edge")
    views = np.lib.stride_tricks.sliding_window_view(padded, _DIP_FRAMES + 1)
    before, after = views[: len(level)].max(axis=1), views[_DIP_FRAMES:].max(axis=1)
    return np.asarray(np.maximum(np.minimum(before, after) - level - _DIP_DB, 0), np.float32)


def _level_decay(level: F32, start: int, end: int) -> int | None:
    """Return one past the frame from which the level falls for good; `None` if it never does.

    The pitch of an unsteady note leaves the bins of its partials, so their decay says nothing.
    """
    frames = np.arange(start + _MIN_BEFORE_DECAY, min(end, len(level) - _DECAY_AFTER))
    if not len(frames):
        return None
    before = level[frames - _DECAY_BEFORE]
    lost = before - level[frames + _DECAY_AFTER]
    later = np.maximum.accumulate(level[start : end + _DECAY_AFTER][::-1])[::-1]
    returns = later[np.minimum(frames + _DECAY_AFTER - start, len(later) - 1)]
    falls = (lost >= _DECAY_DB) & (returns <= before - _STAYS_DB)
    if not falls.any():
        return None
    steepest = int(falls.argmax())
    is_steeper = falls[1:] & (lost[1:] >= lost[:-1])
    while steepest < len(is_steeper) and is_steeper[steepest]:
        steepest += 1
    # A long release stays steep for a while; the note ended at the start of it.
    first, steep = steepest, max(_DECAY_DB, _DECAY_SHARE * float(lost[steepest]))
    while first > 0 and lost[first - 1] >= steep:
        first -= 1
    return int(frames[first]) + 1
