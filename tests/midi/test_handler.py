"""Whole jobs with the real network: files, results, and how a job ends without any."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest
from pydantic import ValidationError

from contracts.items import ArtifactKind
from contracts.midi import MidiParams, MidiResult
from contracts.music import Stem
from kit.notes.stored import StoredPosteriors
from kit.worker.job import Job
from kit.worker.outcomes import Rejected, Skipped
from services.midi.engine import Engine
from services.midi.handler import handle
from tests.midi.music import CHORDS, RATE, REPEATS, SCALE, KnownNote, matched, perform
from tests.support import signals
from tests.support.single_job import RecordingReporter, audio_input, single_job, write_audio


def job_of(
    folder: Path, audio: np.ndarray, *, stem: Stem | None = None, bpm: float | None = None
) -> Job:
    path = write_audio(folder / "song.flac", audio, RATE)
    scratch = folder / "scratch"
    scratch.mkdir()
    job = single_job(scratch, [audio_input(path, stem=stem)])
    job.item_facts = job.item.model_copy(update={"bpm": bpm})
    return job


def file_of(job: Job, name: str) -> Path:
    return next(output.path for output in job.outputs if output.name == name)


def notes_of(job: Job) -> list[KnownNote]:
    content = json.loads(file_of(job, "notes.json").read_text(encoding="utf-8"))
    return [KnownNote(note["start"], note["end"], note["pitch"]) for note in content["notes"]]


@pytest.mark.parametrize(
    ("truth", "decay", "min_with_ends"),
    [(SCALE, 1.0, 0.9), (CHORDS, 1.0, 0.9), (REPEATS, 0.6, 0.9), (SCALE, 0.0, 0.9)],
    ids=["scale", "chords", "repeats", "held"],
)
def test_known_notes_are_found(
    tmp_path: Path,
    engine: Engine,
    truth: tuple[KnownNote, ...],
    decay: float,
    min_with_ends: float,
) -> None:
    job = job_of(tmp_path, perform(truth, decay=decay))
    result = handle(MidiParams(), job, engine)
    detected = notes_of(job)
    precision, recall = matched(truth, detected)
    assert precision >= 0.9
    assert recall >= 0.95
    _, ends = matched(truth, detected, ends=0.07)
    assert ends >= min_with_ends
    assert result.notes == len(detected)
    assert result.lowest == min(note.pitch for note in detected)
    assert result.highest == max(note.pitch for note in detected)
    assert result.duration == pytest.approx(perform(truth).shape[1] / RATE)
    assert 0.5 < result.mean_confidence <= 1
    assert result.weights == "basic-pitch icassp-2022"
    assert MidiResult.model_validate_json(result.model_dump_json()) == result


def test_polyphony_is_counted(tmp_path: Path, engine: Engine) -> None:
    result = handle(MidiParams(), job_of(tmp_path, perform(CHORDS)), engine)
    assert result.polyphony == 4


def test_the_three_files_say_the_same(tmp_path: Path, engine: Engine) -> None:
    job = job_of(tmp_path, perform(CHORDS), stem=Stem.PIANO)
    handle(MidiParams(), job, engine)
    assert [(o.name, o.kind, o.media_type, o.stem) for o in job.outputs] == [
        ("posteriors.bin", ArtifactKind.POSTERIORS, "application/octet-stream", Stem.PIANO),
        ("notes.mid", ArtifactKind.MIDI, "audio/midi", Stem.PIANO),
        ("notes.json", ArtifactKind.NOTES, "application/json", Stem.PIANO),
        ("notes.csv", ArtifactKind.NOTES, "text/csv", Stem.PIANO),
    ]
    with file_of(job, "notes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    content = json.loads(file_of(job, "notes.json").read_text(encoding="utf-8"))["notes"]
    assert len(rows) == len(content)
    for row, note in zip(rows, content, strict=True):
        assert float(row["start_s"]) == note["start"]
        assert int(row["pitch"]) == note["pitch"]
        assert row["name"] == note["name"]
        assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in row.values())
    stored = StoredPosteriors(file_of(job, "posteriors.bin").read_bytes())
    params = MidiParams()
    again = stored.decode(
        onset_threshold=params.onset_threshold,
        frame_threshold=params.frame_threshold,
        minimum_note_ms=params.minimum_note_ms,
    )
    assert [note.pitch for note in again] == [note["pitch"] for note in content]
    struck = [m for m in mido.MidiFile(file_of(job, "notes.mid")) if m.type == "note_on"]
    assert sorted(m.note for m in struck) == sorted(note["pitch"] for note in content)


@pytest.mark.parametrize("bpm", [None, 93.5])
def test_the_files_grid_is_the_items_tempo(
    tmp_path: Path, engine: Engine, bpm: float | None
) -> None:
    job = job_of(tmp_path, perform(SCALE), bpm=bpm)
    result = handle(MidiParams(pitch_bends=False), job, engine)
    assert result.tempo_known == (bpm is not None)
    assert result.tempo == (bpm or 120)
    file = mido.MidiFile(file_of(job, "notes.mid"))
    (tempo,) = [m.tempo for m in file.tracks[0] if m.type == "set_tempo"]
    assert mido.tempo2bpm(tempo) == pytest.approx(bpm or 120, rel=1e-5)
    now, starts = 0.0, []
    for message in file:
        now += message.time
        if message.type == "note_on":
            starts.append(now)
    assert starts == pytest.approx([note.start for note in notes_of(job)], abs=0.002)


def test_a_vibrato_is_in_the_bends(tmp_path: Path, engine: Engine) -> None:
    truth = [KnownNote(0.3, 2.3, 69)]
    job = job_of(tmp_path, perform(truth, decay=0, vibrato=0.5))
    handle(MidiParams(), job, engine)
    (note,) = json.loads(file_of(job, "notes.json").read_text(encoding="utf-8"))["notes"]
    bends = np.array(note["bends"])
    assert 0.25 < np.percentile(np.abs(bends), 90) < 0.75
    spectrum = np.abs(np.fft.rfft(bends - bends.mean()))
    rate = np.fft.rfftfreq(len(bends), 256 / 22050)[spectrum.argmax()]
    assert rate == pytest.approx(5, abs=0.6)


@pytest.mark.parametrize("cents", [-40, -20, 20, 40])
def test_a_note_out_of_tune_is_bent_as_far(tmp_path: Path, engine: Engine, cents: int) -> None:
    audio = perform([KnownNote(0.3, 1.8, 69 + cents / 100)], decay=0)
    job = job_of(tmp_path, audio)
    handle(MidiParams(), job, engine)
    notes = json.loads(file_of(job, "notes.json").read_text(encoding="utf-8"))["notes"]
    (long,) = [n for n in notes if n["pitch"] == 69 and n["end"] - n["start"] > 1]
    assert np.median(long["bends"]) == pytest.approx(cents / 100, abs=0.08)


def test_a_straight_note_is_not_bent(tmp_path: Path, engine: Engine) -> None:
    job = job_of(tmp_path, perform(SCALE))
    handle(MidiParams(), job, engine)
    bends = [m for m in mido.MidiFile(file_of(job, "notes.mid")) if m.type == "pitchwheel"]
    assert not bends


def test_range_length_and_instrument_follow_the_parameters(tmp_path: Path, engine: Engine) -> None:
    job = job_of(tmp_path, perform(CHORDS))
    params = MidiParams(minimum_frequency=220.0, maximum_frequency=330.0, program=40)
    result = handle(params, job, engine)
    # A3 is 220 Hz, E4 is 329.6 Hz.
    assert (result.lowest, result.highest) == (57, 64)
    messages = list(mido.MidiFile(file_of(job, "notes.mid")))
    assert {m.program for m in messages if m.type == "program_change"} == {40}


def test_long_minimum_leaves_short_notes_out(tmp_path: Path, engine: Engine) -> None:
    job = job_of(tmp_path, perform(SCALE))
    with pytest.raises(Skipped) as skipped:
        handle(MidiParams(minimum_note_ms=900), job, engine)
    assert skipped.value.reason == "no_notes"


@pytest.mark.parametrize(("stem", "program"), [(Stem.BASS, 33), (Stem.VOCALS, 52), (None, 0)])
def test_the_stem_chooses_the_instrument(
    tmp_path: Path, engine: Engine, stem: Stem | None, program: int
) -> None:
    job = job_of(tmp_path, perform(SCALE[:3]), stem=stem)
    assert handle(MidiParams(), job, engine).program == program


def test_stereo_is_transcribed_as_its_mid_channel(tmp_path: Path, engine: Engine) -> None:
    audio = np.concatenate([perform(SCALE), np.zeros_like(perform(SCALE))])
    job = job_of(tmp_path, audio)
    handle(MidiParams(), job, engine)
    precision, recall = matched(SCALE, notes_of(job))
    assert min(precision, recall) >= 0.9


def test_progress_rises_to_the_end(tmp_path: Path, engine: Engine) -> None:
    job = job_of(tmp_path, perform(SCALE))
    handle(MidiParams(), job, engine)
    assert isinstance(job.reporter, RecordingReporter)
    assert job.reporter.fractions == sorted(job.reporter.fractions)
    assert job.reporter.fractions[-1] == 1.0


# --- Without a result ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("audio", "stem", "reason"),
    [
        (np.zeros((2, 3 * RATE), np.float32), None, "silent"),
        (np.full((1, 3 * RATE), 1e-4, np.float32), None, "silent"),
        (np.zeros((1, 100), np.float32), None, "too_short"),
        (np.random.default_rng(0).normal(0, 0.1, (1, 3 * RATE)), None, "no_notes"),
        (np.ones((1, 3 * RATE), np.float32) * 0.5, None, "no_notes"),
        (perform(SCALE), Stem.DRUMS, "no_drums"),
    ],
    ids=["silence", "whisper", "short", "noise", "constant", "drums"],
)
def test_audio_without_notes_skips_the_job(
    tmp_path: Path, engine: Engine, audio: np.ndarray, stem: Stem | None, reason: str
) -> None:
    job = job_of(tmp_path, audio.astype(np.float32), stem=stem)
    with pytest.raises(Skipped) as skipped:
        handle(MidiParams(), job, engine)
    assert skipped.value.reason == reason
    assert not job.outputs


def test_a_damaged_file_is_rejected(tmp_path: Path, engine: Engine) -> None:
    job = job_of(tmp_path, perform(SCALE))
    path = job.input.path
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(Rejected) as rejected:
        handle(MidiParams(), job, engine)
    assert rejected.value.reason == "unreadable"
    job.inputs = (job.input.model_copy(update={"path": tmp_path / "nowhere.flac"}),)
    with pytest.raises(Rejected):
        handle(MidiParams(), job, engine)


# --- Parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"onset_threshold": 0.0},
        {"onset_threshold": 1.5},
        {"frame_threshold": float("nan")},
        {"minimum_note_ms": 5},
        {"minimum_frequency": 0},
        {"minimum_frequency": 500, "maximum_frequency": 400},
        {"program": 128},
        {"melody": True},
    ],
)
def test_parameters_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MidiParams.model_validate(wrong)


# --- Recordings ---------------------------------------------------------------------------------


@pytest.mark.data
def test_a_recorded_saxophone(tmp_path: Path, engine: Engine, recordings: Path) -> None:
    folder = recordings / "filosax" / "P2_01"
    annotations = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))["notes"]
    truth = [
        KnownNote(n["a_start_time"], n["a_end_time"], n["midi_pitch"])
        for n in annotations
        if n["a_end_time"] < 5
    ]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    job = single_job(scratch, [audio_input(folder / "Sax.flac")])
    handle(MidiParams(), job, engine)
    precision, recall = matched(truth, notes_of(job))
    assert min(precision, recall) >= 0.8


def test_a_vocal_stem_that_holds_a_leak_has_no_notes(tmp_path: Path, engine: Engine) -> None:
    """No note is invented of what leaked from the instruments, and the reason is said."""
    band = perform(CHORDS)
    job = job_of(tmp_path, 0.05 * band, stem=Stem.VOCALS)
    song = audio_input(write_audio(tmp_path / "whole.flac", band, RATE))
    job.inputs = (song, *job.inputs)
    with pytest.raises(Skipped, match="26 dB below the mix") as skipped:
        handle(MidiParams(), job, engine)
    assert skipped.value.reason == "not_heard"
    copy = job.inputs[1].model_copy(update={"path": song.path, "stem": Stem.OTHER})
    job.inputs = (song, copy)
    assert handle(MidiParams(), job, engine).notes


def test_opposite_channels_have_the_notes_of_equal_ones(tmp_path: Path, engine: Engine) -> None:
    scale = perform(SCALE)
    result = []
    for name, right in (("equal", scale), ("opposite", -scale)):
        (tmp_path / name).mkdir()
        job = job_of(tmp_path / name, np.concatenate([scale[:1], right[:1]]))
        handle(MidiParams(), job, engine)
        result.append(notes_of(job))
    assert result[0] == result[1]


def test_a_lead_in_the_side_channel_is_transcribed_too(tmp_path: Path, engine: Engine) -> None:
    lead = perform(SCALE)[:1]
    band = 0.4 * signals.tone(36, lead.shape[1] / RATE, sample_rate=RATE)
    result = []
    for name, sign in (("middle", 1), ("side", -1)):
        (tmp_path / name).mkdir()
        stereo = np.concatenate([band + 0.5 * lead, band + 0.5 * sign * lead])
        job = job_of(tmp_path / name, stereo.astype(np.float32))
        handle(MidiParams(), job, engine)
        result.append(matched(SCALE, [note for note in notes_of(job) if note.pitch > 45]))
    (precision, recall), (same_precision, same_recall) = result
    assert same_recall >= recall >= 0.95
    assert same_precision >= precision - 0.1


@pytest.mark.parametrize("cents", [-45, 50])
def test_a_detuned_melody_is_written_once(tmp_path: Path, engine: Engine, cents: int) -> None:
    """Halfway between two pitches each note was written twice, or as both in turn."""
    played = [replace(note, pitch=note.pitch + cents / 100) for note in SCALE]
    result = handle(MidiParams(), job := job_of(tmp_path, perform(played)), engine)
    detected = notes_of(job)
    up = [replace(note, pitch=note.pitch + 1) for note in SCALE]
    assert max(matched(SCALE, detected)[1], matched(up, detected)[1]) == 1.0
    for note in played:
        near = [candidate for candidate in detected if abs(candidate.start - note.start) < 0.1]
        assert sum(abs(candidate.pitch - note.pitch) < 1.1 for candidate in near) == 1
    assert abs(abs(result.tuning_cents) - abs(cents)) < 6


def test_a_melody_in_tune_is_transcribed_unchanged(tmp_path: Path, engine: Engine) -> None:
    result = handle(MidiParams(), job_of(tmp_path, perform(SCALE)), engine)
    assert result.tuning_cents == 0.0
