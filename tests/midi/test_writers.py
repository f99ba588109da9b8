"""The files: bends that do not smear, grids that hold, numbers that a sheet can read."""

import csv
from collections import defaultdict
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.midi import Notes
from kit.notes.assembly import NoteEvent
from kit.notes.midi_file import BEND_RANGE
from kit.signal.tempo_grid import even
from services.midi.handler import polyphony
from services.midi.writers import (
    MidiTrack,
    Played,
    name_of,
    play,
    write_csv,
    write_json,
    write_midi,
)


def note(
    start: float, end: float, pitch: int, *, bend: float = 0.0, level: float = 30.0
) -> NoteEvent:
    frames = max(1, round((end - start) * 86))
    return NoteEvent(start, end, pitch, 0.8, level, np.full(frames, bend, np.float32))


def saved(path: Path, played: list[Played], *, tempo: float = 120.0) -> mido.MidiFile:
    write_midi(path, [MidiTrack("Notes", played, 5)], even(tempo))
    return mido.MidiFile(path)


def sounding(file: mido.MidiFile) -> list[tuple[float, float, int, float]]:
    """Return (start, end, pitch, bend at the start) as a synthesiser would play the file."""
    now = 0.0
    bend: dict[int, float] = defaultdict(float)
    begun: dict[tuple[int, int], tuple[float, float]] = {}
    output = []
    for message in file:
        now += message.time
        if message.type == "pitchwheel":
            bend[message.channel] = message.pitch / 8192 * BEND_RANGE
            for key in begun:
                if key[0] == message.channel:
                    first, _ = begun[key]
                    if now == first:
                        begun[key] = (first, bend[message.channel])
        elif message.type == "note_on" and message.velocity:
            assert (message.channel, message.note) not in begun
            begun[message.channel, message.note] = (now, bend[message.channel])
        elif message.type == "note_off":
            first, bent = begun.pop((message.channel, message.note))
            output.append((first, now, message.note, bent))
    assert not begun
    return output


def test_a_file_is_of_type_1_with_its_grid_first(tmp_path: Path) -> None:
    file = saved(tmp_path / "a.mid", play([note(0, 1, 60)], pitch_bends=True), tempo=97.0)
    assert file.type == 1
    assert len(file.tracks) == 2
    assert [m.type for m in file.tracks[0]] == ["set_tempo", "time_signature", "end_of_track"]
    assert not any(m.type == "set_tempo" for m in file.tracks[1])
    assert sounding(file) == [(0.0, pytest.approx(1.0, abs=0.002), 60, 0.0)]


def test_overlapping_bends_lie_on_channels_of_their_own(tmp_path: Path) -> None:
    notes = [note(0, 2, 60, bend=0.5), note(0.5, 1.5, 64, bend=-0.5), note(1.0, 3.0, 67)]
    played = play(notes, pitch_bends=True)
    assert len({item.channel for item in played}) == 3
    output = sounding(saved(tmp_path / "a.mid", played))
    bends = {pitch: bend for _, _, pitch, bend in output}
    assert bends[60] == pytest.approx(0.5, abs=0.01)
    assert bends[64] == pytest.approx(-0.5, abs=0.01)
    assert bends[67] == 0.0


def test_a_bend_ends_with_its_note(tmp_path: Path) -> None:
    notes = [note(0, 1, 60, bend=1.0), note(1.0, 2, 62), note(2.5, 3, 64)]
    played = play(notes, pitch_bends=True)
    assert {item.channel for item in played} == {0}
    output = sounding(saved(tmp_path / "a.mid", played))
    assert [bend for *_, bend in output] == [pytest.approx(1.0, abs=0.01), 0.0, 0.0]


def test_without_bends_there_is_one_channel_and_no_wheel(tmp_path: Path) -> None:
    notes = [note(0, 2, 60 + i, bend=0.5) for i in range(20)]
    played = play(notes, pitch_bends=False)
    assert {item.channel for item in played} == {0}
    assert not any(m.type == "pitchwheel" for m in saved(tmp_path / "a.mid", played))


