"""The preset `samples`: tagged files in folders by class."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tinytag import TinyTag

from contracts.items import ArtifactKind
from contracts.music import Stem
from contracts.tagging import SampleTags, SoundClass, Tags
from kit.audio.decode import read
from kit.worker.outcomes import Skipped
from services.export.formats.flac_tags import NotFlac, tagged_flac
from tests.export.jobs import RATE, SongFiles, collection_files, export, song_files, tone
from tests.support.single_job import write_audio


def cut_song(folder: Path) -> SongFiles:
    """Return a song from which a kick and a loop were cut."""
    files = song_files(folder, 1.0)
    files.inputs = files.inputs[:1]
    for kind, name in (
        (ArtifactKind.SAMPLE, "drums-hit-0001.flac"),
        (ArtifactKind.SAMPLE, "drums-hit-0002.flac"),
        (ArtifactKind.LOOP, "drums-loop-2bar-0003.flac"),
    ):
        path = write_audio(folder / name, tone(0.2, 80.0))
        files.add(kind, name, path, stem=Stem.DRUMS)
    tag = SampleTags(
        file="drums-hit-0001.flac",
        stem=Stem.DRUMS,
        label=SoundClass.KICK,
        confidence=0.9,
        scores={SoundClass.KICK: 1.0},
    )
    return files.document(ArtifactKind.TAGS, "tags.json", Tags(samples=(tag,)).model_dump_json())


def test_samples_of_a_song_lie_in_folders_by_class(tmp_path: Path) -> None:
    bundle = export(cut_song(tmp_path).job(tmp_path / "out"), "samples")
    assert list(bundle.files)[:3] == [
        "kick/kick_Song drums-hit-0001.wav",
        "other/Song drums-hit-0002.wav",
        "loop/loop_Song drums-loop-2bar-0003.wav",
    ]
    data = bundle.files["kick/kick_Song drums-hit-0001.wav"]
    info = soundfile.info(io.BytesIO(data))
    assert (info.subtype, info.frames) == ("PCM_24", RATE // 5)
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        assert (file.artist, file.comment) == ("Somebody", "licence CC-BY-4.0")


def test_flac_keeps_its_audio_and_gets_tags(tmp_path: Path) -> None:
    job = collection_files(tmp_path, {"Boom": (tone(0.2, 80.0), RATE)}, bpm=93.5)
    bundle = export(job, "samples", samples={"format": "flac"}, sharps="s")
    name = "other/93.5_Boom.flac"
    audio, _ = bundle.audio(name)
    np.testing.assert_array_equal(audio, read(job.inputs[0].path))
    path = tmp_path / "read.flac"
    path.write_bytes(bundle.files[name])
    tags = TinyTag.get(path)
    assert (tags.title, tags.artist, tags.duration) == ("Boom", "Somebody", pytest.approx(0.2))
    assert tags.other["bpm"] == ["93.5"]
    assert tags.other["license"] == ["CC-BY-4.0"]


def test_mp3_has_tags(tmp_path: Path) -> None:
    job = collection_files(tmp_path, {"Böom": (tone(1.0, 220.0), RATE)}, bpm=93.5)
    bundle = export(job, "samples", samples={"format": "mp3"})
    name = "other/93.5_Böom.mp3"
    audio, rate = bundle.audio(name)
    assert rate == RATE
    # The stored audio, later by the delay of the encoder.
    stored, decoded = read(job.inputs[0].path)[0], audio[0]
    products = np.correlate(decoded[: RATE + 2000], stored[:RATE], "valid")
    scale = np.sqrt(np.sum(stored**2) * np.sum(decoded**2))
    assert products.max() / scale > 0.99
    path = tmp_path / "read.mp3"
    path.write_bytes(bundle.files[name])
    tags = TinyTag.get(path)
    assert (tags.title, tags.artist) == ("Böom", "Somebody")
    assert tags.other["bpm"] == ["94"]
    assert tags.other["license"] == ["CC-BY-4.0"]


def test_a_file_that_is_no_flac_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(100), RATE)
    with pytest.raises(NotFlac):
        tagged_flac(path, [])
    path.write_bytes(b"fLaC\x84\x00\x10\x00abc")
    with pytest.raises(NotFlac):
        tagged_flac(path, [])


def test_a_song_that_nothing_was_cut_from_is_skipped(tmp_path: Path) -> None:
    files = song_files(tmp_path / "in", 1.0)
    files.inputs = files.inputs[:1]
    with pytest.raises(Skipped, match="Nothing was cut"):
        export(files.job(tmp_path / "out"), "samples")
