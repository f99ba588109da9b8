"""One channel of two without losing what is out of phase between them.

The mean of the channels is silent where one is the other's opposite: a whole recording with one
cable crossed, a passage, or one instrument that was widened until it has no middle. Everything that
listens in mono listens to this down-mix.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from kit.arrays import AudioBlock

_WINDOW = 0.093
"""Seconds of a spectrum: long enough to part the partials of a lead from those around it."""
_FRAMES = 64
"""Spectra that are looked at together."""
_FROM, _TO = 0.8, 0.95
"""Share of the side in the energy of a band from which it is heard too, and as a whole: what
stands in one loudspeaker alone has 0.5, and rooms and doubled guitars vary around that."""
_LEANS = 0.1
"""A correlation of middle and side below this, negative, is one: the right channel is louder."""


def downmix(blocks: Iterable[AudioBlock], sample_rate: int) -> Iterator[AudioBlock]:
    """Yield one channel of a stream: the middle, and what would cancel in it.

    Parameters
    ----------
    blocks
        `[channels, samples]`. One channel stays as it is, of more than two the mean is taken.
    sample_rate
        In Hz.

    Yields
    ------
    NDArray[float32]
        `[1, samples]`, as many samples as came in, in blocks of whatever length comes out.

    Notes
    -----
    Middle and side are half the sum and half the difference of the channels. In each bin of a
    short-time spectrum (93 ms, square root of a Hann window, hops of a half) the energies of both
    are added up over the nine bins around it in time and frequency. Where the side has more than
    80 % of them it is added to the middle, as a whole from 95 %, by overlap-add. Hence a stream
    with opposite channels gives its left channel to rounding, as one with equal channels does,
    and one whose channels go together gives exactly their mean. Where the right channel is the
    louder one the side is added with its sign changed, so that it never takes from the middle.
    """
    stream = iter(blocks)
    first = next(stream, None)
    if first is None:
        return
    whole = _chain(first, stream)
    if first.shape[0] == 1:
        yield from whole
    elif first.shape[0] > 2:
        for block in whole:
            yield block.mean(axis=0, keepdims=True, dtype=np.float32)
    else:
        yield from _stereo(whole, sample_rate)


def _chain(first: AudioBlock, rest: Iterable[AudioBlock]) -> Iterator[AudioBlock]:
    yield first
    yield from rest


def _stereo(blocks: Iterable[AudioBlock], sample_rate: int) -> Iterator[AudioBlock]:
    hop = 2 ** max(3, round(np.log2(_WINDOW * sample_rate)) - 1)
    window = np.sqrt(np.hanning(2 * hop + 1)[:-1]).astype(np.float32)
    # What is held begins two hops before the first frame that is still to be mixed: the frame
    # before that one is looked at, too.
    held = np.zeros((2, 2 * hop), np.float32)
    tail = np.zeros(hop, np.float32)
    parts: list[AudioBlock] = []
    waiting, taken, given = 0, 0, -hop

    def mixed() -> Iterator[AudioBlock]:
        """Mix what is held, and yield what is settled of the stream's own samples."""
        nonlocal held, tail, given
        middle = 0.5 * (held[0] + held[1])
        added, tail = _missing(held, middle, window, tail)
        span = len(added)
        out = middle[hop : hop + span] + added
        out = out[max(0, -given) : taken - given]
        given += span
        held = held[:, span:]
        if len(out):
            yield out[None]

    for block in blocks:
        parts.append(np.asarray(block, np.float32))
        waiting += block.shape[1]
        taken += block.shape[1]
        if held.shape[1] + waiting >= (_FRAMES + 3) * hop:
            held = np.concatenate([held, *parts], axis=1)
            parts, waiting = [], 0
            yield from mixed()
    held = np.concatenate([held, *parts], axis=1)
    while given < taken:
        # The end is followed by silence, as long as the last frames reach.
        held = np.pad(held, ((0, 0), (0, 4 * hop)))
        yield from mixed()


def _missing(
    held: AudioBlock,
    middle: NDArray[np.float32],
    window: NDArray[np.float32],
    tail: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what the middle lacks, one hop for each frame, and what is left of the last frame.

    `held` begins with the frame before the first that is mixed, and ends with one after the last;
    the answer belongs to the samples from one hop on.
    """
    hop = len(window) // 2
    count = held.shape[1] // hop - 3
    span = (count + 3) * hop
    side = 0.5 * (held[0, :span] - held[1, :span])
    if not side.any():
        return np.concatenate([tail, np.zeros((count - 1) * hop, np.float32)]), np.zeros_like(tail)
    spectra = [
        np.fft.rfft(np.lib.stride_tricks.sliding_window_view(one[:span], 2 * hop)[::hop] * window)
        for one in (middle, side)
    ]
    mid, out = spectra
    energies = [
        _around(power)
        for power in (
            mid.real**2 + mid.imag**2,
            out.real**2 + out.imag**2,
            mid.real * out.real + mid.imag * out.imag,
        )
    ]
    total = energies[0] + energies[1]
    share = energies[1] / np.maximum(total, 1e-30)
    weight = np.clip((share - _FROM) / (_TO - _FROM), 0.0, 1.0)
    weight[energies[2] < -_LEANS * total] *= -1.0
    frames = np.fft.irfft(out[1:-1] * weight, axis=1) * window
    added = frames[:, :hop].copy()
    added[0] += tail
    added[1:] += frames[:-1, hop:]
    return added.reshape(-1).astype(np.float32), frames[-1, hop:].astype(np.float32)


def _around(power: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the sums over three frames and three bins, without the first and the last frame."""
    rows = power[:-2] + power[1:-1] + power[2:]
    wide = np.pad(rows, ((0, 0), (1, 1)))
    return np.asarray(wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:])
