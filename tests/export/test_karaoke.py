"""The preset `karaoke`: the song without its voice, and its words, read back."""

import io
import re
from pathlib import Path

import mido
import numpy as np
import pytest

from contracts.items import ArtifactKind
from kit.audio.decode import read
from kit.worker.outcomes import Rejected
from tests.export.jobs import Bundle, export, song_files


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("karaoke")
    return export(song_files(folder / "in").job(folder / "out"), "karaoke")


def test_the_instrumental_is_the_song_less_its_voice(bundle: Bundle, tmp_path: Path) -> None:
    files = {file.name: file.path for file in song_files(tmp_path).inputs}
    song, vocals = read(files["canonical.flac"]), read(files["vocals.flac"])
    audio, _ = bundle.audio("instrumental.wav")
    assert np.abs(audio - (song - vocals)).max() < 2e-6


def test_lines_have_their_times(bundle: Bundle) -> None:
    lines = re.findall(r"\[(\d+):(\d+\.\d+)\](.*)", bundle.files["lyrics.lrc"].decode())
    assert [(int(m) * 60 + float(s), text) for m, s, text in lines] == [
        (0.5, "hello world"),
        (2.25, "née"),
    ]
    assert bundle.files["lyrics.lrc"].decode().startswith("[ti:Song]\n[ar:Somebody]\n")
    words = bundle.files["lyrics-words.lrc"].decode()
    assert "[00:00.50] <00:00.50>hello <00:01.00>world <00:01.50>" in words


def test_the_kar_file_has_words_as_text_and_no_melody(bundle: Bundle) -> None:
    file = mido.MidiFile(file=io.BytesIO(bundle.files["song.kar"]), charset="utf-8")
    assert [track.name for track in file.tracks][1:] == ["Soft Karaoke", "Words", "Bass", "Drums"]
    texts = [m.text for m in file.tracks[1] if m.type == "text"]
    assert texts == ["@KMIDI KARAOKE FILE", "@V0100"]
    texts = [m.text for m in file.tracks[2] if m.type == "text"]
    assert texts == ["@LEN", "@TSong", "@TSomebody", "\\hello", " world", "/née"]


def test_without_words_only_the_instrumental_is_written(tmp_path: Path) -> None:
    files = song_files(tmp_path / "in", 1.0)
    files.inputs = [file for file in files.inputs if file.kind is not ArtifactKind.LYRICS]
    bundle = export(files.job(tmp_path / "out"), "karaoke")
    assert "lyrics.lrc" not in bundle.files
    assert bundle.result.left_out[0].startswith("Words")


def test_a_song_without_stems_is_rejected(tmp_path: Path) -> None:
    files = song_files(tmp_path / "in", 1.0)
    files.inputs = files.inputs[:1]
    with pytest.raises(Rejected, match="vocal stem"):
        export(files.job(tmp_path / "out"), "karaoke")