def test_more_notes_than_channels_lose_their_bends_not_their_pitch(tmp_path: Path) -> None:
    notes = [note(0.01 * i, 5, 40 + i, bend=0.5) for i in range(20)]
    played = play(notes, pitch_bends=True)
    assert sum(item.bent for item in played) == 15
    assert 9 not in {item.channel for item in played}
    assert len(sounding(saved(tmp_path / "a.mid", played))) == 20


def test_every_channel_gets_its_bend_range_and_instrument(tmp_path: Path) -> None:
    played = play([note(0, 2, 60), note(1, 2, 64)], pitch_bends=True)
    messages = [m for m in saved(tmp_path / "a.mid", played) if not m.is_meta]
    for channel in {item.channel for item in played}:
        channel_messages = [m for m in messages if m.channel == channel]
        controls = [(m.control, m.value) for m in channel_messages if m.type == "control_change"]
        assert controls[:4] == [(101, 0), (100, 0), (6, BEND_RANGE), (38, 0)]
        assert [m.program for m in channel_messages if m.type == "program_change"] == [5]


def test_velocities_follow_the_levels() -> None:
    played = play([note(i, i + 1, 60, level=30 + 4 * i) for i in range(5)], pitch_bends=False)
    velocities = [item.velocity for item in played]
    assert velocities == sorted(velocities)
    assert velocities[2] == 80
    extreme = play([note(0, 1, 60, level=-90), note(1, 2, 60), note(2, 3, 60, level=200)],
                   pitch_bends=False)  # fmt: skip
    assert [item.velocity for item in extreme] == [20, 80, 127]


@pytest.mark.parametrize(("pitch", "name"), [(21, "A0"), (60, "C4"), (61, "C#4"), (108, "C8")])
def test_names(pitch: int, name: str) -> None:
    assert name_of(pitch) == name


def test_polyphony_counts_what_sounds_at_once() -> None:
    assert polyphony([note(0, 1, 60), note(1, 2, 62)]) == 1
    assert polyphony([note(0, 1, 60), note(0.5, 2, 62), note(0.9, 3, 64)]) == 3


lengths = st.tuples(st.floats(0, 20), st.floats(0.02, 5), st.integers(21, 108), st.floats(-2, 2))


def without_overlap(drawn: list[tuple[float, float, int, float]]) -> list[NoteEvent]:
    """Notes of one pitch do not overlap: so note creation promises."""
    until: dict[int, float] = defaultdict(float)
    output = []
    for start, length, pitch, bend in sorted(drawn):
        begin = max(start, until[pitch])
        until[pitch] = begin + length
        output.append(note(begin, begin + length, pitch, bend=bend))
    return output


@given(
    drawn=st.lists(lengths, min_size=1, max_size=40),
    tempo=st.floats(20, 400),
    bends=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_notes_survive_being_written_and_read(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: list[tuple[float, float, int, float]],
    tempo: float,
    bends: bool,
) -> None:
    folder = tmp_path_factory.getbasetemp()
    notes = without_overlap(drawn)
    played = play(notes, pitch_bends=bends)
    output = sorted(sounding(saved(folder / "p.mid", played, tempo=tempo)))
    expected = sorted((n.start, n.end, n.pitch) for n in notes)
    assert len(output) == len(expected)
    by_pitch = lambda items: sorted(items, key=lambda item: (item[2], item[0]))  # noqa: E731
    resolution = 60 / tempo / 960
    for result, truth in zip(by_pitch(output), by_pitch(expected), strict=True):
        assert result[2] == truth[2]
        assert result[0] == pytest.approx(truth[0], abs=0.002 + 2 * resolution)
        assert result[1] == pytest.approx(truth[1], abs=0.002 + 2 * resolution)
    head = Notes(tempo=tempo, tempo_known=True, bend_interval=256 / 22050, program=3, notes=())
    write_json(folder / "p.json", played, head)
    content = Notes.model_validate_json((folder / "p.json").read_bytes())
    assert len(content.notes) == len(notes)
    assert (content.tempo, content.program) == (tempo, 3)
    write_csv(folder / "p.csv", played)
    with (folder / "p.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) == len(notes) + 1
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
