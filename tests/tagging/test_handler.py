"""Whole jobs: what is heard as what, files, results, and how a job ends without any."""

import math
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

from contracts.items import ArtifactKind, ItemKind
from contracts.music import Stem
from contracts.tagging import (
    EMBEDDING_SIZE,
    ContentKind,
    SoundClass,
    TaggingParams,
    TaggingResult,
    TagSource,
    TagTarget,
    VectorSpace,
)
from kit.arrays import F32
from kit.worker.outcomes import Rejected, Skipped
from services.tagging.engine import Engine
from services.tagging.handler import handle
from services.tagging.oneshots import CLASSES
from services.tagging.vocabulary import VOCABULARY
from tests.support import signals
from tests.support.single_job import RecordingReporter, audio_input, single_job, write_audio
from tests.tagging.jobs import (
    RATE,
    KnownEngine,
    embeddings_of,
    job_of,
    job_of_slices,
    slice_input,
    tags_of,
)

NOTES = (60, 64, 67, 72, 65, 69)


def piano(seconds: float) -> F32:
    """Return struck chords with overtones that die away."""
    clock = np.arange(round(seconds * RATE)) / RATE
    audio = np.zeros_like(clock)
    for start, note in zip(np.arange(0.0, seconds, 0.5), cycle(NOTES), strict=False):
        since = np.maximum(clock - start, 0.0)
        for harmonic in range(1, 7):
            wave = np.sin(2 * np.pi * harmonic * signals.note_frequency(note) * since)
            audio += 0.2 / harmonic**1.5 * wave * np.exp(-3 * harmonic**0.5 * since)
    return np.float32(0.5 / np.abs(audio).max()) * audio[None].astype(np.float32)


def test_a_song_gets_tags_that_fit(tmp_path: Path, engine: Engine) -> None:
    job = job_of(tmp_path, piano(12.0))
    result = handle(TaggingParams(), job, engine)
    tags = tags_of(job)
    sure = {(tag.name, tag.source): tag.confidence for tag in tags.song}
    assert sure["piano", TagSource.MTT] > 0.3
    assert max(sure, key=lambda tag: sure[tag]) == ("piano", TagSource.MTT)
    assert sure.get(("drums", TagSource.MTT), 0.0) < 0.1
    assert {tag.source for tag in tags.song} == set(VOCABULARY)
    assert [(part.kind, part.start, part.end) for part in tags.content] == [
        (ContentKind.MUSIC, 0.0, pytest.approx(12.0))
    ]
    assert tags.vector is not None
    assert tags.vector.space is VectorSpace.MUSIC
    confidences = [tag.confidence for tag in tags.song]
    assert confidences == sorted(confidences, reverse=True)
    assert min(confidences) >= 0.05
    assert result.song == tags.song[:10]
    assert (result.samples, result.silent, result.embeddings) == (0, 0, 1)
    assert result.duration == pytest.approx(12.0)
    assert "musicnn-mtt" in result.weights
    assert {output.kind for output in job.outputs} == {ArtifactKind.TAGS, ArtifactKind.EMBEDDING}
    assert isinstance(job.reporter, RecordingReporter)
    assert job.reporter.fractions == sorted(job.reporter.fractions)
    assert job.reporter.fractions[-1] == 1.0


def test_a_song_is_the_mean_of_its_patches(tmp_path: Path) -> None:
    """Four patches of which the first two are silent: the mean is half of the others'."""
    noise = signals.noise(6.0, amplitude=0.2)
    alone = job_of(tmp_path, noise)
    handle(TaggingParams(song_threshold=0), alone, KnownEngine())
    folder = tmp_path / "half"
    folder.mkdir()
    halved = job_of(folder, np.concatenate([signals.silence(6.0), noise], axis=1))
    handle(TaggingParams(song_threshold=0), halved, KnownEngine())
    expected, result = (tags_of(job).song[0].confidence for job in (alone, halved))
    assert result == pytest.approx(expected / 2, rel=0.02)


@pytest.mark.parametrize("source", list(VOCABULARY))
def test_only_the_requested_tags(tmp_path: Path, source: TagSource) -> None:
    job = job_of(tmp_path, signals.noise(4.0))
    engine = KnownEngine()
    handle(TaggingParams(sources=(source,), song_threshold=0), job, engine)
    assert {tag.source for tag in tags_of(job).song} == {source}
    assert len(tags_of(job).song) == 50
    # The embedding is MagnaTagATune's, whatever words are wanted.
    assert set(engine.patches_tagged) == {TagSource.MTT, source}


