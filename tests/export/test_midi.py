"""The preset `midi`: read back by mido and by pretty_midi."""

import io
import warnings
from pathlib import Path

import mido
import numpy as np
import pytest

from contracts.midi import Note, PedalPress
from contracts.music import Stem
from kit.signal.tempo_grid import even
from kit.worker.outcomes import Skipped
from services.export.bundle import StemTrack
from services.export.formats.midi import Quantisation, midi_file, quantise_notes
from tests.export.jobs import Bundle, export, note, song_files

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pretty_midi


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("midi")
    return export(song_files(folder / "in").job(folder / "out"), "midi")


def played(data: bytes) -> list[tuple[float, float, int, int, bool]]:
    """Return start, end, pitch, velocity and drum of each note, as pretty_midi reads them."""
    file = pretty_midi.PrettyMIDI(io.BytesIO(data))
    return sorted(
        (round(n.start, 3), round(n.end, 3), n.pitch, n.velocity, part.is_drum)
        for part in file.instruments
        for n in part.notes
    )


def test_a_bundle_has_the_song_and_each_stem_twice(bundle: Bundle) -> None:
    assert list(bundle.files) == [
        "song.mid",
        "stems/120_bass_Song.mid",
        "stems/120_drums_Song.mid",
        "quantised/song.mid",
        "quantised/stems/120_bass_Song.mid",
        "quantised/stems/120_drums_Song.mid",
        "clearance.csv",
        "manifest.json",
    ]


def test_notes_are_as_they_were_played(bundle: Bundle) -> None:
    bass = [(0.0, 0.4, 33, 100, False), (1.013, 1.4, 36, 80, False)]
    drums = [(0.0, 0.1, 36, 100, True), (0.517, 0.6, 38, 90, True)]
    assert played(bundle.files["song.mid"]) == sorted([*bass, *drums])
    assert played(bundle.files["stems/120_bass_Song.mid"]) == bass
    assert played(bundle.files["stems/120_drums_Song.mid"]) == drums


def test_the_quantised_copy_begins_on_sixteenths(bundle: Bundle) -> None:
    starts = [start for start, *_ in played(bundle.files["quantised/song.mid"])]
    assert starts == [0.0, 0.0, 0.5, 1.0]


def test_a_file_has_programs_tempo_and_metre(bundle: Bundle) -> None:
    file = mido.MidiFile(file=io.BytesIO(bundle.files["song.mid"]))
    messages = [message for track in file.tracks for message in track]
    assert [m.tempo for m in messages if m.type == "set_tempo"] == [500_000]
    assert [m.program for m in messages if m.type == "program_change"] == [33, 0]
    assert [(m.numerator, m.denominator) for m in messages if m.type == "time_signature"] == [
        (4, 4)
    ]
    tempi = pretty_midi.PrettyMIDI(io.BytesIO(bundle.files["song.mid"])).get_tempo_changes()[1]
    assert tempi.tolist() == [120.0]


def test_overlapping_bends_have_a_channel_each() -> None:
    bent = [note(0.0, 1.0, 60, bends=(0.0, 1.0)), note(0.5, 1.5, 64, bends=(0.0, -1.0))]
    track = StemTrack(
        name="Vocals", file_name="v", stem=Stem.VOCALS, notes=tuple(bent), bend_interval=0.25,
        program=52,
    )  # fmt: skip
    file = mido.MidiFile(file=io.BytesIO(midi_file([track], even(120))))
    bends = [m for m in file.tracks[1] if m.type == "pitchwheel"]
    assert {(m.channel, m.pitch) for m in bends} == {(0, 4096), (0, 0), (1, -4096), (1, 0)}


def test_the_pedal_is_written_up_before_the_notes_of_a_tick_and_down_after_them() -> None:
    track = StemTrack(
        name="Piano", file_name="p", stem=Stem.PIANO,
        notes=(note(0.0, 1.0, 60), note(1.0, 2.0, 64)),
        pedals=(PedalPress(start=0.5, end=1.0), PedalPress(start=1.0, end=1.0)), program=0,
    )  # fmt: skip
    file = mido.MidiFile(file=io.BytesIO(midi_file([track], even(120))))
    now, events = 0.0, []
    for message in file:
        now += message.time
        if message.type == "control_change" and message.control == 64:
            events.append((round(now, 2), "pedal", message.value))
        elif message.type == "note_on":
            events.append((round(now, 2), "note", message.note))
    assert events == [
        (0.0, "note", 60),
        (0.5, "pedal", 127),
        (1.0, "pedal", 0),
        (1.0, "note", 64),
        (1.0, "pedal", 127),
        (1.0, "pedal", 0),
    ]


def test_swing_moves_every_second_step() -> None:
    notes = [note(0.125 * n + 0.004, 0.125 * n + 0.1, 42) for n in range(8)]
    straight = quantise_notes(notes, even(120), Quantisation())
    swung = quantise_notes(notes, even(120), Quantisation(4, 2 / 3))
    np.testing.assert_allclose([n.start for n in straight], 0.125 * np.arange(8), atol=1e-9)
    expected = 0.125 * np.arange(8) + np.where(np.arange(8) % 2, 0.125 / 3, 0)
    np.testing.assert_allclose([n.start for n in swung], expected, atol=1e-9)


def test_quantised_notes_of_a_pitch_neither_overlap_nor_double() -> None:
    notes: list[Note] = [note(0.01, 0.3, 60, 50), note(0.02, 0.1, 60, 90), note(0.24, 0.4, 60)]
    first, second = quantise_notes(notes, even(120), Quantisation())
    assert (first.start, first.velocity, second.start) == (0.0, 90, 0.25)
    assert first.end <= second.start


def test_a_song_without_notes_is_skipped(tmp_path: Path) -> None:
    files = song_files(tmp_path / "in", 1.0)
    files.inputs = [file for file in files.inputs if not file.name.endswith("s.json")]
    files.inputs = [file for file in files.inputs if file.kind != "notes"]
    with pytest.raises(Skipped, match="no notes to export"):
        export(files.job(tmp_path / "out"), "midi")
