"""Measure silence, offset and clipping of a stream; downmix channels to two."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kit.arrays import AudioBlock

QUIET = 10 ** (-60 / 20)
"""Silence threshold: -60 dBFS."""
SHORTEST_SILENCE = 0.2
"""Seconds."""
CLIP = 1.0 - 2.0**-15
"""Full scale minus one step of 16 bits: the largest positive sample of such a file."""
CLIP_RUN = 3
ABSURD = 1e6
"""A float sample above this (120 dB over full scale) is damage."""

_HALF_POWER = 0.5**0.5
_ROWS = {
    # Bit of WAVE_FORMAT_EXTENSIBLE's mask: what a speaker adds to left and to right.
    0: (1.0, 0.0),  # Front left.
    1: (0.0, 1.0),  # Front right.
    2: (_HALF_POWER, _HALF_POWER),  # Front centre.
    3: (0.0, 0.0),  # Low frequency effects.
    4: (_HALF_POWER, 0.0),  # Back left.
    5: (0.0, _HALF_POWER),  # Back right.
    6: (1.0, 0.0),  # Front left of centre.
    7: (0.0, 1.0),  # Front right of centre.
    8: (0.5, 0.5),  # Back centre.
    9: (_HALF_POWER, 0.0),  # Side left.
    10: (0.0, _HALF_POWER),  # Side right.
}


def downmix_matrix(channels: int, mask: int) -> NDArray[np.float32]:
    """Return the downmix matrix to at most two channels (ITU-R BS.775-3).

    Parameters
    ----------
    channels
        Of the source, 1 to 8.
    mask
        Speaker mask as in WAVE_FORMAT_EXTENSIBLE; 0 if unknown.

    Returns
    -------
    NDArray[float32]
        `[1 or 2, channels]`; the identity for one and two channels.

    Notes
    -----
    ITU-R BS.775-3, annex 4, table 2: the centre and the surrounds are mixed at -3 dB, a back centre
    at -6 dB to either side, low frequency effects are omitted. There is no overall attenuation,
    because audio beyond full scale is scaled afterwards. Speakers that are not in that table, and
    unknown layouts, alternate between left and right, and each side is averaged.
    """
    if channels <= 2:
        return np.eye(channels, dtype=np.float32)
    bits = [bit for bit in range(32) if mask >> bit & 1]
    if len(bits) == channels and all(bit in _ROWS for bit in bits):
        return np.array([_ROWS[bit] for bit in bits], np.float32).T
    sides = np.zeros((2, channels), np.float32)
    sides[0, 0::2] = 1 / ((channels + 1) // 2)
    sides[1, 1::2] = 1 / (channels // 2)
    return sides


def repair(block: AudioBlock) -> tuple[AudioBlock, int]:
    """Replace NaN, infinite and absurdly large samples by silence.

    Returns
    -------
    tuple
        The block, `[channels, samples]`, and how many samples were replaced.
    """
    # NaN compares false, so it counts as absurd, too.
    sane = np.abs(block) <= ABSURD
    wrong = int(sane.size - np.count_nonzero(sane))
    return (np.where(sane, block, np.float32(0)), wrong) if wrong else (block, 0)


@dataclass(slots=True)
class SilenceMap:
    """Detects spans of a stream in which no channel exceeds -60 dBFS.

    Parameters
    ----------
    sample_rate
        In Hz.
    """

    sample_rate: int
    _spans: list[tuple[int, int]] = field(default_factory=list)
    _at: int = 0
    _since: int | None = 0
    """Start of the silence that has not ended yet."""

    def add(self, block: AudioBlock) -> None:
        """Take the next block, `[channels, samples]`."""
        loud = np.flatnonzero(np.abs(block).max(axis=0) > QUIET)
        length = block.shape[1]
        if len(loud):
            if self._since is not None:
                self._end(self._since, self._at + int(loud[0]))
            gaps = np.flatnonzero(np.diff(loud) > self._shortest)
            for gap in gaps:
                self._end(self._at + int(loud[gap]) + 1, self._at + int(loud[gap + 1]))
            last = int(loud[-1]) + 1
            # A gap at the end of this block may continue in the next one.
            self._since = self._at + last
        self._at += length

    def spans(self) -> tuple[tuple[int, int], ...]:
        """Return start and end, in samples, of all silent spans of at least 200 ms so far."""
        spans = list(self._spans)
        if self._since is not None and self._at - self._since >= max(1, self._shortest):
            spans.append((self._since, self._at))
        return tuple(spans)

    @property
    def _shortest(self) -> int:
        return round(SHORTEST_SILENCE * self.sample_rate)

    def _end(self, start: int, end: int) -> None:
        if end - start >= max(1, self._shortest):
            self._spans.append((start, end))


@dataclass(slots=True)
class Clipping:
    """Counts clipped samples: runs of three or more equal samples at or beyond full scale.

    A clipped peak is flat. A round peak beyond full scale, in floating point or a lossy format, is
    not clipped.
    """

    samples: int = 0
    _runs: NDArray[np.int64] | None = None
    """For each channel, the length of the run that reaches the end of the last block."""
    _last: NDArray[np.float32] | None = None
    """For each channel, the last sample of the last block."""

    def add(self, block: AudioBlock) -> None:
        """Take the next block, `[channels, samples]`."""
        if not block.shape[1]:
            return
        if self._runs is None or self._last is None:
            self._runs = np.zeros(len(block), np.int64)
            self._last = np.zeros(len(block), np.float32)
        hot = np.abs(block) >= CLIP
        for channel in range(len(block)):
            if hot[channel].any():
                before = np.concatenate((self._last[channel : channel + 1], block[channel, :-1]))
                again = hot[channel] & (block[channel] == before)
                self._runs[channel] = self._count(again, int(self._runs[channel]))
            if not hot[channel, -1]:
                self._runs[channel] = 0
        self._last = block[:, -1].copy()

    def _count(self, again: NDArray[np.bool_], carried: int) -> int:
        """Count samples that repeat the one before; return the run's length at the end."""
        edges = np.diff(np.concatenate(([False], again, [False])).astype(np.int8))
        starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        # The repeated sample belongs to the run too.
        lengths = ends - starts + 1
        counted = 0
        if len(starts) and starts[0] == 0:
            lengths[0] += carried - 1
            counted = carried if carried >= CLIP_RUN else 0
        self.samples += int(lengths[lengths >= CLIP_RUN].sum()) - counted
        return int(lengths[-1]) if again[-1] else 1


@dataclass(slots=True)
class OffsetMeter:
    """Measures the DC offset: the mean of each channel."""

    _sum: NDArray[np.float64] | None = None
    _samples: int = 0

    def add(self, block: AudioBlock) -> None:
        """Take the next block, `[channels, samples]`."""
        total = block.sum(axis=1, dtype=np.float64)
        self._sum = total if self._sum is None else self._sum + total
        self._samples += block.shape[1]

    def means(self) -> tuple[float, ...]:
        """Return each channel's mean so far, full scale at 1."""
        if self._sum is None:
            return ()
        return tuple(float(mean) for mean in self._sum / max(1, self._samples))
