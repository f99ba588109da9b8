"""What is measured of a stream: silence, offset, clipping; and how channels become two."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kit.arrays import AudioBlock

QUIET = 10 ** (-60 / 20)
"""What does not rise above it is silence: -60 dBFS."""
SHORTEST_SILENCE = 0.2
"""Seconds."""
CLIP = 1.0 - 2.0**-15
"""Full scale, less one step of 16 bits: the largest positive sample of such a file."""
CLIP_RUN = 3
ABSURD = 1e6
"""A float sample above this is damage, not loudness: 120 dB over full scale."""

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
    """Return how channels are summed to at most two.

    Parameters
    ----------
    channels
        Of the source, 1 to 8.
    mask
        Where its speakers stand, as in WAVE_FORMAT_EXTENSIBLE; 0 when unknown.

    Returns
    -------
    NDArray[float32]
        `[1 or 2, channels]`. One and two channels stay as they are.

    Notes
    -----
    ITU-R BS.775-3, annex 4, table 2: the centre and the surrounds go in at -3 dB, a back centre at
    -6 dB to either side, low frequency effects are left out; nothing is attenuated as a whole,
    since what comes to lie beyond full scale is scaled afterwards. Speakers without a place in
    that table, and channels of unknown place, are taken in turn as left and right, each side's
    mean.
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
    """Replace samples that are no numbers, or absurdly large, by silence.

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
    """Parts of a stream in which no channel rises above -60 dBFS.

    Parameters
    ----------
    sample_rate
        In Hz.
    """

    sample_rate: int
    _spans: list[tuple[int, int]] = field(default_factory=list)
    _at: int = 0
    _since: int | None = 0
    """Where the silence that is not over yet began."""

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
            # A gap that begins with this block's last samples goes on in the next one.
            self._since = self._at + last
        self._at += length

    def spans(self) -> tuple[tuple[int, int], ...]:
        """Return start and end, in samples, of every part of 200 ms or more so far."""
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
    """Counts clipped samples: runs of three or more that are equal, at or beyond full scale.

    A peak that was cut off is flat. One that goes beyond full scale in samples of floating point,
    or of a lossy format, and is round there, was not clipped.
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
        # The sample that is repeated belongs to the run, too.
        lengths = ends - starts + 1
        counted = 0
        if len(starts) and starts[0] == 0:
            lengths[0] += carried - 1
            counted = carried if carried >= CLIP_RUN else 0
        self.samples += int(lengths[lengths >= CLIP_RUN].sum()) - counted
        return int(lengths[-1]) if again[-1] else 1


@dataclass(slots=True)
class Offset:
    """The mean of each channel."""

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
