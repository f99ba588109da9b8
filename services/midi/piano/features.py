"""The piano network's input: mel spectra of a segment through six windows."""

from dataclasses import dataclass

import numpy as np

from kit.arrays import F32, AudioBlock
from services.midi.piano.shape import (
    BANDS,
    FRAME_SIZE,
    HOP,
    SEGMENT_FRAMES,
    SEGMENT_SAMPLES,
    WINDOWS,
)

_FLOOR = 1e-5
_FRAMES_AT_ONCE = 64
_OVERLAP = FRAME_SIZE // HOP


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """Computes the features of segments.

    Parameters
    ----------
    windows
        [`WINDOWS`, `FRAME_SIZE`].
    mel
        [bins, `BANDS`]: weights of the bins from 0 Hz up, as many as have any.
    """

    windows: F32
    mel: F32

    def features(self, segment: AudioBlock) -> F32:
        """Compute the features of a segment.

        Parameters
        ----------
        segment
            [channels, `SEGMENT_SAMPLES`] at `RATE`. Its level has no effect.

        Returns
        -------
        F32
            [`WINDOWS`, `SEGMENT_FRAMES`, `BANDS`]: logarithms of the power, the mean of all
            channels, from 0. Frame `t` is centred on sample `t` · `HOP`.
        """
        frames = _frames(_levelled(_padded(segment)))
        features = np.empty((WINDOWS, SEGMENT_FRAMES, BANDS), np.float32)
        for first in range(0, SEGMENT_FRAMES, _FRAMES_AT_ONCE):
            part = frames[:, first : first + _FRAMES_AT_ONCE]
            for window, output in zip(self.windows, features, strict=True):
                power = self._power(part * window)
                output[first : first + _FRAMES_AT_ONCE] = power @ self.mel
        np.add(features, _FLOOR, out=features)
        np.log(features, out=features)
        return features / np.float32(-np.log(_FLOOR)) + np.float32(1)

    def _power(self, frames: F32) -> F32:
        """Return the mean power of channels, [frames, bins]."""
        spectra = np.fft.rfft(frames, axis=-1)[..., : len(self.mel)]
        power = spectra.real**2 + spectra.imag**2
        mean: F32 = power.mean(axis=0, dtype=np.float32) / np.float32(FRAME_SIZE)
        return mean


def _padded(segment: AudioBlock) -> AudioBlock:
    """Add zeros, so that the first frame is centred on the first sample."""
    length = (SEGMENT_FRAMES - 1) * HOP + FRAME_SIZE
    padded = np.zeros((len(segment), length), np.float32)
    padded[:, FRAME_SIZE // 2 : FRAME_SIZE // 2 + SEGMENT_SAMPLES] = segment
    return padded


def _levelled(padded: AudioBlock) -> AudioBlock:
    """Shift and scale to mean 0 and deviation 1 of all frames, in which samples occur often."""
    hops = padded.reshape(len(padded), -1, HOP).astype(np.float64)
    count = np.minimum(np.arange(hops.shape[1]) + 1, _OVERLAP)
    count = np.minimum(count, count[::-1])
    total = len(padded) * SEGMENT_FRAMES * FRAME_SIZE
    mean = (hops.sum(axis=2) * count).sum() / total
    squares = (((hops - mean) ** 2).sum(axis=2) * count).sum()
    deviation = np.sqrt(squares / (total - 1)) + 1e-8
    return ((padded - np.float32(mean)) / np.float32(deviation)).astype(np.float32)


def _frames(signal: AudioBlock) -> F32:
    return np.lib.stride_tricks.sliding_window_view(signal, FRAME_SIZE, axis=1)[:, ::HOP]
