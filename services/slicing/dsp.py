"""Locate a sound's attack, start and end in samples, and fade it. Pure numpy."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kit.arrays import F32, F64

_BACKTRACK = 0.05
"""Seconds before the onset-strength peak in which an attack may begin."""
_SETTLE = 0.02
"""Seconds after the peak in which the attack may still rise."""
_CROSSING = 0.004
"""Search range for a zero crossing in seconds."""
_CANCELS = 4.0
"""Ratio of side to mid energy above which the side signal is used instead of mid."""
_ATTACK_SHARE = 0.05
"""The attack begins where the envelope has risen by this share from the valley to its top."""


class SlidingBuffer:
    """A sliding window over an audio stream that keeps only the samples still needed.

    Parameters
    ----------
    blocks
        Audio, each block `[channels, samples]`.
    """

    def __init__(self, blocks: Iterator[F32]) -> None:
        self._blocks = blocks
        self._held: F32 | None = None
        self._first = 0
        """Position of the first sample of `_held`."""
        self._next = 0
        """Position of the first sample of the next block."""
        self._floor = 0
        """Samples before this position are no longer needed."""

    @property
    def held(self) -> int:
        """Samples in memory."""
        return 0 if self._held is None else self._held.shape[1]

    def take(self, start: int, end: int) -> F32:
        """Return samples `start` to `end`, `[channels, ≤ end - start]`, fewer at the audio's end.

        Raises
        ------
        ValueError
            `start` lies before the dropped samples.
        """
        if start < self._floor:
            raise ValueError(f"sample {start} is gone; the window begins at {self._floor}")
        fresh: list[F32] = []
        while self._next < end:
            block = next(self._blocks, None)
            if block is None:
                break
            self._next += block.shape[1]
            if self._next > self._floor:
                fresh.append(block)
        if fresh:
            parts = fresh if self._held is None else [self._held, *fresh]
            self._held = np.concatenate(parts, axis=1)
            self._first = self._next - self._held.shape[1]
            self._trim()
        if self._held is None:
            return np.zeros((1, 0), np.float32)
        return self._held[:, max(0, start - self._first) : max(0, end - self._first)]

    def forget(self, before: int) -> None:
        """Drop the samples before a position, even if they are not read yet."""
        self._floor = max(self._floor, before)
        self._trim()

    def _trim(self) -> None:
        if self._held is None or self._floor <= self._first:
            return
        if self._floor >= self._next:
            self._held, self._first = None, self._next
            return
        # Copy, because a view would keep the whole array alive.
        self._held = self._held[:, self._floor - self._first :].copy()
        self._first = self._floor


def envelope(signal: F32, hop: int) -> F64:
    """Compute the RMS envelope of the louder channel.

    Parameters
    ----------
    signal
        `[channels, samples]`.
    hop
        Samples of a step; an incomplete last step is dropped.

    Returns
    -------
    F64
        `[samples // hop]`.
    """
    count = signal.shape[1] // hop
    body = signal[:, : count * hop].reshape(signal.shape[0], count, hop).astype(np.float64)
    power = np.mean(body**2, axis=2)
    return np.asarray(np.sqrt(power.max(axis=0)), dtype=np.float64)


def attack(signal: F32, onset: int, *, sample_rate: int, opening: bool = False) -> int:
    """Locate the start of an onset's attack on the envelope of the differentiated signal.

    From the steepest rise near the onset-strength peak, the envelope is followed back into the
    valley before it, to 5 % of the rise above that valley.

    Parameters
    ----------
    signal
        `[channels, samples]` around the onset.
    onset
        Sample of the onset-strength peak in `signal`.
    sample_rate
        In Hz.
    opening
        Whether `signal` is the beginning of the recording, with silence before it.
    """
    hop = max(1, sample_rate // 1000)
    low = max(0, onset - round(_BACKTRACK * sample_rate))
    high = min(signal.shape[1], onset + round(_SETTLE * sample_rate))
    # The difference of neighbouring samples lets a soft hi-hat show above the tail of a kick.
    curve = envelope(np.diff(signal[:, low:high], axis=1, prepend=signal[:, low : low + 1]), hop)
    if curve.size < 4:
        return min(max(low, onset), int(signal.shape[1]))
    silent = opening and low == 0
    if silent:
        curve = np.concatenate([np.zeros(2), curve])
    rise = curve[2:] - curve[:-2]
    steepest = int(np.argmax(rise)) + 1
    top = float(curve[steepest : steepest + 15].max())
    # A valley precedes the attack: silence, or the tail of the previous sound. Going back, it ends
    # where that tail rises again.
    valley = steepest
    for step in range(steepest, -1, -1):
        if curve[step] < curve[valley]:
            valley = step
        elif curve[step] > 1.5 * curve[valley] and step < valley - 1:
            break
    threshold = float(curve[valley]) + _ATTACK_SHARE * (top - float(curve[valley]))
    at = steepest
    while at > valley and curve[at] > threshold:
        at -= 1
    # The attack may start anywhere within the first step that exceeds the threshold.
    return low + max(0, at - (2 if silent else 0)) * hop


def crossing(signal: F32, at: int, *, earliest: int, sample_rate: int) -> int:
    """Find the last zero crossing at or before a sample, within 4 ms.

    It uses the mid signal, or the side signal where mid cancels. Without a crossing it returns the
    sample at which the channels are nearest to zero.
    """
    low = max(0, earliest, at - round(_CROSSING * sample_rate))
    at = min(at, signal.shape[1])
    if at - low < 2:
        return max(low, at)
    middle: F32 = signal[:, low:at].sum(axis=0)
    if len(signal) == 2:
        side: F32 = signal[0, low:at] - signal[1, low:at]
        if float(side @ side) > _CANCELS * float(middle @ middle):
            middle = side
    crossings = np.flatnonzero(np.signbit(middle[:-1]) != np.signbit(middle[1:]))
    if crossings.size:
        last = int(crossings[-1])
        return low + last + int(np.abs(middle[last : last + 2]).argmin())
    return low + int(np.argmin(np.abs(signal[:, low:at]).max(axis=0)))


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a sound, and whether it had decayed by then."""

    end: int
    decayed: bool


