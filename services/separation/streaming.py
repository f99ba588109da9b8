"""Segments of a long track: which there are, how they overlap, and when samples are final.

Written once for every engine. Audio goes in as blocks and comes out as blocks; what is held at any
time is about two segments, however long the track is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kit.arrays import F32

_TINY = np.float32(1e-30)
MAX_SHIFT_SECONDS = 0.5
"""Longest shift of a pass; that of Demucs."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How an engine's segments overlap."""

    hop: int
    """Samples between the starts of two segments."""
    weight: F32
    """How much each sample of a segment counts where several cover a place: (segment,)."""


class Separator(Protocol):
    """Networks that take a segment of stereo audio apart."""

    @property
    def segment(self) -> int:
        """Samples of one segment."""
        ...

    @property
    def batch(self) -> int:
        """Most segments that it takes at once."""
        ...

    @property
    def sources(self) -> int:
        """How many stems come out."""
        ...

    @property
    def rate(self) -> int:
        """Samples a second that the networks were trained on."""
        ...

    @property
    def lead(self) -> int:
        """Zeros before the first sample in the first segment."""
        ...

    @property
    def centred(self) -> bool:
        """Whether a short last segment lies in the middle of its window, with audio before it."""
        ...

    def plan(self, overlap: float) -> Plan:
        """Return how segments overlap when each covers a share of the one before it again."""
        ...

    def run(self, windows: F32) -> F32:
        """Return the stems of segments: (n, 2, segment) to (n, sources, 2, segment)."""
        ...


class Pass:
    """One pass over a track: blocks in, blocks of finished samples out.

    Parameters
    ----------
    separator
        The networks.
    plan
        How segments overlap.
    lead
        Zeros before the first sample.
    """

    def __init__(self, separator: Separator, plan: Plan, *, lead: int) -> None:
        self._separator = separator
        self._plan = plan
        size = separator.segment
        # A short last segment reaches back before its start for half of what it lacks.
        self._history = size // 2 + 1 if separator.centred else 0
        self._audio = np.zeros((2, self._history + lead), np.float32)
        self._origin = -lead - self._history
        self._start = -lead
        self._received = 0
        self._sum = np.zeros((separator.sources, 2, size), np.float32)
        self._weight = np.zeros(size, np.float32)
        self._emitted = 0

    def push(self, block: F32) -> Iterator[F32]:
        """Take (2, samples) and yield what is final now: (sources, 2, samples)."""
        self._audio = np.concatenate([self._audio, block], axis=1)
        self._received += block.shape[1]
        batch, hop = self._separator.batch, self._plan.hop
        while self._start + (batch - 1) * hop + self._separator.segment <= self._received:
            yield from self._run(batch)

    def finish(self) -> Iterator[F32]:
        """Yield the rest."""
        while self._start < self._received:
            left = -(-(self._received - self._start) // self._plan.hop)
            yield from self._run(min(self._separator.batch, left))

    def _run(self, number: int) -> Iterator[F32]:
        """Take the next segments apart together, and add them up one by one."""
        places = [self._place(self._start + k * self._plan.hop) for k in range(number)]
        windows = np.stack([self._window(start) for start, _ in places])
        for made, (_, first) in zip(self._separator.run(windows), places, strict=True):
            yield from self._add(made, first)

    def _place(self, start: int) -> tuple[int, int]:
        """Return where the window of a segment begins, and the segment's first sample in it."""
        size = self._separator.segment
        short = size - min(size, self._received - start)
        first = short // 2 if self._separator.centred else 0
        return start - first, first

    def _add(self, made: F32, first: int) -> Iterator[F32]:
        size, start, end = self._separator.segment, self._start, self._received
        count, hop = min(size, end - start), self._plan.hop
        weight = self._plan.weight[:count]
        self._sum[..., :count] += made[..., first : first + count] * weight
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
    """Take a track apart as a stream.

    Parameters
    ----------
    blocks
        Stereo audio at the separator's rate: (2, samples), any number of them.
    separator
        The networks.
    overlap
        Share of a segment that the next one covers again, 0 to 0.9.
    shifts
        Number of passes, each delayed by another part of half a second and undone afterwards, which
        are averaged; 0 is one pass without delay. The delays are spread evenly, not drawn, so that
        the same input gives the same output.

    Yields
    ------
    ndarray
        (sources, 2, samples); as many samples in all as came in.
    """
    plan = separator.plan(overlap)
    longest = int(MAX_SHIFT_SECONDS * separator.rate)
    delays = [longest * (2 * k + 1) // (2 * shifts) for k in range(shifts)] if shifts else [0]
    passes = [Pass(separator, plan, lead=separator.lead + delay) for delay in delays]
    waiting: list[list[F32]] = [[] for _ in passes]
    for block in blocks:
        for queue, one in zip(waiting, passes, strict=True):
            queue.extend(one.push(block))
        yield from _average(waiting)
    for queue, one in zip(waiting, passes, strict=True):
        queue.extend(one.finish())
    yield from _average(waiting)


def _average(waiting: list[list[F32]]) -> Iterator[F32]:
    """Yield the mean of what every pass has finished, and keep the rest."""
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
