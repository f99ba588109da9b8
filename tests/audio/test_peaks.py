"""Waveforms in audiowaveform's form: the right extremes in the right bytes."""

import struct
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from kit.audio.peaks import BadPeaks, PeaksWriter, read_peaks
from tests.support import signals


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("samples", [1, 256, 257, 10_000])
def test_extremes_of_every_pixel(
    tmp_path: Path, bits: Literal[8, 16], channels: int, samples: int
) -> None:
    audio = signals.noise(1.0, channels=channels, amplitude=1.0, seed=samples)[:, :samples]
    path = tmp_path / "a.dat"
    with PeaksWriter(path, 44_100, channels=channels, bits=bits) as writer:
        for start in range(0, samples, 100):
            writer.write(audio[:, start : start + 100])
    peaks = read_peaks(path)
    assert (peaks.sample_rate, peaks.samples_per_pixel, peaks.bits) == (44_100, 256, bits)
    assert peaks.values.shape == (channels, -(-samples // 256), 2)
    for pixel in range(peaks.values.shape[1]):
        part = np.floor(audio[:, pixel * 256 : pixel * 256 + 256] * 2.0 ** (bits - 1))
        np.testing.assert_array_equal(peaks.values[:, pixel, 0], part.min(axis=1))
        np.testing.assert_array_equal(peaks.values[:, pixel, 1], part.max(axis=1))


def test_the_bytes_are_audiowaveforms(tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    left, right = [0.5, -0.5, 0.25, 0.0], [1.0, -1.0, 0.125, 0.0]
    with PeaksWriter(path, 8000, channels=2, samples_per_pixel=2) as writer:
        writer.write(np.array([left, right], np.float32))
    assert path.read_bytes() == struct.pack(
        "<iIiiIi8b", 2, 1, 8000, 2, 2, 2, -64, 64, -128, 127, 0, 32, 0, 16
    )


def test_nothing_written_is_no_pixels(tmp_path: Path) -> None:
    with PeaksWriter(tmp_path / "a.dat", 8000, channels=1):
        pass
    assert read_peaks(tmp_path / "a.dat").values.shape == (1, 0, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"short", "shorter than the header"),
        (struct.pack("<iIiiIi", 1, 1, 8000, 2, 0, 1), "not version 2"),
        (struct.pack("<iIiiIi", 2, 1, 8000, 2, 5, 1), "holds 0 bytes of pixels, not 10"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(content)
    with pytest.raises(BadPeaks, match=message):
        read_peaks(path)