def tail(signal: F32, *, sample_rate: int, tail_db: float, quietest: float) -> Tail:
    """Find the end of a sound's decay on its RMS envelope.

    Parameters
    ----------
    signal
        `[channels, samples]` from the attack to the latest possible end.
    sample_rate
        In Hz.
    tail_db
        Level below the sound's own peak at which it counts as decayed, in dB.
    quietest
        Linear level below which everything counts as silence.

    Returns
    -------
    Tail
        The first sample after which the envelope stays below the level for 50 ms; or, if the
        background is louder than that level, the first one after which the sound stays within it
        for 150 ms, provided the background is at least 20 dB below the peak.
    """
    hop = max(1, round(0.005 * sample_rate))
    curve = envelope(signal, hop)
    if curve.size < 2:
        return Tail(signal.shape[1], False)
    top = int(np.argmax(curve[: max(2, round(0.15 * sample_rate / hop))]))
    peak = float(curve[top])
    gone = max(peak * 10.0 ** (tail_db / 20.0), quietest)
    end = _stays_below(curve, gone, since=top, steps=round(0.05 * sample_rate / hop))
    if end is None:
        floor = float(np.percentile(curve[top:], 5))
        if floor < 0.1 * peak:
            end = _stays_below(curve, 1.4 * floor, since=top, steps=round(0.15 * sample_rate / hop))
    if end is None:
        return Tail(signal.shape[1], False)
    return Tail(min(signal.shape[1], (end + 1) * hop), True)


def _stays_below(curve: F64, level: float, *, since: int, steps: int) -> int | None:
    below = curve < level
    below[: since + 1] = False
    steps = max(1, steps)
    if below.size < steps:
        return None
    runs = np.convolve(below, np.ones(steps), mode="valid") >= steps
    return int(np.argmax(runs)) if runs.any() else None


def faded(signal: F32, *, fade_in: int, fade_out: int, gain: float = 1.0) -> F32:
    """Apply raised-cosine fades, in samples, and a linear gain to a copy."""
    result = signal * np.float32(gain)
    fade_in = min(fade_in, result.shape[1])
    fade_out = min(fade_out, result.shape[1] - fade_in)
    if fade_in > 0:
        result[:, :fade_in] *= _ramp(fade_in)
    if fade_out > 0:
        result[:, -fade_out:] *= _ramp(fade_out)[::-1]
    return np.asarray(result, dtype=np.float32)


def seamless(signal: F32, before: F32) -> F32:
    """Return a loop whose end changes into what precedes its beginning, so that no step is heard.

    Parameters
    ----------
    signal
        The loop, `[channels, samples]`.
    before
        What precedes it in the recording, `[channels, fade]`: a sample at least, and at most as
        long as the loop.
    """
    length = before.shape[1]
    result = signal.copy()
    result[:, -length:] += _ramp(length) * (before - result[:, -length:])
    return result


def _ramp(length: int) -> F32:
    return (0.5 - 0.5 * np.cos(np.pi * np.arange(length) / length)).astype(np.float32)
