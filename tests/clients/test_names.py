"""Names of fetched files: legal everywhere, whole where they can be, never another file's."""

import hashlib
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cratedig.cli.folders import MARKER, by_folder, item_folder
from cratedig.names import MAX_BYTES, file_name, free_path, safe_name
from cratedig.types import Artifact, Item, Subject

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def artifact(name: str, data: bytes = b"", **facts: str) -> Artifact:
    fields = {"id": "0197f3a2-5b1c-7d2e-8f30-1a2b3c4d5e6f", "kind": "midi", **facts}
    return Artifact(
        subject=Subject(kind="item", id="item"),
        name=name,
        media_type="audio/midi",
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        created=NOW,
        **fields,
    )


def item(id_: str, name: str) -> Item:
    return Item(id=id_, kind="track", state="ready", name=name, created=NOW, updated=NOW)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Night Drive 🎛️.wav", "Night Drive 🎛️.wav"),
        ("می\u200cخواهم.flac", "می\u200cخواهم.flac"),
        ("👩\u200d👩\u200d👧.mp3", "👩\u200d👩\u200d👧.mp3"),
        (unicodedata.normalize("NFD", "Żółć.wav"), "Żółć.wav"),
        ("a/b\\c:d*e?f\"g<h>i|j.wav", "a_b_c_d_e_f_g_h_i_j.wav"),
        ("line\nbreak\x7f.wav", "line_break_.wav"),
        ("song\u202egpj.wav", "song_gpj.wav"),
        ("ends in dots. . .", "ends in dots"),
        ("...And Justice.flac", "_...And Justice.flac"),
        ("con", "con_"),
        ("CON.wav", "CON_.wav"),
        ("com1.mix.wav", "com1_.mix.wav"),
        ("LPT¹.wav", "LPT¹_.wav"),
        ("console.wav", "console.wav"),
        ("..", "unnamed"),
        ("  ", "unnamed"),
        ("Vol. 2", "Vol. 2"),
    ],
)  # fmt: skip
def test_a_name_stays_what_every_system_takes_of_it(name: str, kept: str) -> None:
    assert safe_name(name) == kept


@pytest.mark.parametrize(
    "character", ["x", "é", "あ", "曲", "ﷺ", "🎛️", "👩\u200d👧", "e\u0301\u0323"]
)
def test_a_long_name_is_cut_between_characters_and_keeps_its_suffix(character: str) -> None:
    name = safe_name(character * 250 + ".flac")
    assert len(name.encode()) <= MAX_BYTES
    assert len(f"{name} (0123456789abcdef).partial".encode()) <= 255
    assert name.endswith(".flac")
    whole = unicodedata.normalize("NFC", character)
    assert name.removesuffix(".flac").replace(whole, "") == ""


def test_what_a_file_is_decides_where_it_lies() -> None:
    files = [
        artifact("drums.flac", id="1", kind="stem", stem="drums"),
        artifact("drums-hit-0001.flac", id="2", kind="sample", stem="drums"),
        artifact("drums-hit-0002.flac", id="3", kind="sample", stem="drums"),
        artifact("drums-loop-0001.flac", id="4", kind="loop", stem="drums"),
        artifact("slices.json", id="5", kind="slices", stem="drums"),
        artifact("song.mid", id="6", kind="midi"),
        artifact("lyrics.txt", id="7", kind="lyrics", stem="vocals"),
        artifact("tags.json", id="8", kind="tags"),
        artifact("canonical.flac", id="9", kind="canonical", stem="drums"),
    ]
    names = [
        str(folder / file_name(artifact_, "plain.wav"))
        for folder, ones in by_folder(files, {"2": "kick"}).items()
        for artifact_ in ones
    ]
    assert sorted(names) == [
        "analysis/tags.json",
        "canonical.flac",
        "lyrics/vocals-lyrics.txt",
        "midi/song.mid",
        "samples/drums/drums-slices.json",
        "samples/drums/kick/drums-hit-0001.flac",
        "samples/drums/loops/drums-loop-0001.flac",
        "samples/drums/unsorted/drums-hit-0002.flac",
        "stems/drums.flac",
    ]


def test_no_other_bytes_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "notes.mid"
    newest = artifact("notes.mid", b"newest", job="job-11111111")
    older = artifact("notes.mid", b"older", job="job-22222222")
    assert free_path(path, newest) == (path, False)
    path.write_bytes(b"newest")
    assert free_path(path, newest) == (path, True)
    second, there = free_path(path, older)
    assert (second.name, there) == ("notes (22222222).mid", False)
    second.write_bytes(b"older")
    # It has the same name whenever it is fetched.
    assert free_path(path, older) == (second, True)


def test_a_folder_says_which_item_it_is_of(tmp_path: Path) -> None:
    first, second = item("aaaa-11111111", "same.wav"), item("bbbb-22222222", "same.flac")
    folders = [item_folder(tmp_path, item_) for item_ in (first, second, first, second)]
    assert [item_.name for item_ in folders] == ["same", "same (22222222)"] * 2
    marks = [(folder / MARKER).read_text(encoding="utf-8") for folder in folders[:2]]
    assert first.id in marks[0]
    assert second.id in marks[1]
