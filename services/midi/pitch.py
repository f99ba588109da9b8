"""The pitch curve of audio of any length, by SwiftF0's network, in constant memory of audio."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import soxr

from kit.arrays import F32
from kit.notes.monophonic import PitchCurve
from kit.notes.partials import HOP, RATE

PITCH_RATE = 16_000
"""Sample rate of the network's input, in Hz."""
PITCH_HOP = 256
"""Samples from one of its frames to the next."""
WINDOW_FRAMES = 512
"""Frames of one run."""
BEFORE_FRAMES, AFTER_FRAMES = 11, 10
"""Frames at the ends of a window that are discarded, because they lack context."""
KEPT_PITCH_FRAMES = WINDOW_FRAMES - BEFORE_FRAMES - AFTER_FRAMES
"""Frames of a window that are kept; also the distance of windows."""

_SILENT_DB = -66.0
"""The network hears pitches in digital silence; frames below this level have none."""
_MAX_GLIDE = 0.8
"""Pitches of neighbouring frames further apart, in semitones, are a jump and no glide."""


class PitchNetwork(Protocol):
    """Estimates the pitch of a window."""

    def track(self, window: F32) -> tuple[F32, F32]:
        """Return the pitch in Hz and its confidence, 0 to 1, of `WINDOW_FRAMES` frames.

        `window` holds `WINDOW_FRAMES` · `PITCH_HOP` samples of mono audio at `PITCH_RATE`.
        """
        ...


@dataclass(slots=True)
class PitchTracker:
    """Turns a stream of mono audio at `partials.RATE` into its pitch curve."""

    network: PitchNetwork
    _resampler: soxr.ResampleStream = field(
        default_factory=lambda: soxr.ResampleStream(RATE, PITCH_RATE, 1, dtype="float32")
    )
    _pending: F32 = field(default_factory=lambda: np.zeros(BEFORE_FRAMES * PITCH_HOP, np.float32))
    """Audio at `PITCH_RATE` that is not in the curve yet, after `BEFORE_FRAMES` of context."""
    _pitch: list[F32] = field(default_factory=list)
    _confidence: list[F32] = field(default_factory=list)
    _rest: F32 = field(default_factory=lambda: np.zeros(0, np.float32))
    """Audio at `RATE` that does not fill a hop yet."""
    _energy: list[F32] = field(default_factory=list)
    """Sums of squares of every `HOP` samples at `RATE`."""
    _samples: int = 0

    def feed(self, block: F32) -> None:
        """Process more audio, `[samples]`."""
        self._samples += len(block)
        self._measure(block)
        self._pending = np.concatenate([self._pending, self._resampler.resample_chunk(block)])
        while len(self._pending) >= WINDOW_FRAMES * PITCH_HOP:
            self._infer(KEPT_PITCH_FRAMES)

    def finish(self) -> PitchCurve:
        """Process the end of the audio and return the curve, one frame for every `HOP` samples."""
        tail = self._resampler.resample_chunk(np.zeros(0, np.float32), last=True)
        self._pending = np.concatenate([self._pending, tail])
        left = -(-len(self._pending) // PITCH_HOP) - BEFORE_FRAMES
        while left > 0:
            self._infer(min(left, KEPT_PITCH_FRAMES))
            left -= KEPT_PITCH_FRAMES
        self._measure(np.zeros(HOP, np.float32))
        frames = -(-self._samples // HOP)
        energy = np.concatenate(self._energy)[:frames]
        # A frame is centred on the border of two hops.
        power = (energy + np.concatenate([[0.0], energy[:-1]])) / (2 * HOP)
        level = 10 * np.log10(np.maximum(power, 1e-12))
        pitch, confidence = _on_frames(
            np.concatenate(self._pitch), np.concatenate(self._confidence), frames
        )
        confidence[level < _SILENT_DB] = 0
        return PitchCurve(pitch, confidence, level.astype(np.float32))

    def _measure(self, block: F32) -> None:
        audio = np.concatenate([self._rest, block])
        whole = len(audio) // HOP * HOP
        self._rest = audio[whole:]
        self._energy.append((audio[:whole].reshape(-1, HOP) ** 2).sum(axis=1))

    def _infer(self, count: int) -> None:
        window = np.zeros(WINDOW_FRAMES * PITCH_HOP, np.float32)
        audio = self._pending[: len(window)]
        window[: len(audio)] = audio
        hertz, confidence = self.network.track(window)
        kept = slice(BEFORE_FRAMES, BEFORE_FRAMES + count)
        self._pitch.append((69 + 12 * np.log2(hertz[kept] / 440)).astype(np.float32))
        self._confidence.append(confidence[kept])
        self._pending = self._pending[count * PITCH_HOP :]


def _on_frames(pitch: F32, confidence: F32, frames: int) -> tuple[F32, F32]:
    """Interpolate a curve of SwiftF0's frames at those of `partials.FRAME`."""
    at = np.arange(frames) * (HOP / RATE) / (PITCH_HOP / PITCH_RATE)
    low = np.minimum(at.astype(np.int64), len(pitch) - 1)
    high = np.minimum(low + 1, len(pitch) - 1)
    share = np.clip(at - low, 0, 1)
    glides = np.abs(pitch[high] - pitch[low]) < _MAX_GLIDE
    nearest = np.where(share < 0.5, pitch[low], pitch[high])
    between = np.where(glides, pitch[low] * (1 - share) + pitch[high] * share, nearest)
    sure = confidence[low] * (1 - share) + confidence[high] * share
    return between.astype(np.float32), sure.astype(np.float32)
