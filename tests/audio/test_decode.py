"""Canonical audio comes back as it was written, in blocks, resampled, folded."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kit.arrays import AudioBlock
from kit.audio.decode import (
    UnreadableAudio,
    mono_blocks,
    read,
    read_blocks,
    read_measured,
    resample_stream,
)
from kit.audio.encode import AudioForm, Encoder
from kit.audio.probe import probe
from tests.support import signals


def written(path: Path, audio: AudioBlock, rate: int = 44_100) -> Path:
    with Encoder(path, rate, channels=len(audio), form=AudioForm.FLAC_24) as encoder:
        encoder.write(audio)
    return path


def on_grid(audio: AudioBlock) -> AudioBlock:
    """Audio of 24-bit integers, so that it survives FLAC exactly."""
    return (np.rint(audio.astype(np.float64) * 2**23) / 2**23).astype(np.float32)


@pytest.mark.parametrize("block", [1, 999, 4096, 65_536])
def test_blocks_hold_the_file_and_only_the_last_is_short(tmp_path: Path, block: int) -> None:
    audio = on_grid(signals.noise(0.2 if block == 1 else 2.0, channels=2, seed=3))
    blocks = list(read_blocks(written(tmp_path / "a.flac", audio), block))
    assert {output.shape[1] for output in blocks[:-1]} <= {block}
    assert 0 < blocks[-1].shape[1] <= block
    assert all(output.dtype == np.float32 and output.flags["C_CONTIGUOUS"] for output in blocks)
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), audio)


def test_a_part_is_the_requested_samples(tmp_path: Path) -> None:
    audio = on_grid(signals.noise(1.0, seed=4))
    path = written(tmp_path / "a.flac", audio)
    np.testing.assert_array_equal(read(path, start=12_345, stop=40_001), audio[:, 12_345:40_001])
    assert read(path, start=100, stop=100).shape == (1, 0)
    with pytest.raises(ValueError, match=r"samples 0 to 44101 are not in a\.flac, which has 44100"):
        list(read_blocks(path, stop=44_101))


def test_mono_is_the_mean_of_the_channels(tmp_path: Path) -> None:
    audio = on_grid(signals.noise(0.5, channels=2, seed=5))
    path = written(tmp_path / "a.flac", audio)
    np.testing.assert_allclose(read(path, mono=True)[0], audio.mean(axis=0), atol=1e-7)
    assert [len(block) for block in mono_blocks([audio])] == [1]


@pytest.mark.parametrize(
    ("source", "target"), [(44_100, 48_000), (48_000, 16_000), (8_000, 44_100)]
)
def test_resampling_keeps_pitch_level_and_place(source: int, target: int) -> None:
    tone = signals.sine(997.0, 2.0, sample_rate=source)
    blocks = (tone[:, at : at + 1000] for at in range(0, tone.shape[1], 1000))
    output = np.concatenate(list(resample_stream(blocks, source, target)), axis=1)
    expected = signals.sine(997.0, 2.0, sample_rate=target)
    assert abs(output.shape[1] - expected.shape[1]) <= 1
    middle = slice(target // 10, -target // 10)
    np.testing.assert_allclose(output[0, middle], expected[0, middle], atol=2e-4)


def test_resampling_to_the_same_rate_changes_nothing() -> None:
    audio = signals.noise(0.1)
    assert next(resample_stream([audio], 44_100, 44_100)) is audio


def test_resampling_empty_audio_yields_empty_audio() -> None:
    assert list(resample_stream([], 44_100, 48_000)) == []


def test_channels_may_not_change_on_the_way() -> None:
    blocks = [signals.noise(0.1), signals.noise(0.1, channels=2)]
    with pytest.raises(ValueError, match="a block has 2 channels, those before had 1"):
        list(resample_stream(blocks, 44_100, 48_000))


def test_probe_tells_rate_channels_and_length(tmp_path: Path) -> None:
    facts = probe(written(tmp_path / "a.flac", signals.noise(1.5, channels=2), 44_100))
    assert (facts.sample_rate, facts.channels, facts.samples) == (44_100, 2, 66_150)
    assert facts.duration == pytest.approx(1.5)


def test_a_file_without_audio_has_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(b"not audio at all")
    with pytest.raises(UnreadableAudio, match=r"a\.flac cannot be read as audio"):
        probe(path)
    with pytest.raises(UnreadableAudio, match=r"gone\.flac"):
        read(tmp_path / "gone.flac")


def test_a_damaged_file_is_an_error_and_never_shorter_audio(tmp_path: Path) -> None:
    path = written(tmp_path / "a.flac", signals.noise(4.0, seed=6))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UnreadableAudio):
        list(read_blocks(path))


def test_what_measures_a_file_sees_all_of_it_in_step_with_whoever_reads_it(tmp_path: Path) -> None:
    audio = np.random.default_rng(3).uniform(-0.5, 0.5, (2, 20 * 65_536)).astype(np.float32)
    path = written(tmp_path / "a.flac", audio)
    measured: list[np.ndarray] = []
    ahead: list[int] = []

    def measure(blocks: Iterator[AudioBlock], sample_rate: int) -> Iterator[None]:
        assert sample_rate == 44_100
        for number, block in enumerate(blocks):
            measured.append(block)
            # It yields less often than it takes: a down-mix and a resampler hold blocks back.
            if number % 3 == 2:
                yield

    output = []
    for block in read_measured(path, measure):
        output.append(block)
        ahead.append(len(measured) - len(output))
    np.testing.assert_array_equal(np.concatenate(measured, axis=1), np.concatenate(output, axis=1))
    assert sum(block.shape[1] for block in output) == 20 * 65_536
    assert -1 <= min(ahead) <= max(ahead) <= 2
