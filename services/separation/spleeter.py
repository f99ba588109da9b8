"""Spleeter separation: masks for the spectrogram, from its magnitude."""

import numpy as np

from kit.arrays import F32
from kit.inference.base import Network
from services.separation.dsp import hann, overlap_add, stft, triangle, window_power
from services.separation.streaming import Plan

SIZE = 4096
HOP = 1024
BAND = slice(704, 1024)
"""Bins from 7.6 to 11 kHz, whose mean mask is used above 11 kHz, beyond the networks' range. The
original outputs silence there, or uses the mean of all bins; measured in the benchmark."""


class SpleeterSeparator:
    """Separates vocals and accompaniment.

    Parameters
    ----------
    network
        The graph that `networks.spleeter` writes.
    """

    sources = 2
    rate = 44_100
    lead = SIZE
    """The original puts one window of zeros before the track."""
    centred = False
    batch = 1

    def __init__(self, network: Network) -> None:
        self._network = network
        self._frames = network.inputs["magnitude"].shape[2] or 0
        self._bins = network.inputs["magnitude"].shape[3] or 0
        self._window = hann(SIZE)
        self._power = window_power(self._window, HOP, self._frames)
        self._divisor: F32 = np.maximum(self._power, np.float32(1e-20))
        self.segment = (self._frames - 1) * HOP + SIZE

    def plan(self, overlap: float) -> Plan:
        """Return segments of whole frames; without overlap they join as in the original."""
        hop = max(1, round((1 - overlap) * self._frames)) * HOP
        weight = self._power if not overlap else self._power * triangle(self.segment)
        return Plan(hop, weight)

    def run(self, windows: F32) -> F32:
        """Return vocals and accompaniment: (n, 2, segment) to (n, 2, 2, segment)."""
        return np.stack([self._separate(window) for window in windows])

    def _separate(self, window: F32) -> F32:
        spectrum = stft(window, self._window, HOP)
        magnitude = np.abs(spectrum[..., : self._bins])[None]
        mask = self._network.run({"magnitude": magnitude})["masks"][0]
        spectrum[..., : self._bins] *= mask
        spectrum[..., self._bins :] *= mask[..., BAND].mean(axis=-1, keepdims=True)
        vocals = overlap_add(spectrum, self._window, HOP)
        vocals /= self._divisor
        # The two masks sum to 1, so the accompaniment is the rest.
        return np.stack([vocals, window - vocals])
