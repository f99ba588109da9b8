"""Write stems to files: quantised samples, clipping counts, short previews."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contracts.separation import StemDepth, StemFormat
from kit.arrays import F32
from kit.audio.encode import AudioForm, Encoder
from kit.audio.peaks import PeaksWriter
from kit.audio.waveform import WaveformMeter
from services.separation.dsp import LevelMeter

FORMS = {
    (StemFormat.FLAC, StemDepth.INT16): AudioForm.FLAC_16,
    (StemFormat.FLAC, StemDepth.INT24): AudioForm.FLAC_24,
    (StemFormat.WAV, StemDepth.INT16): AudioForm.WAV_16,
    (StemFormat.WAV, StemDepth.INT24): AudioForm.WAV_24,
    (StemFormat.WAV, StemDepth.FLOAT32): AudioForm.WAV_FLOAT,
}
"""File format of each requestable format and depth."""
Exact = NDArray[np.float64]
"""Samples that are whole multiples of a file's quantisation step."""


def fit(blocks: Iterable[F32], samples: int) -> Iterator[F32]:
    """Trim or zero-pad a stream of (…, samples) to an exact length."""
    left, last = samples, None
    for block in blocks:
        part = block[..., :left]
        left -= part.shape[-1]
        last = part
        if part.shape[-1]:
            yield part
    if left and last is not None:
        yield np.zeros((*last.shape[:-1], left), np.float32)


class StreamCutter:
    """Re-blocks a stream to pieces of any length."""

    def __init__(self, blocks: Iterator[F32]) -> None:
        self._blocks = blocks
        self._held: F32 | None = None

    def take(self, count: int) -> F32:
        """Return the next `count` samples: (channels, count).

        Raises
        ------
        EOFError
            The stream is shorter.
        """
        parts, have = [], 0
        if self._held is not None:
            parts, have = [self._held], self._held.shape[-1]
        while have < count:
            block = next(self._blocks, None)
            if block is None:
                raise EOFError(f"{have} samples are left where {count} were expected")
            parts.append(block)
            have += block.shape[-1]
        joined = np.concatenate(parts, axis=-1)
        self._held = joined[..., count:]
        return joined[..., :count]


def quantise(block: F32 | Exact, form: AudioForm) -> tuple[Exact, int]:
    """Quantise samples to a file format, and count the clipped ones.

    Parameters
    ----------
    block
        Of any shape; full scale at -1 and 1.
    form
        An uncompressed or lossless format.

    Returns
    -------
    ndarray
        float64, of the same shape: whole multiples of the form's step, -1 to 1 less a step.
    int
        Number of clipped samples.
    """
    wide = block.astype(np.float64)
    if form.bits is None:
        return wide, 0
    steps = float(2 ** (form.bits - 1))
    whole = np.rint(wide * steps)
    clipped = int(np.count_nonzero((whole > steps - 1) | (whole < -steps)))
    return np.clip(whole, -steps, steps - 1) / steps, clipped


@dataclass(slots=True)
class StemFile:
    """A stem file and its peaks being written, with the stem's level, clipping and waveform.

    Parameters
    ----------
    encoder
        The open file.
    peaks
        The open file of peaks.
    """

    path: Path
    encoder: Encoder
    peaks: PeaksWriter
    loudness: LevelMeter = field(default_factory=LevelMeter)
    waveform: WaveformMeter = field(default_factory=WaveformMeter)
    clipped: int = 0

    def write(self, exact: Exact, *, clipped: int) -> None:
        """Append (channels, samples) from `quantise`."""
        block = exact.astype(np.float32)
        self.loudness.add(block)
        self.waveform.add(block)
        self.clipped += clipped
        self.encoder.write(block)
        self.peaks.write(block)

    def close(self) -> None:
        """Finish both files."""
        self.encoder.close()
        self.peaks.close()


class Previews:
    """Writes finished parts of stems as separate small files.

    Parameters
    ----------
    folder
        Where to write them.
    rate, channels
        Of the audio.
    samples
        Total length; it is divided into at most 24 parts of at least ten seconds.
    """

    max_parts = 24
    min_seconds = 10

    def __init__(self, folder: Path, *, rate: int, channels: int, samples: int) -> None:
        self._folder = folder
        self._rate = rate
        self._channels = channels
        self._span = max(self.min_seconds * rate, -(-samples // self.max_parts))
        self._left = samples
        self._count = 0
        self._open: dict[str, tuple[Path, Encoder]] = {}
        self._length = 0

    def add(self, stems: dict[str, Exact]) -> Iterator[Path]:
        """Write the next samples of each stem by name, and yield finished files."""
        length = next(iter(stems.values())).shape[-1]
        start = 0
        while start < length:
            piece = min(self._span - self._length, length - start)
            for name, block in stems.items():
                self._encoder(name).write(block[:, start : start + piece].astype(np.float32))
            start += piece
            self._length += piece
            self._left -= piece
            if self._length == self._span or self._left <= 0:
                yield from self._finish()

    def _encoder(self, name: str) -> Encoder:
        if name not in self._open:
            path = self._folder / f"{name}-{self._count:03d}.flac"
            encoder = Encoder(path, self._rate, channels=self._channels, form=AudioForm.FLAC_16)
            self._open[name] = (path, encoder)
        return self._open[name][1]

    def _finish(self) -> Iterator[Path]:
        for path, encoder in self._open.values():
            encoder.close()
            yield path
        self._open = {}
        self._length = 0
        self._count += 1