def test_slices_of_a_stem_are_one_job(tmp_path: Path) -> None:
    hits = [signals.noise(0.2, amplitude=level) for level in (0.1, 0.5)]
    job = job_of_slices(tmp_path, hits, [signals.drum_loop(120, 1).audio])
    answers = ({"kick": 0.9, "tom": 0.1}, {"snare": 0.4, "clap": 0.35, "rim": 0.25})
    result = handle(TaggingParams(), job, KnownEngine(answers))
    tags = tags_of(job)
    assert tags.song == ()
    kick, vague, loop = tags.samples
    assert (kick.file, kick.stem, kick.label) == ("hit-0000.flac", Stem.DRUMS, SoundClass.KICK)
    assert kick.confidence == pytest.approx(0.9)
    assert (vague.label, vague.confidence) == (SoundClass.UNKNOWN, pytest.approx(0.4))
    assert vague.scores[SoundClass.CLAP] == pytest.approx(0.35)
    assert (loop.file, loop.label, loop.confidence) == ("loop-0000.flac", SoundClass.LOOP, 1.0)
    assert kick.sound is not None
    assert vague.sound is not None
    assert vague.sound.loudness == pytest.approx(kick.sound.loudness + 13.98, abs=0.1)
    assert kick.sound.noisiness == pytest.approx(0.85, abs=0.03)
    assert loop.sound is not None
    assert (loop.sound.attack, loop.sound.pitch) == (None, None)
    assert tags.vector is None
    for sample in tags.samples:
        # Loops are compared with one-shots, too.
        assert sample.vector is not None
        assert sample.vector.space is VectorSpace.SAMPLE
        assert sample.fingerprint is not None
        assert {str(label) for label in sample.scores} == set(CLASSES)
        assert sum(sample.scores.values()) == pytest.approx(1.0)
    assert result.classes == {SoundClass.KICK: 1, SoundClass.UNKNOWN: 1, SoundClass.LOOP: 1}
    assert {sample.stem for sample in job.outputs} == {Stem.DRUMS}
    assert list(embeddings_of(job)) == ["hit-0000.flac", "hit-0001.flac", "loop-0000.flac"]


def test_the_threshold_decides_what_is_unknown(tmp_path: Path) -> None:
    job = job_of_slices(tmp_path, [signals.noise(0.2)])
    handle(TaggingParams(threshold=0.3), job, KnownEngine(({"snare": 0.4, "clap": 0.6 - 0.3},)))
    assert tags_of(job).samples[0].label is SoundClass.SNARE


def test_an_uploaded_sample_is_classified_as_a_sample(tmp_path: Path) -> None:
    job = job_of(tmp_path, signals.noise(0.3), kind=ItemKind.SAMPLE)
    result = handle(TaggingParams(), job, KnownEngine(({"crash": 1.0},)))
    assert (result.song, result.classes) == ((), {SoundClass.CRASH: 1})
    assert tags_of(job).samples[0].file == "canonical.flac"


def test_the_target_can_be_a_parameter(tmp_path: Path) -> None:
    job = job_of(tmp_path, signals.noise(0.3))
    result = handle(TaggingParams(target=TagTarget.SAMPLES), job, KnownEngine(({"tom": 1.0},)))
    assert result.classes == {SoundClass.TOM: 1}
    folder = tmp_path / "song"
    folder.mkdir()
    job = job_of(folder, signals.noise(4.0), kind=ItemKind.SAMPLE)
    result = handle(TaggingParams(target=TagTarget.SONG, song_threshold=0), job, KnownEngine())
    assert len(result.song) == 10
    assert result.samples == 0


def test_two_songs_are_refused_with_what_to_do(tmp_path: Path) -> None:
    paths = [write_audio(tmp_path / f"{n}.flac", signals.noise(0.5)) for n in range(2)]
    job = single_job(tmp_path, [audio_input(path) for path in paths])
    with pytest.raises(Rejected, match="target: samples"):
        handle(TaggingParams(), job, KnownEngine())


def test_silent_slices_are_left_out_and_counted(tmp_path: Path) -> None:
    job = job_of_slices(tmp_path, [signals.silence(0.2), signals.noise(0.2)])
    result = handle(TaggingParams(), job, KnownEngine(({"snare": 1.0},)))
    assert (result.samples, result.silent, result.embeddings) == (1, 1, 1)
    assert [sample.file for sample in tags_of(job).samples] == ["hit-0001.flac"]


