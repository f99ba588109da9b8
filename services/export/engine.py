"""Reading of audio in the format of a bundle: the engine protocol, and its implementation."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from kit.arrays import AudioBlock
from kit.audio.decode import BLOCK, read_blocks, resample_stream
from kit.audio.probe import probe
from kit.worker.engines import EngineContext


class Engine(Protocol):
    """Reads audio at any rate, with any number of channels and of any length."""

    def run(
        self, path: Path, *, sample_rate: int, channels: int, samples: int
    ) -> Iterator[AudioBlock]:
        """Yield audio from its first sample on.

        Parameters
        ----------
        path
            A file that libsndfile reads.
        sample_rate
            In Hz; a file of another rate is resampled.
        channels
            1 or 2. Two channels become one by their mean, one becomes two equal ones.
        samples
            Length: longer audio is cut, shorter audio is padded with silence.

        Yields
        ------
        NDArray[float32]
            `[channels, samples]`, `samples` in total; the caller owns the arrays.

        Raises
        ------
        UnreadableAudio
            The file is damaged.
        """
        ...


class SoxrReader:
    """Reads with libsndfile and resamples with the SoX resampler, in bounded memory."""

    name = "libsndfile, soxr"

    def run(
        self, path: Path, *, sample_rate: int, channels: int, samples: int
    ) -> Iterator[AudioBlock]:
        """See `Engine.run`."""
        own_rate = probe(path).sample_rate
        left = samples
        for block in resample_stream(read_blocks(path), own_rate, sample_rate, quality="VHQ"):
            part = _with_channels(block[:, :left], channels)
            left -= part.shape[1]
            if part.shape[1]:
                yield part
            if not left:
                return
        while left:
            silence = np.zeros((channels, min(left, BLOCK)), np.float32)
            left -= silence.shape[1]
            yield silence


def _with_channels(block: AudioBlock, channels: int) -> AudioBlock:
    if len(block) == channels:
        return block
    if channels == 1:
        mono: AudioBlock = block.mean(axis=0, keepdims=True, dtype=np.float32)
        return mono
    return np.repeat(block, channels, axis=0)


def load_engine(context: EngineContext) -> Engine:
    """Return the engine; it needs no weights."""
    del context
    return SoxrReader()
