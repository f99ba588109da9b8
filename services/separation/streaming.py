"""Segment a long track, overlap-add the separated segments, and emit final samples.

All engines share this code. Audio is processed in blocks; memory holds about two segments, however
long the track is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kit.arrays import F32

_TINY = np.float32(1e-30)
MAX_SHIFT_SECONDS = 0.5
"""Maximum shift of a pass, as in Demucs."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How an engine's segments overlap."""

    hop: int
    """Samples between the starts of two segments."""
    weight: F32
    """Weight of each sample of a segment in the overlap-add: (segment,)."""


class Separator(Protocol):
    """Networks that separate a segment of stereo audio."""

    @property
    def segment(self) -> int:
        """Samples of one segment."""
        ...

    @property
    def batch(self) -> int:
        """Maximum number of segments in one run."""
        ...

    @property
    def sources(self) -> int:
        """Number of stems."""
        ...

    @property
    def rate(self) -> int:
        """Sample rate of the networks, in Hz."""
        ...

    @property
    def lead(self) -> int:
        """Zeros before the first sample in the first segment."""
        ...

    @property
    def centred(self) -> bool:
        """Whether a short last segment is centred in its window, with audio before it."""
        ...

    def plan(self, overlap: float) -> Plan:
        """Return the plan for an overlap of consecutive segments, as a share of a segment."""
        ...

    def run(self, windows: F32) -> F32:
        """Return the stems of segments: (n, 2, segment) to (n, sources, 2, segment)."""
        ...


class Pass:
    """One pass over a track: accepts blocks, and yields blocks of final samples.

    Parameters
    ----------
    separator
        The networks.
    plan
        The overlap of segments.
    lead
        Zeros before the first sample.
    """

    def __init__(self, separator: Separator, plan: Plan, *, lead: int) -> None:
        self._separator = separator
        self._plan = plan
        size = separator.segment
        # A short last segment is padded with earlier audio by half of its missing length.
        self._history = size // 2 + 1 if separator.centred else 0
        self._audio = np.zeros((2, self._history + lead), np.float32)
        self._origin = -lead - self._history
        self._start = -lead
        self._received = 0
        self._sum = np.zeros((separator.sources, 2, size), np.float32)
        self._weight = np.zeros(size, np.float32)
        self._emitted = 0

    def push(self, block: F32) -> Iterator[F32]:
        """Process (2, samples) and yield final samples: (sources, 2, samples)."""
        self._audio = np.concatenate([self._audio, block], axis=1)
        self._received += block.shape[1]
        batch, hop = self._separator.batch, self._plan.hop
        while self._start + (batch - 1) * hop + self._separator.segment <= self._received:
            yield from self._run(batch)

    def finish(self) -> Iterator[F32]:
        """Process the end of the track and yield the remaining samples."""
        while self._start < self._received:
            left = -(-(self._received - self._start) // self._plan.hop)
            yield from self._run(min(self._separator.batch, left))

    def _run(self, number: int) -> Iterator[F32]:
        """Separate the next segments in one batch, and overlap-add them."""
        places = [self._place(self._start + k * self._plan.hop) for k in range(number)]
        windows = np.stack([self._window(start) for start, _ in places])
        for separated, (_, first) in zip(self._separator.run(windows), places, strict=True):
            yield from self._add(separated, first)

    def _place(self, start: int) -> tuple[int, int]:
        """Return the start of a segment's window, and the segment's first sample in it."""
        size = self._separator.segment
        short = size - min(size, self._received - start)
        first = short // 2 if self._separator.centred else 0
        return start - first, first

    def _add(self, separated: F32, first: int) -> Iterator[F32]:
        size, start, end = self._separator.segment, self._start, self._received
        count, hop = min(size, end - start), self._plan.hop
        weight = self._plan.weight[:count]
        self._sum[..., :count] += separated[..., first : first + count] * weight
        self._weight[:count] += weight
        done = min(hop, count) if start + hop < end else count
        skip = max(0, self._emitted - start)
        if done > skip:
            self._emitted = start + done
            divisor: F32 = np.maximum(self._weight[skip:done], _TINY)
            yield self._sum[..., skip:done] / divisor
        self._advance(hop)

    def _window(self, start: int) -> F32:
        size = self._separator.segment
        window = self._audio[:, start - self._origin : start - self._origin + size]
        return np.pad(window, ((0, 0), (0, size - window.shape[1])))

    def _advance(self, hop: int) -> None:
        for buffer in (self._sum, self._weight):
            buffer[..., :-hop] = buffer[..., hop:]
            buffer[..., -hop:] = 0
        self._start += hop
        spare = self._start - self._history - self._origin
        self._audio = self._audio[:, spare:].copy()
        self._origin += spare


def separate_stream(
    blocks: Iterable[F32], separator: Separator, *, overlap: float, shifts: int = 0
) -> Iterator[F32]:
    """Separate a track as a stream, by weighted overlap-add of segments.

    Parameters
    ----------
    blocks
        Stereo audio at the separator's rate: (2, samples), any number of them.
    separator
        The networks.
    overlap
        Overlap of consecutive segments as a share of a segment, 0 to 0.9.
    shifts
        Number of passes to average, each with another delay of up to half a second that is undone
        afterwards; 0 is one pass without delay. The delays are evenly spaced instead of random, so
        the output is deterministic.

    Yields
    ------
    ndarray
        (sources, 2, samples); as many samples in total as the input.
    """
    plan = separator.plan(overlap)
    longest = int(MAX_SHIFT_SECONDS * separator.rate)
    delays = [longest * (2 * k + 1) // (2 * shifts) for k in range(shifts)] if shifts else [0]
    passes = [Pass(separator, plan, lead=separator.lead + delay) for delay in delays]
    waiting: list[list[F32]] = [[] for _ in passes]
    for block in blocks:
        for queue, pass_ in zip(waiting, passes, strict=True):
            queue.extend(pass_.push(block))
        yield from _average(waiting)
    for queue, pass_ in zip(waiting, passes, strict=True):
        queue.extend(pass_.finish())
    yield from _average(waiting)


def _average(waiting: list[list[F32]]) -> Iterator[F32]:
    """Yield the mean of the samples that all passes have finished, and keep the rest."""
    if len(waiting) == 1:
        yield from waiting[0]
        waiting[0].clear()
        return
    ready = min(sum(part.shape[-1] for part in queue) for queue in waiting)
    if not ready:
        return
    total: F32 | None = None
    for queue in waiting:
        joined = np.concatenate(queue, axis=-1)
        head, rest = joined[..., :ready], joined[..., ready:]
        queue[:] = [rest.copy()] if rest.shape[-1] else []
        total = head.copy() if total is None else total + head
    if total is not None:
        yield total / np.float32(len(waiting))
