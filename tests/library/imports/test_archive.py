"""S18: archives that nobody vouches for."""

import zipfile
from pathlib import Path

import pytest

from contracts.imports import MAX_FILES
from services.library.imports.archive import BadArchive, BadEntry, ZipReader
from services.library.imports.licences import known_licence
from services.library.imports.pack import read_pack
from tests.library.imports.zips import (
    CC0,
    bundle,
    claiming,
    overlapping,
    renamed,
    with_link,
    write,
    zipped,
)

WAV = b"RIFF" + bytes(range(256)) * 8


@pytest.mark.parametrize(
    ("archive", "text"),
    [
        (b"RIFF no archive", "no ZIP archive"),
        (b"", "no ZIP archive"),
        (zipped({"a.wav": WAV})[:-30], "no ZIP archive"),
        (overlapping(), "overlap"),
        (claiming(zipped({"a.wav": WAV}), MAX_FILES + 1), "at most 10000"),
        (zipped({"a.wav": WAV}).replace(b"PK\x01\x02", b"PK\x01\x03"), "damaged"),
    ],
)
def test_archives_that_are_not_read(archive: bytes, text: str, tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match=text):
        ZipReader(write(tmp_path, archive))


@pytest.mark.parametrize(
    ("archive", "text"),
    [
        (zipped({"../../etc/a.wav": WAV}), "leaves the archive"),
        (zipped({"/etc/a.wav": WAV}), "leaves the archive"),
        (zipped({"C:\\a.wav": WAV}), "leaves the archive"),
        (zipped({"kicks\\..\\..\\a.wav": WAV}), "leaves the archive"),
        (renamed(zipped({"aXb.wav": WAV}), b"aXb.wav", b"a\0b.wav"), "leaves the archive"),
        (with_link(), "a link"),
        (zipped({"bomb.wav": bytes(1 << 24)}), "decompression bomb"),
        (zipped({"more.zip": zipped({"a.wav": WAV})}), "archive within"),
        (zipped({"a.wav": WAV}, method=zipfile.ZIP_LZMA), "Deflate"),
        (zipped({"/".join("d" * 40) + "/a.wav": WAV}), "folders deep"),
    ],
)
def test_files_of_archives_that_are_not_read(archive: bytes, text: str, tmp_path: Path) -> None:
    opened = ZipReader(write(tmp_path, archive))
    (entry,) = opened.entries()
    assert text in entry.refusal
    with pytest.raises(BadEntry, match=text):
        opened.unpack(0, tmp_path / "out", 1 << 30)
    assert not (tmp_path / "out").exists() or (tmp_path / "out").stat().st_size == 0
    opened.close()
    assert [path.name for path in tmp_path.iterdir() if path.name != "out"] == ["pack.zip"]


def test_damage_and_sizes_that_are_not_true_end_a_file(tmp_path: Path) -> None:
    stored = zipped({"a.wav": WAV}, method=zipfile.ZIP_STORED)
    opened = ZipReader(write(tmp_path, stored.replace(WAV[:40], WAV[:39] + b"x")))
    with pytest.raises(BadEntry, match="damaged"):
        opened.unpack(0, tmp_path / "out", 1 << 30)
    opened.close()
    opened = ZipReader(write(tmp_path, zipped({"a.wav": WAV})))
    with pytest.raises(BadEntry, match="at most 10"):
        opened.unpack(0, tmp_path / "out", 10)
    opened.close()


def test_names_in_odd_encodings_and_what_file_managers_leave(tmp_path: Path) -> None:
    utf_8 = "Größe.wav".encode()
    without_flag = zipped({"x" * len(utf_8): WAV}).replace(b"x" * len(utf_8), utf_8)
    opened = ZipReader(write(tmp_path, without_flag))
    assert [entry.name for entry in opened.entries()] == ["Größe.wav"]
    opened.close()
    names = ["__MACOSX/._a.wav", ".DS_Store", "x/Thumbs.db", "x/._b.wav", "x/\x1bb.wav", "x/é.WAV"]
    opened = ZipReader(write(tmp_path, zipped(dict.fromkeys(names, WAV))))
    assert [entry.name for entry in opened.entries()] == ["x/_b.wav", "x/é.WAV"]
    opened.close()


def test_what_folders_and_a_licence_file_say(tmp_path: Path) -> None:
    files = {"Pack/Drums/WAV/Kick.wav": WAV, "Pack/Loops, long/a.wav": WAV, "Pack/License.txt": CC0}
    opened = ZipReader(write(tmp_path, zipped(files)))
    pack = read_pack(opened, "upload.zip")
    opened.close()
    assert (pack.title, pack.note) == ("Pack", CC0)
    kick, loop, licence = pack.files
    assert (kick[1].name, kick[1].tags) == ("Kick.wav", ("Drums",))
    assert kick[1].metadata == {"pack": "Pack", "licence": "CC0-1.0"}
    assert loop[1].tags == ("Loops long",)
    assert licence[0].skipped


def test_what_a_manifest_says(tmp_path: Path) -> None:
    facts = {"name": "Dusty kick", "kind": "sample", "bpm": 90.5, "tags": ["Dusty", "a/b"],
             "metadata": {"year": "1973"}, "stem": "drums"}  # fmt: skip
    rights = {"licence": "CC-BY-4.0", "artist": "Ann", "url": None, "status": "own"}
    archive = bundle("Crate", {"kick/1.wav": (WAV, {"facts": facts, "rights": rights})})
    opened = ZipReader(write(tmp_path, archive))
    pack = read_pack(opened, "upload.zip")
    opened.close()
    details = pack.files[0][1]
    assert pack.title == "Crate"
    assert (details.name, details.bpm, details.kind) == ("Dusty kick", 90.5, "sample")
    assert details.tags == ("Dusty", "a b")
    assert details.metadata == {
        "pack": "Crate", "licence": "CC-BY-4.0", "artist": "Ann", "year": "1973"
    }  # fmt: skip


@pytest.mark.parametrize("manifest", ["[]", "{", "[" * 100_000, '{"format": "x"}', "null"])
def test_other_manifests_are_ignored(manifest: str, tmp_path: Path) -> None:
    opened = ZipReader(write(tmp_path, zipped({"a.wav": WAV, "manifest.json": manifest})))
    assert read_pack(opened, "My pack.zip").title == "My pack"
    opened.close()


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        (CC0, "CC0-1.0"),
        ("http://creativecommons.org/licenses/by-nc-sa/3.0/", "CC-BY-NC-SA-3.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "CC-PDM-1.0"),
        ("Attribution-NonCommercial-ShareAlike 4.0 International", "CC-BY-NC-SA-4.0"),
        ("Licensed under CC BY-SA 4.0.", "CC-BY-SA-4.0"),
        ("CC BY 4.0, but the drums are CC0 1.0", None),
        ("Royalty free for everybody who bought it.", None),
    ],
)
def test_known_licences(text: str, licence: str | None) -> None:
    assert known_licence(text) == licence
