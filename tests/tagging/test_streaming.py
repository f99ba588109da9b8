from pathlib import Path

import numpy as np
import pytest

from contracts.tagging import TagSource
from services.tagging.engine import BATCH
from services.tagging.mel import BANDS, PATCH
from services.tagging.streaming import HEAD, Averager, head, mono, spectral_patches
from tests.support import signals
from tests.support.single_job import write_audio
from tests.tagging.jobs import RATE, KnownEngine


def test_the_head_begins_where_it_sounds(tmp_path: Path) -> None:
    sound = signals.sine(440, 20.0, amplitude=0.5)
    audio = np.concatenate([signals.silence(5.0), sound], axis=1)
    result = head(write_audio(tmp_path / "late.flac", audio), RATE)
    assert result.shape[1] == round(HEAD * RATE)
    assert np.abs(result[:, : 2 * RATE]).max() > 0.4


def test_the_head_of_silence_is_empty(tmp_path: Path) -> None:
    assert not head(write_audio(tmp_path / "none.flac", signals.silence(3.0)), RATE).size


def test_channels_are_mixed_to_one() -> None:
    audio = np.concatenate([signals.sine(440, 0.1), 0.5 * signals.sine(440, 0.1)])
    np.testing.assert_allclose(mono(audio, RATE), audio.mean(axis=0), atol=1e-7)
    assert mono(audio[:, :0], RATE).shape == (0,)


def test_channels_that_cancel_out_are_tagged() -> None:
    sound = signals.sine(440, 0.1)
    audio = np.concatenate([-0.9 * sound, sound]).astype(np.float32)
    assert np.abs(mono(audio, RATE)).max() > 0.9 * np.abs(sound).max()


def test_patches_report_progress_in_samples(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "song.flac", signals.noise(10.0))
    counts: list[int] = []
    patches = list(spectral_patches(path, RATE, counts.append))
    assert len(patches) == 3
    assert {patch.shape for patch in patches} == {(PATCH, BANDS)}
    assert sum(counts) == 10 * RATE


@pytest.mark.parametrize("lengths", [[1], [BATCH], [3, 1, 6], [2] * 7])
def test_means_are_those_of_each_recording(lengths: list[int]) -> None:
    averager = Averager(KnownEngine(), TagSource.MTT, len(lengths))
    chance = np.random.default_rng(3)
    expected = []
    for recording, count in enumerate(lengths):
        values = chance.random(count)
        for value in values:
            averager.feed(recording, np.full((PATCH, BANDS), value * 10, np.float32))
        expected.append(values.mean())
    tags, embeddings = averager.finish()
    np.testing.assert_allclose(tags, np.repeat(np.array(expected)[:, None], 50, 1), atol=1e-6)
    np.testing.assert_allclose(embeddings[:, 0], expected, atol=1e-6)


def test_a_recording_without_a_patch_is_an_error() -> None:
    averager = Averager(KnownEngine(), TagSource.MTT, 2)
    averager.feed(1, np.zeros((PATCH, BANDS), np.float32))
    with pytest.raises(ValueError, match="a patch at least"):
        averager.finish()
