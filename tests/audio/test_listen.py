"""A file as a network hears it."""

from pathlib import Path

import numpy as np
import pytest

from kit.audio.decode import UnreadableAudio, read
from kit.audio.mono_reader import MonoReader
from tests.support.single_job import write_audio

RATE = 44_100


def test_blocks_are_the_mid_channel_at_the_requested_rate(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    middle, side = rng.uniform(-0.5, 0.5, (2, 3 * RATE)) * [[0.8], [0.2]]
    path = write_audio(tmp_path / "a.flac", np.stack([middle + side, middle - side]), RATE)
    progress: list[float] = []
    reader = MonoReader(path, 22_050, on_progress=progress.append)
    output = np.concatenate(list(reader.blocks()))
    np.testing.assert_array_equal(output, read(path, 22_050, mono=True)[0])
    assert progress == sorted(progress)
    assert progress[-1] == pytest.approx(1.0, abs=1e-3)
    assert reader.peak == pytest.approx(0.5, abs=1e-3)


def test_opposite_channels_do_not_cancel_out(tmp_path: Path) -> None:
    tone = 0.3 * np.sin(np.arange(RATE) / 20)
    path = write_audio(tmp_path / "a.flac", np.stack([tone, -tone]).astype(np.float32), RATE)
    reader = MonoReader(path, RATE, on_progress=lambda _: None)
    np.testing.assert_allclose(np.concatenate(list(reader.blocks())), tone, atol=1e-6)
    assert reader.peak == pytest.approx(0.3, abs=1e-3)


def test_a_file_that_breaks_off_is_unreadable(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.flac", np.random.default_rng(0).normal(0, 0.1, (1, RATE)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UnreadableAudio):
        list(MonoReader(path, 22_050, on_progress=lambda _: None).blocks())