def test_silence_is_skipped(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(Skipped) as ended:
        handle(TaggingParams(), job_of(tmp_path, signals.silence(4.0)), engine)
    assert ended.value.reason == "silent"


def test_what_is_no_audio_is_rejected(tmp_path: Path, engine: Engine) -> None:
    path = tmp_path / "canonical.flac"
    path.write_bytes(b"no flac")
    with pytest.raises(Rejected, match="cannot be read"):
        handle(TaggingParams(), single_job(tmp_path, [audio_input(path)]), engine)


def test_a_constant_is_silence(tmp_path: Path, engine: Engine) -> None:
    job = job_of(tmp_path, np.full((1, RATE), 0.25, np.float32))
    with pytest.raises(Skipped, match="silent"):
        handle(TaggingParams(), job, engine)


ODD = {
    "ten milliseconds": signals.sine(200, 0.01, amplitude=0.5),
    "one sample": np.full((1, 1), 0.5, np.float32),
    "a click": signals.clicks(60.0, 0.05)[0],
    "full scale": np.sign(signals.sine(100, 1.0)).astype(np.float32),
    "faint": 0.001 * signals.noise(0.5),
    "stereo": signals.noise(0.5, channels=2),
    "opposite channels": np.concatenate([signals.noise(0.5), -signals.noise(0.5)]),
    "long": signals.noise(20.0),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("kind", [ItemKind.TRACK, ItemKind.SAMPLE])
def test_odd_audio_is_tagged_with_finite_numbers(
    tmp_path: Path, engine: Engine, name: str, kind: ItemKind
) -> None:
    job = job_of(tmp_path, ODD[name], kind=kind)
    result = handle(TaggingParams(song_threshold=0), job, engine)
    tags = tags_of(job)
    by_networks = [tag for tag in tags.song if tag.source in VOCABULARY]
    assert len(by_networks) == (100 if kind is ItemKind.TRACK else 0)
    assert len(tags.samples) == (1 if kind is ItemKind.SAMPLE else 0)
    for sample in tags.samples:
        assert all(math.isfinite(score) for score in sample.scores.values())
        assert sum(sample.scores.values()) == pytest.approx(1.0)
    (vector,) = embeddings_of(job).values()
    assert vector.shape == (EMBEDDING_SIZE,)
    assert vector.dtype == np.float32
    assert np.isfinite(vector).all()
    TaggingResult.model_validate_json(result.model_dump_json())


def test_opposite_channels_sound_as_one_of_them(tmp_path: Path, engine: Engine) -> None:
    sound = piano(4.0)
    for folder, audio in (("one", sound), ("two", np.concatenate([sound, -sound]))):
        (tmp_path / folder).mkdir()
        handle(TaggingParams(), job_of(tmp_path / folder, audio), engine)
    result = []
    for folder, audio in (("three", sound), ("four", np.concatenate([sound, -sound]))):
        (tmp_path / folder).mkdir()
        job = job_of(tmp_path / folder, audio)
        handle(TaggingParams(), job, engine)
        result.append({(tag.name, tag.source): tag.confidence for tag in tags_of(job).song})
    assert result[1] == pytest.approx(result[0], abs=1e-3)


def test_the_same_job_writes_the_same_bytes(tmp_path: Path, engine: Engine) -> None:
    written = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        job = job_of_slices(tmp_path / folder, [signals.noise(0.2), signals.tone(60, 0.4)])
        handle(TaggingParams(), job, engine)
        written.append({output.name: output.path.read_bytes() for output in job.outputs})
    assert written[0] == written[1]


def test_alike_sounds_lie_near_each_other(tmp_path: Path, engine: Engine) -> None:
    """Embeddings serve a search: two pianos are nearer than a piano and noise."""
    job = job_of_slices(tmp_path, [piano(3.2), piano(3.6), signals.noise(3.2)])
    handle(TaggingParams(), job, engine)
    first, second, noise = embeddings_of(job).values()
    near, far = np.linalg.norm(first - second), np.linalg.norm(first - noise)
    assert near < 0.3 * far


def test_a_slice_without_a_stem_is_none_of_a_stem(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "hit.flac", signals.noise(0.2))
    inputs = [slice_input(path, ArtifactKind.SAMPLE, stem=stem) for stem in (Stem.DRUMS, None)]
    job = single_job(tmp_path, inputs)
    handle(TaggingParams(), job, KnownEngine(({"rim": 1.0}, {"rim": 1.0})))
    assert {output.stem for output in job.outputs} == {None}
    assert [output.stem for output in tags_of(job).samples] == [Stem.DRUMS, None]
