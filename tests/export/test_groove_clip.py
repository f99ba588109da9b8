"""Grooves as MIDI clips."""

from pathlib import Path

import mido
import pytest

from contracts.midi import Note
from services.export.bundle import Kit
from services.export.formats.groove import groove_clip


def note(start: float, end: float, pitch: int = 36, velocity: int = 100) -> Note:
    return Note(start=start, end=end, pitch=pitch, name="", velocity=velocity, confidence=1.0)


def clip(folder: Path, *notes: Note, bars: int | None = None, bpm: float = 125.0) -> mido.MidiFile:
    kit = Kit(name="Groove", pads=(), bpm=bpm, groove=notes, bars=bars)
    (folder / "groove.mid").write_bytes(groove_clip(kit))
    return mido.MidiFile(folder / "groove.mid")


def timed(file: mido.MidiFile) -> list[tuple[float, str, int, int]]:
    """Return the notes as (seconds, type, pitch, velocity)."""
    now, events = 0.0, []
    for message in file:
        now += message.time
        if message.type in ("note_on", "note_off"):
            events.append((now, message.type, message.note, message.velocity))
    return events


def test_times_and_velocities_are_kept(tmp_path: Path) -> None:
    notes = (note(0.013, 0.2, velocity=127), note(0.487, 0.9, 38, 45), note(1.443, 1.5, 36, 1))
    events = timed(clip(tmp_path, *notes))
    starts = [
        (time, pitch, velocity) for time, kind, pitch, velocity in events if kind == "note_on"
    ]
    for (time, pitch, velocity), original in zip(starts, notes, strict=True):
        assert time == pytest.approx(original.start, abs=0.0003)
        assert (pitch, velocity) == (original.pitch, original.velocity)


def test_a_clip_is_whole_bars_long(tmp_path: Path) -> None:
    for bars, expected in ((None, 1), (4, 4)):
        file = clip(tmp_path, note(0.1, 0.2), bars=bars, bpm=120.0)
        assert file.length == pytest.approx(2.0 * expected)


def test_a_note_ends_where_the_next_of_its_pad_begins(tmp_path: Path) -> None:
    events = timed(clip(tmp_path, note(0.0, 5.0), note(0.4, 0.6), note(0.4, 0.9), bpm=120.0))
    assert [(round(time, 3), kind) for time, kind, _, _ in events] == [
        (0.0, "note_on"),
        (0.4, "note_off"),
        (0.4, "note_on"),
        (0.9, "note_off"),
    ]


def test_the_same_groove_gives_the_same_bytes(tmp_path: Path) -> None:
    clip(tmp_path, note(0.1, 0.2))
    first = (tmp_path / "groove.mid").read_bytes()
    clip(tmp_path, note(0.1, 0.2))
    assert (tmp_path / "groove.mid").read_bytes() == first
