"""Which tracker writes the notes of a recording, by its stem and by what is heard."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.midi_monophonic_cases import LineCase, sung
from contracts.midi import MidiParams, Tracker, TrackerReason
from contracts.music import Stem
from kit.notes.assembly import NoteEvent
from kit.notes.monophonic import PitchCurve
from kit.notes.partials import FRAME
from kit.notes.stored import StoredPosteriors
from services.midi.engine import Engine
from services.midi.handler import handle
from services.midi.trackers import choose, simultaneous_share
from tests.midi.music import CHORDS, SCALE, KnownNote, matched, perform
from tests.midi.test_handler import file_of, job_of, notes_of

MACHINE = {"onset_threshold": 0.55, "frame_threshold": 0.3, "minimum_note_ms": 58.0}


@pytest.fixture(scope="module")
def voice() -> LineCase:
    return sung("held_out", 0)


@pytest.mark.parametrize(
    ("stem", "simultaneous", "unsteady", "tracker", "reason"),
    [
        (None, 0.6, 0.9, Tracker.POLYPHONIC, TrackerReason.SIMULTANEOUS_NOTES),
        (Stem.VOCALS, 0.6, 0.9, Tracker.POLYPHONIC, TrackerReason.SIMULTANEOUS_NOTES),
        (Stem.VOCALS, 0.1, 0.1, Tracker.MONOPHONIC, TrackerReason.MONOPHONIC_STEM),
        (Stem.BASS, 0.1, 0.0, Tracker.MONOPHONIC, TrackerReason.MONOPHONIC_STEM),
        (Stem.OTHER, 0.1, 0.9, Tracker.MONOPHONIC, TrackerReason.UNSTEADY_PITCH),
        (None, 0.1, 0.1, Tracker.POLYPHONIC, TrackerReason.STEADY_PITCH),
    ],
)
def test_the_stem_and_the_sound_choose(
    stem: Stem | None,
    simultaneous: float,
    unsteady: float,
    tracker: Tracker,
    reason: TrackerReason,
) -> None:
    choice = choose(stem, simultaneous=simultaneous, unsteady=unsteady)
    assert (choice.tracker, choice.reason) == (tracker, reason)


def test_partials_of_the_pitch_are_no_simultaneous_notes() -> None:
    frames = 200
    full = np.full(frames, 60.0, np.float32)
    curve = PitchCurve(full, np.full_like(full, 0.9), np.full_like(full, -20))

    def share(*pitches: int) -> float:
        bends = np.zeros(0, np.float32)
        notes = [NoteEvent(0, 100 * FRAME, pitch, 0.8, 0, bends) for pitch in pitches]
        return simultaneous_share(notes, curve)

    assert share(60, 72, 79) == 0
    assert share(60, 64) == 1
    assert share() == 1


def test_a_voice_is_written_by_the_monophonic_tracker(
    tmp_path: Path, engine: Engine, voice: LineCase
) -> None:
    """The floor of a line that an unsteady singer sings; the polyphonic tracker reaches 0.34."""
    truth = [KnownNote(note.start, note.end, note.pitch) for note in voice.notes]
    scores = []
    for tracker in (Tracker.AUTO, Tracker.POLYPHONIC):
        folder = tmp_path / tracker
        folder.mkdir()
        job = job_of(folder, voice.audio[None])
        result = handle(MidiParams(tracker=tracker), job, engine)
        precision, recall = matched(truth, notes_of(job))
        scores.append(2 * precision * recall / (precision + recall))
        if tracker is Tracker.AUTO:
            assert (result.tracker, result.tracker_reason) == (
                Tracker.MONOPHONIC,
                TrackerReason.UNSTEADY_PITCH,
            )
            assert result.weights == "basic-pitch icassp-2022, swift-f0 0.3.0"
            assert result.polyphony == 1
            assert result.simultaneous_share is not None
            assert result.simultaneous_share < 0.1
        else:
            assert result.tracker_reason is TrackerReason.REQUESTED
            assert result.simultaneous_share is None
    assert scores[0] >= 0.6
    assert scores[0] >= scores[1] + 0.15


@pytest.mark.parametrize("stem", [None, Stem.VOCALS])
def test_chords_are_written_by_the_polyphonic_tracker(
    tmp_path: Path, engine: Engine, stem: Stem | None
) -> None:
    result = handle(MidiParams(), job_of(tmp_path, perform(CHORDS), stem=stem), engine)
    assert result.tracker is Tracker.POLYPHONIC
    assert result.tracker_reason is TrackerReason.SIMULTANEOUS_NOTES
    assert result.polyphony == 4


def test_a_bass_stem_is_written_by_the_monophonic_tracker(tmp_path: Path, engine: Engine) -> None:
    line = [KnownNote(note.start, note.end, note.pitch - 16) for note in SCALE]
    job = job_of(tmp_path, perform(line), stem=Stem.BASS)
    result = handle(MidiParams(), job, engine)
    assert result.tracker is Tracker.MONOPHONIC
    precision, recall = matched(line, notes_of(job), ends=0.1)
    assert min(precision, recall) >= 0.9


def test_the_parameter_overrides_the_choice(tmp_path: Path, engine: Engine) -> None:
    job = job_of(tmp_path, perform(SCALE))
    result = handle(MidiParams(tracker=Tracker.MONOPHONIC), job, engine)
    assert result.tracker is Tracker.MONOPHONIC
    assert result.tracker_reason is TrackerReason.REQUESTED
    assert matched(SCALE, notes_of(job))[1] >= 0.9


def test_stored_notes_of_a_voice_follow_thresholds_and_ranges(
    tmp_path: Path, engine: Engine, voice: LineCase
) -> None:
    job = job_of(tmp_path, voice.audio[None], stem=Stem.VOCALS)
    handle(MidiParams(), job, engine)
    stored = StoredPosteriors(file_of(job, "posteriors.bin").read_bytes())
    assert stored.options.tracker is Tracker.MONOPHONIC
    written = json.loads(file_of(job, "notes.json").read_text(encoding="utf-8"))["notes"]
    again = stored.decode(**MACHINE)
    assert [(round(n.start, 4), round(n.end, 4), n.pitch) for n in again] == [
        (n["start"], n["end"], n["pitch"]) for n in written
    ]
    surer = stored.decode(**{**MACHINE, "frame_threshold": 0.8})
    assert sum(n.end - n.start for n in surer) < 0.9 * sum(n.end - n.start for n in again)
    assert len(stored.decode(**{**MACHINE, "minimum_note_ms": 250})) < len(again)
    inside = stored.decode(**MACHINE, start=4.0, end=8.0)
    expected = [note.start for note in again if 4.0 <= note.start < 8.0]
    assert [note.start for note in inside] == pytest.approx(expected)


def test_a_pitch_range_applies_to_the_monophonic_tracker(tmp_path: Path, engine: Engine) -> None:
    job = job_of(tmp_path, perform(SCALE))
    params = MidiParams(
        tracker=Tracker.MONOPHONIC, minimum_frequency=220.0, maximum_frequency=330.0
    )
    result = handle(params, job, engine)
    assert (result.lowest, result.highest) == (57, 64)
