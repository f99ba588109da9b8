"""Estimate a recording's DC offset, and remove it for measurements.

Stored files keep their offset. An offset of 0.2 % of full scale is inaudible, but lies above the
silence threshold, so it hides pauses and the ends of sounds from measurements.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from kit.arrays import AudioBlock

_BLOCK = 0.05
"""Block length in seconds; a quarter of a short sound, so that its tail is one block."""
_QUIETEST = 0.25
"""Share of the blocks that is used: the quieter a block, the closer its mean is to the offset."""
_SMALLEST = 1e-4
"""Offsets below this (-80 dBFS) are ignored."""
_FINEST = 0.005
"""Seconds of the pieces that blocks consist of."""

Offset = NDArray[np.float32]
"""`[channels, 1]`, full scale at 1."""


def find_offset(blocks: Iterable[AudioBlock], sample_rate: int) -> Offset:
    """Estimate the DC offset of each channel from its quietest blocks.

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
        Exactly 0 if it is below -80 dBFS or smaller than the signal in those blocks: then it hides
        nothing, and may be a slow wave.
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
    pieces_per_block = max(1, min(round(_BLOCK / _FINEST), pieces.shape[2] // 4))
    count = pieces.shape[2] // pieces_per_block
    if not count:
        return np.zeros((len(rest), 1), np.float32)
    grouped = (
        pieces[:, :, : count * pieces_per_block]
        .reshape(2, len(rest), count, pieces_per_block)
        .mean(axis=3)
    )
    means, spread = grouped[0], np.sqrt(np.maximum(grouped[1] - grouped[0] ** 2, 0.0))
    offsets = np.zeros((len(rest), 1), np.float32)
    for channel in range(len(rest)):
        quiet = np.argsort(spread[channel], kind="stable")[: max(1, round(_QUIETEST * count))]
        offset = float(np.median(means[channel, quiet]))
        if abs(offset) > max(_SMALLEST, float(np.median(spread[channel, quiet]))):
            offsets[channel] = offset
    return offsets


def without_offset(blocks: Iterable[AudioBlock], offset: Offset) -> Iterator[AudioBlock]:
    """Subtract a DC offset from blocks, `[channels, samples]`; blocks stay unchanged if it is 0."""
    for block in blocks:
        yield block - offset if offset.any() else block
