import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from services.analysis.images import mel_spectrogram, waveform
from services.analysis.writers import Picture, write_png
from tests.support import signals


def read_png(path: Path) -> Picture:
    """Decode what the writer wrote, by the standard rather than by its code."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, body, size = 8, b"", (0, 0)
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        (check,) = struct.unpack(">I", data[at + 8 + length : at + 12 + length])
        assert check == zlib.crc32(kind + content)
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", content[:10])
            assert (depth, colour) == (8, 2)
            size = (height, width)
        elif kind == b"IDAT":
            body += content
        at += 12 + length
    height, width = size
    rows = np.frombuffer(zlib.decompress(body), np.uint8).reshape(height, 1 + 3 * width)
    assert (rows[:, 0] == 1).all()
    return np.cumsum(rows[:, 1:].reshape(height, width, 3), axis=1, dtype=np.uint8)


def test_a_picture_comes_back_as_it_was(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (17, 31, 3)).astype(np.uint8)
    write_png(tmp_path / "a.png", picture)
    np.testing.assert_array_equal(read_png(tmp_path / "a.png"), picture)


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="uint8"):
        write_png(tmp_path / "a.png", np.zeros((4, 4), np.uint8))


@pytest.mark.parametrize("block", [1000, 44_100])
def test_a_waveform_is_as_high_as_the_sound(block: int) -> None:
    audio = np.concatenate([signals.silence(0.5), signals.sine(200.0, 0.5, amplitude=0.5)], axis=1)
    blocks = [audio[:, at : at + block] for at in range(0, audio.shape[1], block)]
    picture = waveform(blocks, audio.shape[1], width=200, height=101)
    ground = picture[0, 0]
    drawn = (picture != ground).any(axis=2)
    assert drawn[:, :98].sum(axis=0).max() == 1
    heights = drawn[:, 104:].sum(axis=0)
    assert heights.min() >= 48
    assert heights.max() <= 54


def test_a_waveform_zoomed_in_beyond_its_samples_has_no_gaps() -> None:
    audio = signals.sine(1000.0, 0.001)
    picture = waveform([audio], audio.shape[1], width=800, height=64)
    drawn = (picture != picture[0, 0]).any(axis=2).any(axis=0)
    assert drawn.all()


def test_a_rising_pitch_rises_in_the_spectrogram() -> None:
    low, high = signals.sine(200.0, 1.0), signals.sine(5000.0, 1.0)
    audio = np.concatenate([low, high], axis=1)
    picture = mel_spectrogram([audio], audio.shape[1], 44_100, width=120, height=128)
    bright = picture.astype(int).sum(axis=2)
    assert bright[:, 30].argmax() > bright[:, 90].argmax()
    assert picture.shape == (128, 120, 3)


@pytest.mark.parametrize(("seconds", "width"), [(0.01, 500), (20.0, 16), (3.0, 1600)])
def test_any_zoom_fills_the_picture(seconds: float, width: int) -> None:
    audio = signals.noise(seconds)
    picture = mel_spectrogram([audio], audio.shape[1], 44_100, width=width, height=32)
    assert picture.astype(int).sum(axis=2).min() > 60


def test_silence_is_dark() -> None:
    audio = signals.silence(0.5)
    picture = mel_spectrogram([audio], audio.shape[1], 44_100, width=64, height=32)
    assert picture.shape == (32, 64, 3)
    wave = waveform([], 0, width=64, height=32)
    assert wave.shape == (32, 64, 3)
