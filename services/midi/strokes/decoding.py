"""From activations to strokes: peaks above the threshold of their drum."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F32
from services.midi.strokes.features import DRUMS, FRAMING

_AROUND = 2
"""Frames before and after a peak that it must exceed."""
_SHORTEST_GAP = 4
"""Frames between two strokes of one drum."""
_ALIKE = (
    ("snare", "clap", "rim", "tom", "percussion"),
    ("closed_hat", "open_hat", "ride", "crash", "percussion"),
)
"""Drums that the network takes for each other."""
_WEAKER = 0.7
"""A stroke is left out if its activation is below this share of that of a simultaneous stroke of a
drum that sounds alike."""
_SIMULTANEOUS = 0.03
"""Seconds between strokes that count as simultaneous."""
_PASSAGE = 20.0
"""Seconds in which drums must be clear to count as present."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """One stroke of a drum.

    Attributes
    ----------
    time
        Seconds.
    drum
        Index in `features.DRUMS`.
    activation
        0 to 1; not calibrated.
    velocity
        0 to 1; 1 is the loudest of MIDI.
    """

    time: float
    drum: int
    activation: float
    velocity: float


def peaks(activation: F32, threshold: float) -> NDArray[np.intp]:
    """Return the frames at which one drum is struck.

    Parameters
    ----------
    activation
        `[frames]`, 0 to 1.
    threshold
        Minimum activation of a stroke.

    Returns
    -------
    ndarray
        Ascending. Of two peaks closer than 40 ms the higher is kept.
    """
    padded = np.pad(activation, _AROUND, constant_values=-1.0)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1)
    above = np.flatnonzero((activation >= threshold) & (activation >= around.max(axis=1)))
    kept: list[int] = []
    for frame in above:
        if kept and frame - kept[-1] < _SHORTEST_GAP:
            if activation[frame] > activation[kept[-1]]:
                kept[-1] = int(frame)
            continue
        kept.append(int(frame))
    return np.array(kept, np.intp)


def strokes(activations: F32, velocities: F32, thresholds: Sequence[float]) -> list[Stroke]:
    """Return the strokes of all drums in order of time.

    Parameters
    ----------
    activations, velocities
        `[frames, len(DRUMS)]`, 0 to 1.
    thresholds
        Of each drum.

    Returns
    -------
    list
        Peaks above the thresholds, without those that are much weaker than a simultaneous one of a
        drum that sounds alike.
    """
    detected: list[Stroke] = []
    for drum in range(len(DRUMS)):
        column = activations[:, drum]
        for frame in peaks(column, thresholds[drum]):
            detected.append(
                Stroke(
                    time=_refined(column, int(frame)) / FRAMING.rate,
                    drum=drum,
                    activation=float(column[frame]),
                    velocity=float(velocities[frame, drum]),
                )
            )
    detected.sort(key=lambda stroke: (stroke.time, stroke.drum))
    times = np.array([stroke.time for stroke in detected])
    first = np.searchsorted(times, times - _SIMULTANEOUS)
    last = np.searchsorted(times, times + _SIMULTANEOUS, side="right")
    return [
        stroke
        for stroke, start, end in zip(detected, first, last, strict=True)
        if not any(_overrules(other, stroke) for other in detected[start:end])
    ]


def _overrules(other: Stroke, stroke: Stroke) -> bool:
    """Return whether a simultaneous stroke is the better explanation of the sound."""
    if other.drum == stroke.drum or stroke.activation >= _WEAKER * other.activation:
        return False
    return any(DRUMS[stroke.drum] in group and DRUMS[other.drum] in group for group in _ALIKE)


def presence(detected: Sequence[Stroke], duration: float) -> float:
    """Return how clearly a recording contains drums at all.

    Other instruments give weak activations here and there; drums give strong ones all the time.

    Parameters
    ----------
    detected
        Of the whole recording, in order of time.
    duration
        Of the recording, in seconds.

    Returns
    -------
    float
        0 to 1: the mean activation of the clearest strokes of a passage of 20 seconds, as many as
        it has seconds; of the passage in which this is highest.
    """
    passage = min(_PASSAGE, max(duration, 1.0))
    count = int(np.ceil(passage))
    times = np.array([stroke.time for stroke in detected])
    levels = np.array([stroke.activation for stroke in detected])
    best = 0.0
    for start in np.arange(0.0, max(duration - passage, 0.0) + 0.1, passage / 2):
        within = levels[(times >= start) & (times < start + passage)]
        best = max(best, float(np.sort(within)[::-1][:count].sum()) / count)
    return best


def _refined(column: F32, frame: int) -> float:
    """Return where a peak lies between frames: its neighbours weigh in."""
    around = column[max(0, frame - 1) : frame + 2].astype(np.float64)
    places = np.arange(max(0, frame - 1), max(0, frame - 1) + around.size)
    return float((around * places).sum() / max(around.sum(), 1e-9))
