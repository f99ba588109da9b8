"""A constant offset of a recording: found and taken away where something is measured.

What is stored keeps it. An offset of 0.2 % of full scale lies above what counts as silence, so it
hides pauses and the ends of sounds, though nobody hears it.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from kit.arrays import AudioBlock

_BLOCK = 0.05
"""Seconds whose mean is looked at; of short sounds a quarter, so that their tail is one."""
_QUIETEST = 0.25
"""Share of the blocks that is asked: the quieter a moment, the surer its mean is the offset."""
_SMALLEST = 1e-4
"""An offset below this (-80 dBFS) hides nothing."""
_FINEST = 0.005
"""Seconds of the pieces that blocks are put together from."""

Offset = NDArray[np.float32]
"""`[channels, 1]`, full scale at 1."""


def find_offset(blocks: Iterable[AudioBlock], sample_rate: int) -> Offset:
    """Return the constant offset of each channel.

    Parameters
    ----------
    blocks
        The whole recording, each block `[channels, samples]`.
    sample_rate
        In Hz.

    Returns
    -------
    NDArray[float32]
        `[channels, 1]`: the median of the means of the quietest quarter of all blocks of 50 ms.
        Exactly 0 where it is below -80 dBFS, or smaller than what sounds in those blocks: then it
        hides nothing, and a slow wave may be taken for it.
    """
    size = max(1, round(_FINEST * sample_rate))
    sums: list[NDArray[np.float64]] = []
    rest: AudioBlock | None = None
    for block in blocks:
        whole = block if rest is None else np.concatenate([rest, block], axis=1)
        count = whole.shape[1] // size
        parts = whole[:, : count * size].reshape(len(whole), count, size).astype(np.float64)
        sums.append(np.stack([parts.mean(axis=2), np.mean(parts**2, axis=2)]))
        rest = whole[:, count * size :]
    if rest is None:
        return np.zeros((1, 1), np.float32)
    pieces = np.concatenate(sums, axis=2)
    together = max(1, min(round(_BLOCK / _FINEST), pieces.shape[2] // 4))
    count = pieces.shape[2] // together
    if not count:
        return np.zeros((len(rest), 1), np.float32)
    grouped = pieces[:, :, : count * together].reshape(2, len(rest), count, together).mean(axis=3)
    means, spread = grouped[0], np.sqrt(np.maximum(grouped[1] - grouped[0] ** 2, 0.0))
    found = np.zeros((len(rest), 1), np.float32)
    for channel in range(len(rest)):
        quiet = np.argsort(spread[channel], kind="stable")[: max(1, round(_QUIETEST * count))]
        offset = float(np.median(means[channel, quiet]))
        if abs(offset) > max(_SMALLEST, float(np.median(spread[channel, quiet]))):
            found[channel] = offset
    return found


def without_offset(blocks: Iterable[AudioBlock], offset: Offset) -> Iterator[AudioBlock]:
    """Yield a stream less a constant offset, `[channels, samples]`; untouched where it is 0."""
    for block in blocks:
        yield block - offset if offset.any() else block
