"""The attributes of intervals: velocities, and starts and ends to a fraction of a frame."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kit.arrays import F32
from services.midi.piano.intervals import Interval
from services.midi.piano.shape import PATCH_FRAMES

_MAX_SHIFT = 0.5
_SHIFT_SCALE = 0.99


@dataclass(frozen=True, slots=True)
class PianoNote:
    """A note or a pressed pedal in a segment.

    Attributes
    ----------
    interval
        Its track and frames.
    velocity
        0 to 127.
    start, end
        Frames, with a fraction.
    has_onset, has_end
        Whether it begins and ends here, if it lies at a border of the segment.
    """

    interval: Interval
    velocity: int
    start: float
    end: float
    has_onset: bool
    has_end: bool


class Heads:
    """The layers that read the attributes of intervals."""

    def __init__(self, weights: Mapping[str, F32]) -> None:
        self._weights = weights

    def notes(self, tracks: F32, intervals: Sequence[Sequence[Interval]]) -> list[list[PianoNote]]:
        """Return the notes that intervals are.

        Parameters
        ----------
        tracks
            [tracks, steps, features].
        intervals
            Of each track, in order of time.
        """
        flat = [interval for some in intervals for interval in some]
        if not flat:
            return [[] for _ in intervals]
        track = np.array([interval.track for interval in flat])
        begin = self._frames(tracks, track, np.array([interval.begin for interval in flat]))
        end = self._frames(tracks, track, np.array([interval.end for interval in flat]))
        inputs = np.concatenate([begin, end, begin * end], axis=1)
        velocities = self._layers(inputs, "velocity").argmax(axis=1).tolist()
        edges = self._layers(inputs, "edges").astype(np.float64)
        shifts = np.clip((_mean(edges[:, :2]) - 0.5) / _SHIFT_SCALE, -_MAX_SHIFT, _MAX_SHIFT)
        rows = zip(flat, velocities, shifts.tolist(), (edges[:, 2:] > 0).tolist(), strict=True)
        notes: list[list[PianoNote]] = [[] for _ in intervals]
        for interval, velocity, (onset, offset), (has_onset, has_end) in rows:
            notes[interval.track].append(
                PianoNote(
                    interval,
                    velocity,
                    interval.begin + onset,
                    interval.end + offset,
                    has_onset,
                    has_end,
                )
            )
        return notes

    def _frames(self, tracks: F32, track: np.ndarray, frame: np.ndarray) -> F32:
        """Compute the features of frames of tracks, [n, features]."""
        step, phase = np.divmod(frame, PATCH_FRAMES)
        features = np.empty((len(frame), tracks.shape[2]), np.float32)
        for number, kernel in enumerate(self._weights["frames.kernel"]):
            here = phase == number
            features[here] = tracks[track[here], step[here]] @ kernel
        return features + self._weights["frames.bias"]

    def _layers(self, inputs: F32, name: str) -> F32:
        for layer in ("inner", "outer"):
            kernel, bias = (self._weights[f"{name}.{layer}.{part}"] for part in ("kernel", "bias"))
            inputs = inputs @ kernel + bias
            if layer == "inner":
                inputs = gelu(inputs).astype(np.float32)
        return inputs


def gelu(values: np.ndarray) -> np.ndarray:
    """Compute the exact Gaussian error linear unit, in float64."""
    # numpy has no error function.
    inner = np.asarray(np.frompyfunc(math.erf, 1, 1)(values / math.sqrt(2)), np.float64)
    risen: np.ndarray = 0.5 * values * (1 + inner)
    return risen


def _mean(logits: np.ndarray) -> np.ndarray:
    """Return the means of continuous Bernoulli distributions."""
    # Near 0 the exact form is the difference of two large numbers.
    is_small = np.abs(logits) < 1e-3
    safe = np.where(is_small, 1.0, logits)
    mean: np.ndarray = np.where(is_small, 0.5 + logits / 12, 1 / (1 - np.exp(-safe)) - 1 / safe)
    return mean
