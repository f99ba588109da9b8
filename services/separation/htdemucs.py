"""HTDemucs separation: transforms and normalisation around its graph.

S. Rouard, F. Massa and A. Défossez, "Hybrid Transformers for Music Source Separation", ICASSP 2023.
Mean and deviation over millions of elements are computed here in float64: in the graph, in a single
pass of float32, they alone would cost 30 dB.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F32
from kit.inference.base import Network
from services.separation.dsp import hann, overlap_add, stft, triangle
from services.separation.streaming import Plan

_FLOOR = 1e-5
_POWER = 1.5
"""Sum of the squares of Hann windows with an overlap of 75 %."""


def _level(array: NDArray[np.float32]) -> tuple[np.float32, np.float32]:
    """Return mean and sample standard deviation (as torch does), computed in float64."""
    mean = array.mean(dtype=np.float64)
    deviation = np.sqrt(np.square(array - mean, dtype=np.float64).sum() / (array.size - 1))
    return np.float32(mean), np.float32(deviation)


class HtdemucsSeparator:
    """Separates with one network.

    Parameters
    ----------
    network
        A graph that `networks.htdemucs` writes.
    """

    rate = 44_100
    lead = 0
    centred = True
    batch = 1

    def __init__(self, network: Network) -> None:
        self._network = network
        self.segment = network.inputs["mix"].shape[2] or 0
        self.sources = (network.outputs["time"].shape[1] or 0) // 2
        self._bins = network.inputs["spectrum"].shape[2] or 0
        self._size = 2 * self._bins
        self._hop = self._size // 4
        self._frames = -(-self.segment // self._hop)
        self._window = hann(self._size)
        self._scale = np.float32(np.sqrt(self._size))

    def plan(self, overlap: float) -> Plan:
        """Return a plan with triangular weights, which cross-fade linearly."""
        return Plan(int((1 - overlap) * self.segment), triangle(self.segment))

    def run(self, windows: F32) -> F32:
        """Return the stems of segments: (n, 2, segment) to (n, sources, 2, segment)."""
        return np.stack([self._separate(window) for window in windows])

    def _separate(self, window: F32) -> F32:
        spectrum = self._analyse(window)
        mean, deviation = _level(spectrum)
        mean_t, deviation_t = _level(window)
        outputs = self._network.run(
            {
                "spectrum": (spectrum - mean) / (_FLOOR + deviation),
                "mix": ((window - mean_t) / (_FLOOR + deviation_t))[None],
            }
        )
        parts = outputs["spectrum_out"].reshape(self.sources, 2, 2, self._bins, self._frames)
        stems = outputs["time"].reshape(self.sources, 2, self.segment)
        stems = stems * deviation_t + mean_t
        for stem, part in zip(stems, parts, strict=True):
            stem += self._synthesise(part * deviation + mean)
        return stems

    def _analyse(self, window: F32) -> F32:
        """Return real and imaginary parts as channels: (1, 4, bins, frames)."""
        side = self._hop // 2 * 3
        right = side + self._frames * self._hop - self.segment
        padded = np.pad(window, ((0, 0), (side, right)), mode="reflect")
        bins = stft(padded, self._window, self._hop)[..., :-1] / self._scale
        parts = np.stack([bins.real, bins.imag], axis=1).transpose(0, 1, 3, 2)
        shape = (1, 4, self._bins, self._frames)
        return np.ascontiguousarray(parts, dtype=np.float32).reshape(shape)

    def _synthesise(self, part: F32) -> F32:
        """Return audio of (channels, 2, bins, frames): (channels, segment)."""
        bins = np.zeros((part.shape[0], self._frames, self._bins + 1), np.complex64)
        bins[..., :-1].real = part[:, 0].transpose(0, 2, 1)
        bins[..., :-1].imag = part[:, 1].transpose(0, 2, 1)
        start = self._hop // 2 * 3
        audio = overlap_add(bins, self._window, self._hop)[:, start : start + self.segment]
        return audio * (self._scale / np.float32(_POWER))


class Bag:
    """Separates with one network for each stem, and uses only that stem of its output.

    Parameters
    ----------
    members
        In the order of the stems.
    """

    lead = 0
    centred = True
    batch = 1

    def __init__(self, members: Sequence[HtdemucsSeparator]) -> None:
        self._members = members
        first = members[0]
        self.rate, self.segment, self.sources = first.rate, first.segment, first.sources
        if self.sources != len(members) or any(m.segment != self.segment for m in members):
            raise ValueError("the networks of a bag must give as many stems as there are of them")

    def plan(self, overlap: float) -> Plan:
        """Return the plan that all members share."""
        return self._members[0].plan(overlap)

    def run(self, windows: F32) -> F32:
        """Separate each stem with the network that was tuned for it."""
        own = [m.run(windows)[:, index] for index, m in enumerate(self._members)]
        return np.stack(own, axis=1)
