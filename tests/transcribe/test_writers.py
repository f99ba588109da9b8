"""The files, byte by byte where their formats say so."""

import json
from pathlib import Path

import pytest

from contracts.transcribe import RemovalReason
from services.transcribe import writers
from services.transcribe.hallucinations import Removed
from services.transcribe.lines import Segment, Word
from tests.transcribe.fake_speech import line

LYRICS = writers.Lyrics(
    title="First [Crate]",
    language="en",
    duration=3725.5,
    lines=[line("Open the crate", 1.234), line("5 < 6 --> [7] & über", 3661.0)],
    removed=[Removed(line("Thanks for watching!", 30), RemovalReason.CREDIT)],
    engine="e",
    weights="w",
)


def test_json_holds_everything(tmp_path: Path) -> None:
    writers.write_json(tmp_path / "l.json", LYRICS)
    content = json.loads((tmp_path / "l.json").read_text(encoding="utf-8"))
    assert content["language"] == "en"
    first = content["lines"][0]
    assert (first["start"], first["text"]) == (1.234, "Open the crate")
    assert [word["text"] for word in first["words"]] == ["Open", "the", "crate"]
    assert first["words"][1]["start"] == pytest.approx(1.634)
    assert content["removed"][0]["reason"] == "credit"
    assert content["removed"][0]["text"] == "Thanks for watching!"


def test_lrc(tmp_path: Path) -> None:
    writers.write_lrc(tmp_path / "l.lrc", LYRICS)
    assert (tmp_path / "l.lrc").read_text(encoding="utf-8") == (
        "[ti:First (Crate)]\n[length:62:05.50]\n"
        "[00:01.23]Open the crate\n[61:01.00]5 ‹ 6 → (7) & über\n"
    )


def test_enhanced_lrc(tmp_path: Path) -> None:
    writers.write_lrc(tmp_path / "l.lrc", LYRICS, words=True)
    rows = (tmp_path / "l.lrc").read_text(encoding="utf-8").splitlines()
    assert rows[2] == "[00:01.23] <00:01.23> Open <00:01.63> the <00:02.03> crate <00:02.43>"


def test_srt(tmp_path: Path) -> None:
    writers.write_srt(tmp_path / "l.srt", LYRICS)
    assert (tmp_path / "l.srt").read_text(encoding="utf-8") == (
        "1\n00:00:01,234 --> 00:00:02,434\nOpen the crate\n\n"
        "2\n01:01:01,000 --> 01:01:03,800\n5 ‹ 6 → (7) & über\n"
    )


def test_vtt(tmp_path: Path) -> None:
    writers.write_vtt(tmp_path / "l.vtt", LYRICS)
    assert (tmp_path / "l.vtt").read_text(encoding="utf-8") == (
        "WEBVTT\n\n00:00:01.234 --> 00:00:02.434\nOpen the crate\n\n"
        "01:01:01.000 --> 01:01:03.800\n5 ‹ 6 → (7) &amp; über\n"
    )


def test_text(tmp_path: Path) -> None:
    writers.write_text(tmp_path / "l.txt", LYRICS)
    assert (tmp_path / "l.txt").read_text(encoding="utf-8").startswith("Open the crate\n5 < 6")


def test_a_long_line_becomes_several_cues_at_its_pauses(tmp_path: Path) -> None:
    words = [Word(f" w{n}", n * 0.9, n * 0.9 + 0.85, 0.9) for n in range(6)]
    words += [Word(f" w{n}", 2 + n * 0.9, 2 + n * 0.9 + 0.85, 0.9) for n in range(6, 10)]
    lyrics = writers.Lyrics(
        title="t",
        language="en",
        duration=20,
        lines=[Segment(tuple(words), -0.2, 0.1, 1.2)],
        removed=[],
        engine="e",
        weights="w",
    )
    writers.write_srt(tmp_path / "l.srt", lyrics)
    cues = (tmp_path / "l.srt").read_text(encoding="utf-8").split("\n\n")
    assert [cue.splitlines()[2] for cue in cues] == ["w0 w1 w2 w3 w4 w5", "w6 w7 w8 w9"]
