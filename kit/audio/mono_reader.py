"""Read a file as network input: downmixed to mono and resampled, block by block."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kit.arrays import AudioBlock
from kit.audio.decode import read_blocks, resample_stream
from kit.audio.downmix import downmix
from kit.audio.probe import probe


class MonoReader:
    """Reads one file, once, as mono audio.

    Parameters
    ----------
    path
        See `read_blocks`.
    sample_rate
        Output rate in Hz.
    on_progress
        Called after each block with the fraction that was read, 0 to 1.

    Raises
    ------
    UnreadableAudio
        The file is damaged or not audio; also raised while reading.
    """

    def __init__(
        self, path: Path, sample_rate: int, *, on_progress: Callable[[float], None]
    ) -> None:
        self._path = path
        self._rate = sample_rate
        self._on_progress = on_progress
        self._facts = probe(path)
        self.peak = 0.0
        """Peak of the loudest channel so far, linear."""

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield mono audio, `[samples]`, in blocks of varying length."""
        total = max(1.0, self._facts.duration * self._rate)
        done = 0
        for block in resample_stream(
            downmix(self._read(), self._facts.sample_rate), self._facts.sample_rate, self._rate
        ):
            yield block[0]
            done += block.shape[1]
            self._on_progress(min(1.0, done / total))

    def _read(self) -> Iterator[AudioBlock]:
        for block in read_blocks(self._path):
            self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
            yield block
