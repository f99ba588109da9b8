"""Tempo, key, root note and loop as files state them in chunks, tags and names."""

import struct
from pathlib import Path

import pytest

from contracts.ingest import StatedIn, StatedMusic
from kit.audio.encode import AudioForm
from services.ingest.engine import ConfinedFfmpeg
from services.ingest.stated import key_in_name, tempo_in_name
from tests.ingest.uploads import IngestHarness, convert, write_wav
from tests.support import signals

CHUNK, TAG, NAME = StatedIn.CHUNK, StatedIn.TAG, StatedIn.NAME
ONE_SHOT, ROOT, STRETCH = 1, 2, 4


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """Two seconds: four beats at 120 BPM."""
    return write_wav(tmp_path / "a.wav", signals.sine(440.0, 2.0), 44_100, AudioForm.WAV_16)


def acid(flags: int, *, beats: int = 4, tempo: float = 120.0, root: int = 0) -> bytes:
    return struct.pack("<IHHfIHHf", flags, root, 0x8000, 0.0, beats, 4, 4, tempo)


def smpl(note: int, *loops: tuple[int, int]) -> bytes:
    head = struct.pack("<9I", 0, 0, 22_675, note, 0, 0, 0, len(loops), 0)
    return head + b"".join(struct.pack("<6I", 0, 0, *loop, 0, 0) for loop in loops)


def with_chunks(wav: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    for name, body in chunks:
        wav += name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
    return b"RIFF" + struct.pack("<I", len(wav) - 8) + wav[8:]


@pytest.mark.parametrize(
    ("chunks", "name", "stated"),
    [
        (((b"acid", acid(STRETCH)),), "a.wav", {"bpm": 120.0, "bpm_in": CHUNK, "one_shot": False}),
        (((b"acid", acid(ROOT, root=57)),), "a_90bpm.wav",
         {"bpm": 120.0, "bpm_in": CHUNK, "one_shot": False, "root_note": 57}),
        # The default values of programs, for a sound of another length.
        (((b"acid", acid(STRETCH, beats=8)),), "a_90bpm.wav",
         {"bpm": 90.0, "bpm_in": NAME, "one_shot": False}),
        (((b"acid", acid(STRETCH, tempo=float("nan"))),), "a.wav", {"one_shot": False}),
        (((b"acid", acid(STRETCH, tempo=0.0)),), "a.wav", {"one_shot": False}),
        (((b"acid", acid(ONE_SHOT)),), "Kick_128bpm_Am.wav",
         {"bpm": 128.0, "bpm_in": NAME, "key": "A:min", "key_in": NAME, "one_shot": True}),
        (((b"smpl", smpl(64, (100, 199))),), "a.wav", {"root_note": 64, "loop": (100, 200)}),
        (((b"smpl", smpl(0)), (b"acid", b"short")), "a.wav", {}),
        ((), "a.wav", {}),
    ],
)  # fmt: skip
def test_what_wav_files_state(
    chunks: tuple[tuple[bytes, bytes], ...],
    name: str,
    stated: dict[str, object],
    wav: Path,
    harness: IngestHarness,
    tmp_path: Path,
) -> None:
    path = tmp_path / "b" / name
    path.parent.mkdir()
    path.write_bytes(with_chunks(wav.read_bytes(), *chunks))
    assert harness.take(path).result.stated == StatedMusic(**stated)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("suffix", "tags"),
    [
        ("mp3", ("-metadata", "TBPM=128", "-metadata", "TKEY=F#m")),
        ("flac", ("-metadata", "BPM=128", "-metadata", "INITIALKEY=11A")),
        ("ogg", ("-metadata", "BPM=128", "-metadata", "KEY=Gb minor")),
    ],
)
def test_what_tags_state(
    suffix: str,
    tags: tuple[str, ...],
    wav: Path,
    engine: ConfinedFfmpeg,
    harness: IngestHarness,
    tmp_path: Path,
) -> None:
    result = harness.take(convert(engine, wav, tmp_path / f"x_90bpm.{suffix}", *tags)).result
    assert result.stated == StatedMusic(bpm=128.0, bpm_in=TAG, key="F#:min", key_in=TAG)


@pytest.mark.parametrize(
    ("name", "bpm", "key"),
    [
        ("Kick_128bpm_Am", 128.0, "A:min"),
        ("Loop 90 BPM F#m", 90.0, "F#:min"),
        ("Bass_Cmin_174BPM", 174.0, "C:min"),
        ("[Em] 99.5 bpm pad", 99.5, "E:min"),
        ("Pad - Bb major - 100bpm", 100.0, "Bb:maj"),
        ("Who I Am 128bpm", 128.0, None),
        # A letter may be a note, and a number may be anything.
        ("Pad_C_120bpm", 120.0, None),
        ("808 C# 140bpm", 140.0, None),
        ("Track 128 Am", None, None),
        ("Am_F#m_120bpm", 120.0, None),
        ("a 1280bpm", None, None),
        ("x_100bpm_120bpm", None, None),
        ("30bpm", None, None),
    ],
)
def test_what_names_state(name: str, bpm: float | None, key: str | None) -> None:
    assert (tempo_in_name(name), key_in_name(name)) == (bpm, key)
