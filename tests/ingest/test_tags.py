"""Tags in old encodings: read as they were meant, bytes kept, and Latin-1 unharmed."""

import struct
from pathlib import Path

import pytest

from contracts.ingest import read_tag
from contracts.items import TagEncoding
from kit.audio.encode import AudioForm
from services.ingest.encodings import guess_encoding
from services.ingest.engine import ConfinedFfmpeg
from tests.ingest.tag_names import LEGACY, WESTERN
from tests.ingest.uploads import IngestHarness, convert, write_wav
from tests.support import signals


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "a.wav", signals.sine(440.0, 0.5), 44_100, AudioForm.WAV_16)


@pytest.fixture
def mp3(wav: Path, engine: ConfinedFfmpeg, tmp_path: Path) -> bytes:
    arguments = ("-c:a", "libmp3lame", "-id3v2_version", "0", "-write_id3v1", "0")
    return convert(engine, wav, tmp_path / "a.mp3", *arguments).read_bytes()


def id3v1(artist: bytes, title: bytes) -> bytes:
    return b"TAG" + title.ljust(30, b"\0")[:30] + artist.ljust(30, b"\0")[:30] + bytes(64) + b"\xff"


def id3v2(artist: bytes, title: bytes) -> bytes:
    frames = b"".join(
        name + struct.pack(">IH", len(text) + 1, 0) + b"\0" + text
        for name, text in ((b"TPE1", artist), (b"TIT2", title))
    )
    size = bytes(len(frames) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + frames


def with_info(wav: bytes, artist: bytes, title: bytes) -> bytes:
    """Return a WAV with a list of tags behind its samples."""
    body = b"INFO"
    for name, text in ((b"IART", artist + b"\0"), (b"INAM", title + b"\0")):
        body += name + struct.pack("<I", len(text)) + text + bytes(len(text) % 2)
    grown = wav + b"LIST" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(grown) - 8) + grown[8:]


def test_the_error_rate_over_names_of_every_language() -> None:
    wrong: dict[str, list[tuple[str, str]]] = {}
    for language, (encoding, names) in LEGACY.items():
        guessed = (
            (pair, guess_encoding([part.encode(encoding) for part in pair])) for pair in names
        )
        wrong[language] = [pair for pair, result in guessed if result != encoding]
    for language, names in WESTERN.items():
        guessed = (
            (pair, guess_encoding([part.encode("cp1252") for part in pair])) for pair in names
        )
        wrong[language] = [pair for pair, result in guessed if result is not TagEncoding.CP1252]
    for language, pairs in wrong.items():
        of = len(LEGACY[language][1]) if language in LEGACY else len(WESTERN[language])
        print(f"{language}: {len(pairs)} of {of} wrong {pairs or ''}")
    # Not one name that is right today may become wrong.
    assert sum(len(wrong[language]) for language in WESTERN) == 0
    assert sum(len(wrong[language]) for language in LEGACY) <= 3


def test_utf_8_under_another_name_is_utf_8() -> None:
    assert guess_encoding(["Sigur Rós".encode(), "Ágætis".encode()]) is TagEncoding.UTF_8
    assert guess_encoding([b"plain"]) is TagEncoding.CP1252


@pytest.mark.parametrize("language", LEGACY)
@pytest.mark.parametrize("form", ["id3v1", "id3v2", "info"])
def test_old_tags_are_read_as_they_were_meant(
    form: str, language: str, mp3: bytes, wav: Path, harness: IngestHarness, tmp_path: Path
) -> None:
    encoding, names = LEGACY[language]
    for artist, title in names[4:6]:
        parts = (artist.encode(encoding), title.encode(encoding))
        content = {
            "id3v1": lambda parts=parts: mp3 + id3v1(*parts),
            "id3v2": lambda parts=parts: id3v2(*parts) + mp3,
            "info": lambda parts=parts: with_info(wav.read_bytes(), *parts),
        }[form]()
        path = tmp_path / "upload"
        path.write_bytes(content)
        result = harness.take(path).result
        assert (result.tags["artist"], result.tags["title"]) == (artist, title)
        assert result.tag_encoding == encoding
        assert (result.raw_tags["artist"], result.raw_tags["title"]) == parts
        assert result.remarks == ()


@pytest.mark.parametrize("form", ["id3v1", "id3v2", "info"])
def test_latin_1_stays_what_it_is(
    form: str, mp3: bytes, wav: Path, harness: IngestHarness, tmp_path: Path
) -> None:
    parts = ("Édith Piaf".encode("latin-1"), "Déjà vu, señor Müller".encode("latin-1"))
    path = tmp_path / "upload"
    path.write_bytes(
        {
            "id3v1": mp3 + id3v1(*parts),
            "id3v2": id3v2(*parts) + mp3,
            "info": with_info(wav.read_bytes(), *parts),
        }[form]
    )
    result = harness.take(path).result
    assert (result.tags["artist"], result.tags["title"]) == ("Édith Piaf", "Déjà vu, señor Müller")
    assert result.tag_encoding is TagEncoding.CP1252


def test_unicode_is_never_guessed_at(
    wav: Path, engine: ConfinedFfmpeg, harness: IngestHarness, tmp_path: Path
) -> None:
    words = ("-metadata", "title=Группа крови", "-metadata", "artist=Édith é")
    for name in ("a.mp3", "a.flac", "a.m4a", "a.ogg"):
        result = harness.take(convert(engine, wav, tmp_path / name, *words)).result
        assert (result.tags["title"], result.tags["artist"]) == ("Группа крови", "Édith é")
        assert (result.tag_encoding, result.raw_tags) == (None, {})


def test_another_encoding_can_be_chosen() -> None:
    raw = "Łódź".encode("cp1250")
    assert read_tag(raw, TagEncoding.CP1250) == "Łódź"
    assert read_tag(b"a\x00\x81b", TagEncoding.CP1252) == "a\ufffdb"
