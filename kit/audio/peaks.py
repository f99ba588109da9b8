"""Waveform peaks in version 2 of audiowaveform's `.dat` format.

The format: little-endian int32 version, uint32 flags (bit 0: 8-bit values), int32 sample rate,
int32 samples per pixel, uint32 pixels, int32 channels; then for each pixel, for each channel, the
minimum and the maximum as int8 or int16.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self

import numpy as np
from numpy.typing import NDArray

from kit.arrays import AudioBlock

SAMPLES_PER_PIXEL = 256
"""audiowaveform's default, and enough to zoom into a beat."""
MEDIA_TYPE = "application/octet-stream"
"""There is no registered type for `.dat` files."""

_HEADER = struct.Struct("<iIiiIi")
_VERSION = 2
_EIGHT_BITS = 1


class BadPeaks(Exception):
    """A file is not version 2 of audiowaveform's `.dat` format."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """A waveform.

    Parameters
    ----------
    values
        `[channels, pixels, 2]`: the minimum and the maximum sample of each pixel, in 8 or 16 bits.
    sample_rate
        Of the audio, in Hz.
    samples_per_pixel
        Samples under each pixel; the last one may stand for fewer.
    bits
        8 or 16.
    """

    values: NDArray[np.int16]
    sample_rate: int
    samples_per_pixel: int
    bits: int


def _scaled(extremes: NDArray[np.float32], bits: int) -> NDArray[np.int16]:
    """Return samples as integers, rounded down and clipped at full scale."""
    scale = float(2 ** (bits - 1))
    clipped: NDArray[np.float32] = np.clip(np.floor(extremes * scale), -scale, scale - 1)
    return clipped.astype(np.int16)


class PeaksWriter:
    """Writes a `.dat` file block by block; a context manager.

    Parameters
    ----------
    path
        Where to write. Removed again when the `with` block raises.
    sample_rate
        Of the audio, in Hz.
    channels
        Of the audio, at least 1; each has its own waveform.
    samples_per_pixel
        At least 2.
    bits
        8 or 16. A sample `x` becomes `floor(x · 2**(bits - 1))`, as a shift of its integer does.
    """

    def __init__(
        self,
        path: Path,
        sample_rate: int,
        *,
        channels: int,
        samples_per_pixel: int = SAMPLES_PER_PIXEL,
        bits: Literal[8, 16] = 8,
    ) -> None:
        if channels < 1 or samples_per_pixel < 2 or sample_rate < 1:
            raise ValueError(
                f"peaks need a channel, two samples a pixel and a rate, not {channels}, "
                f"{samples_per_pixel} and {sample_rate}"
            )
        self._path = path
        self._rate = sample_rate
        self._channels = channels
        self._per_pixel = samples_per_pixel
        self._bits = bits
        self._pixels = 0
        self._rest = np.zeros((channels, 0), np.float32)
        self._file: BinaryIO = path.open("wb")
        self._write_header()

    @property
    def pixels(self) -> int:
        """Pixels written so far."""
        return self._pixels

    def _write_header(self) -> None:
        flags = _EIGHT_BITS if self._bits == 8 else 0
        self._file.write(
            _HEADER.pack(_VERSION, flags, self._rate, self._per_pixel, self._pixels, self._channels)
        )

    def _put(self, extremes: NDArray[np.float32]) -> None:
        """Append pixels, `[channels, pixels, 2]`."""
        values = _scaled(extremes, self._bits).transpose(1, 0, 2)
        self._file.write(values.astype("<i1" if self._bits == 8 else "<i2").tobytes())
        self._pixels += extremes.shape[1]

    def write(self, block: AudioBlock) -> None:
        """Append a block, `[channels, samples]`.

        Raises
        ------
        ValueError
            The block has other channels than the file.
        """
        if block.ndim != 2 or len(block) != self._channels:
            raise ValueError(f"the file has {self._channels} channels, the block {block.shape}")
        samples = np.concatenate((self._rest, block), axis=1) if self._rest.size else block
        whole = samples.shape[1] // self._per_pixel * self._per_pixel
        self._rest = samples[:, whole:].copy()
        if whole:
            pixels = samples[:, :whole].reshape(self._channels, -1, self._per_pixel)
            self._put(np.stack((pixels.min(axis=2), pixels.max(axis=2)), axis=2))

    def close(self) -> None:
        """Write the last pixel and the pixel count; a second call does nothing."""
        if self._file.closed:
            return
        if self._rest.size:
            self._put(
                np.stack((self._rest.min(axis=1), self._rest.max(axis=1)), axis=1)[:, None, :]
            )
            self._rest = self._rest[:, :0]
        self._file.seek(0)
        self._write_header()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        if kind is not None:
            self._path.unlink(missing_ok=True)


def read_peaks(path: Path) -> Peaks:
    """Read a `.dat` file.

    Raises
    ------
    BadPeaks
        It is not version 2 of the format, or its length does not match its header.
    """
    content = path.read_bytes()
    if len(content) < _HEADER.size:
        raise BadPeaks(f"{path.name} is shorter than the header of a waveform")
    version, flags, rate, per_pixel, pixels, channels = _HEADER.unpack_from(content)
    if version != _VERSION or rate < 1 or per_pixel < 1 or channels < 1:
        raise BadPeaks(f"{path.name} is not version {_VERSION} of audiowaveform's format")
    bits = 8 if flags & _EIGHT_BITS else 16
    expected = pixels * channels * 2 * bits // 8
    if len(content) - _HEADER.size != expected:
        raise BadPeaks(
            f"{path.name} holds {len(content) - _HEADER.size} bytes of pixels, not {expected}"
        )
    values = np.frombuffer(content, "<i1" if bits == 8 else "<i2", offset=_HEADER.size)
    shaped = values.reshape(pixels, channels, 2).transpose(1, 0, 2).astype(np.int16)
    return Peaks(shaped, int(rate), int(per_pixel), bits)
