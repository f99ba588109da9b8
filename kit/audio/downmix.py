"""Phase-aware downmix from stereo to mono.

The mean of two channels cancels where they have opposite polarity: in a recording with one cable
reversed, in a passage, or for one instrument that was widened until it has no mid signal. All mono
processing uses this downmix instead.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from kit.arrays import AudioBlock

_WINDOW = 0.093
"""Window length in seconds: long enough to resolve a lead's partials from those around it."""
_FRAMES = 64
"""Frames in one batch."""
_FROM, _TO = 0.8, 0.95
"""Share of the side signal in a band's energy at which it starts to be added, and is fully added. A
sound in one loudspeaker alone has 0.5; rooms and doubled guitars vary around that."""
_LEANS = 0.1
"""The right channel counts as louder if the correlation of mid and side is below minus this."""


def downmix(blocks: Iterable[AudioBlock], sample_rate: int) -> Iterator[AudioBlock]:
    """Downmix a stream to mono: the mid signal, plus the side signal in bins where mid cancels.

    Parameters
    ----------
    blocks
        `[channels, samples]`. One channel is unchanged; more than two are averaged.
    sample_rate
        In Hz.

    Yields
    ------
    NDArray[float32]
        `[1, samples]`, as many samples as the input, in blocks of varying length.

    Notes
    -----
    Mid and side are half the sum and half the difference of the channels. In each bin of a
    short-time spectrum (93 ms, square root of a Hann window, 50 % overlap) the energies of both
    are summed over the 3 × 3 bins around it in time and frequency. If the side has more than 80 %
    of the energy it is added to mid by overlap-add, fully from 95 % on. Hence a stream with
    opposite channels yields its left channel up to rounding, as one with equal channels does, and
    one whose channels correlate yields exactly their mean. If the right channel is louder, the
    side is added with inverted sign, so that it never subtracts from mid.
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
    # `held` begins two hops before the first unmixed frame, because mixing a frame needs the frame
    # before it.
    held = np.zeros((2, 2 * hop), np.float32)
    tail = np.zeros(hop, np.float32)
    parts: list[AudioBlock] = []
    waiting, taken, emitted = 0, 0, -hop

    def mixed() -> Iterator[AudioBlock]:
        """Mix the held samples and yield those that are final and belong to the stream."""
        nonlocal held, tail, emitted
        middle = 0.5 * (held[0] + held[1])
        added, tail = _missing(held, middle, window, tail)
        span = len(added)
        out = middle[hop : hop + span] + added
        out = out[max(0, -emitted) : taken - emitted]
        emitted += span
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
    while emitted < taken:
        # Pad the end with silence for the last frames.
        held = np.pad(held, ((0, 0), (0, 4 * hop)))
        yield from mixed()


def _missing(
    held: AudioBlock,
    middle: NDArray[np.float32],
    window: NDArray[np.float32],
    tail: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the signal to add to mid, one hop per frame, and the overlap of the last frame.

    `held` includes one frame before the first mixed one and one after the last; the result starts
    one hop into it.
    """
    hop = len(window) // 2
    count = held.shape[1] // hop - 3
    span = (count + 3) * hop
    side = 0.5 * (held[0, :span] - held[1, :span])
    if not side.any():
        return np.concatenate([tail, np.zeros((count - 1) * hop, np.float32)]), np.zeros_like(tail)
    spectra = [
        np.fft.rfft(
            np.lib.stride_tricks.sliding_window_view(signal[:span], 2 * hop)[::hop] * window
        )
        for signal in (middle, side)
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
    """Sum over 3 × 3 neighbouring frames and bins; the first and the last frame are dropped."""
    rows = power[:-2] + power[1:-1] + power[2:]
    wide = np.pad(rows, ((0, 0), (1, 1)))
    return np.asarray(wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:])
