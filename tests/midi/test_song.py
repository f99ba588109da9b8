"""The notes of a song's stems in one file."""

from pathlib import Path

import mido
import numpy as np
import pytest

from contracts.analysis import Analysis, Beat, Section, TempoCandidate, TempoEstimate
from contracts.items import ArtifactKind
from contracts.midi import MidiMode, MidiParams, Note, Notes
from contracts.music import Stem
from kit.worker.job import Job, JobInput
from kit.worker.outcomes import Rejected, Skipped
from services.midi.engine import Engine
from services.midi.handler import handle
from tests.support.single_job import SUBJECT, audio_input, single_job, write_audio

StemNotes = tuple[Stem | None, Notes]


def notes_of(
    starts: list[float], *, program: int | None, pitch: int = 60, bends: tuple[float, ...] = ()
) -> Notes:
    return Notes(
        tempo=120,
        tempo_known=False,
        bend_interval=256 / 22050,
        program=program,
        notes=tuple(
            Note(
                start=start,
                end=start + 0.4,
                pitch=pitch,
                name="C4",
                velocity=70,
                confidence=0.5,
                bends=bends,
            )
            for start in starts
        ),
    )


def analysed(beats: np.ndarray, *, meter: int = 4, bpm: float = 100.0, first: int = 0) -> Analysis:
    tempo = TempoEstimate(
        bpm=bpm,
        confidence=0.5,
        steadiness=1.0,
        candidates=(TempoCandidate(bpm=bpm, weight=1.0),),
        beats_per_bar=meter,
        downbeat_confidence=0.5,
    )
    return Analysis(
        duration=float(beats[-1]) + 1,
        tempo=tempo,
        beats=tuple(
            Beat(time=float(t), position=(i - first) % meter + 1) for i, t in enumerate(beats)
        ),
        sections=(
            Section(start=0, end=9.7, label="A", confidence=0.5),
            Section(start=9.7, end=20, label="B", confidence=0.5),
        ),
    )


def job_of(folder: Path, output: list[StemNotes], analysis: Analysis | None = None) -> Job:
    inputs = []
    for number, (stem, notes) in enumerate(output):
        for name in ("notes.json", "notes.csv"):
            path = folder / f"{number}-{name}"
            path.write_text(notes.model_dump_json() if name.endswith("json") else "start_s\n")
            inputs.append(
                JobInput(
                    path=path,
                    kind=ArtifactKind.NOTES,
                    name=name,
                    subject=SUBJECT,
                    sha256="0" * 64,
                    stem=stem,
                )
            )
    if analysis is not None:
        path = folder / "analysis.json"
        path.write_text(analysis.model_dump_json())
        inputs.append(
            JobInput(
                path=path,
                kind=ArtifactKind.ANALYSIS,
                name=path.name,
                subject=SUBJECT,
                sha256="0" * 64,
            )
        )
    scratch = folder / "scratch"
    scratch.mkdir()
    return single_job(scratch, inputs)


def played(file: mido.MidiFile) -> dict[str, list[float]]:
    """Return when the notes of each track begin, in seconds, as a player counts them."""
    tempi, now = [], 0
    for message in file.tracks[0]:
        now += message.time
        if message.type == "set_tempo":
            tempi.append((now, message.tempo))
    result: dict[str, list[float]] = {}
    for track in file.tracks[1:]:
        now, starts = 0, []
        for message in track:
            now += message.time
            if message.type == "note_on":
                second = 0.0
                for (tick, tempo), until in zip(
                    tempi, [t for t, _ in tempi[1:]] + [10**9], strict=True
                ):
                    if now > tick:
                        second += (min(now, until) - tick) * tempo / file.ticks_per_beat / 1e6
                starts.append(second)
        result[track.name] = starts
    return result


STEADY = 0.37 + 0.6 * np.arange(64)
WANDERING = 0.2 + np.concatenate([[0], np.cumsum(0.6 + 0.15 * np.sin(np.arange(63) / 9))])


@pytest.mark.parametrize("beats", [STEADY, WANDERING], ids=["steady", "wandering"])
@pytest.mark.parametrize("meter", [3, 4])
def test_notes_sound_when_they_did(
    tmp_path: Path, engine: Engine, beats: np.ndarray, meter: int
) -> None:
    rng = np.random.default_rng(3)
    starts = {stem: sorted(rng.uniform(0, 38, 40).tolist()) for stem in ("bass", "vocals", "drums")}
    output: list[StemNotes] = [
        (Stem.DRUMS, notes_of(starts["drums"], program=None, pitch=36)),
        (Stem.BASS, notes_of(starts["bass"], program=33)),
        (Stem.VOCALS, notes_of(starts["vocals"], program=52)),
    ]
    job = job_of(tmp_path, output, analysed(beats, meter=meter, first=1))
    result = handle(MidiParams(), job, engine)
    assert [(o.name, o.kind, o.stem) for o in job.outputs] == [
        ("song.mid", ArtifactKind.MIDI, None)
    ]
    file = mido.MidiFile(job.outputs[0].path)
    assert file.type == 1
    detected = played(file)
    assert list(detected) == ["Vocals", "Bass", "Drums"]
    for name, times in detected.items():
        np.testing.assert_allclose(times, starts[name.lower()], atol=0.002)
    assert result.mode is MidiMode.SONG
    assert [(t.name, t.stem, t.program, t.notes) for t in result.tracks] == [
        ("Vocals", Stem.VOCALS, 52, 40),
        ("Bass", Stem.BASS, 33, 40),
        ("Drums", Stem.DRUMS, None, 40),
    ]
    assert result.tempo_known
    head = {message.type: message for message in file.tracks[0]}
    assert head["time_signature"].numerator == meter
    steady = beats is STEADY
    assert (result.tempo_changes == 0) == steady
    if steady:
        assert result.tempo == pytest.approx(100.0, abs=0.01)
    # Bars begin on downbeats: position 1 is that of beat 1, and of every `meter` after it.
    bar = file.ticks_per_beat * meter
    downs = beats[1::meter][:6]
    at = np.array([_second(file, _first_bar(file) + bar * n) for n in range(40)])
    assert max(np.abs(at - down).min() for down in downs) < 0.03


def _first_bar(file: mido.MidiFile) -> int:
    """Return the tick at which the song's own meter begins: after a pickup, if there is one."""
    now, result = 0, 0
    for message in file.tracks[0]:
        now += message.time
        if message.type == "time_signature":
            result = now
    return result


def _second(file: mido.MidiFile, tick: int) -> float:
    now, second, tempo, last = 0, 0.0, 500_000, 0
    for message in file.tracks[0]:
        now += message.time
        if message.type == "set_tempo":
            if now >= tick:
                break
            second += (now - last) * tempo / file.ticks_per_beat / 1e6
            last, tempo = now, message.tempo
    return second + (tick - last) * tempo / file.ticks_per_beat / 1e6


def test_every_part_has_channels_and_instrument_of_its_own(tmp_path: Path, engine: Engine) -> None:
    output: list[StemNotes] = [
        (Stem.OTHER, notes_of([1.0, 1.1, 1.2], program=0, bends=(0.5,) * 34)),
        (Stem.BASS, notes_of([1.0], program=33)),
        (Stem.DRUMS, notes_of([1.0], program=None, pitch=36)),
    ]
    handle(MidiParams(), job := job_of(tmp_path, output), engine)
    file = mido.MidiFile(job.outputs[0].path)
    channels = [{m.channel for m in track if m.type == "note_on"} for track in file.tracks[1:]]
    assert [len(channel) for channel in channels] == [3, 1, 1]
    assert channels[0].isdisjoint(channels[1])
    assert channels[2] == {9}
    programs = [{m.program for m in t if m.type == "program_change"} for t in file.tracks[1:]]
    assert programs == [{0}, {33}, {0}]


def test_form_is_marked(tmp_path: Path, engine: Engine) -> None:
    output: list[StemNotes] = [(Stem.BASS, notes_of([1.0], program=33))]
    handle(MidiParams(), job := job_of(tmp_path, output, analysed(STEADY)), engine)
    file = mido.MidiFile(job.outputs[0].path)
    now, marks = 0, []
    for message in file.tracks[0]:
        now += message.time
        if message.type == "marker":
            marks.append((message.text, round(_second(file, now), 2)))
    assert marks == [("A", 0.0), ("B", 9.7)]


def test_without_an_analysis_the_grid_is_the_items_tempo(tmp_path: Path, engine: Engine) -> None:
    output: list[StemNotes] = [(Stem.BASS, notes_of([1.0, 2.0], program=33))]
    job = job_of(tmp_path, output)
    result = handle(MidiParams(), job, engine)
    assert (result.tempo, result.tempo_known) == (120.0, False)
    assert played(mido.MidiFile(job.outputs[0].path))["Bass"] == pytest.approx([1, 2], abs=0.002)


def test_stems_without_notes_are_no_tracks(tmp_path: Path, engine: Engine) -> None:
    output: list[StemNotes] = [(Stem.BASS, notes_of([], program=33))]
    with pytest.raises(Skipped) as skipped:
        handle(MidiParams(), job_of(tmp_path, output), engine)
    assert skipped.value.reason == "no_notes"


def test_more_parts_than_channels_are_refused(tmp_path: Path, engine: Engine) -> None:
    output: list[StemNotes] = [(None, notes_of([1.0], program=0)) for _ in range(16)]
    with pytest.raises(Rejected, match="15 instruments"):
        handle(MidiParams(), job_of(tmp_path, output), engine)


def test_a_recording_and_notes_at_once_are_refused(tmp_path: Path, engine: Engine) -> None:
    job = job_of(tmp_path, [(Stem.BASS, notes_of([1.0], program=33))])
    path = write_audio(tmp_path / "song.flac", np.zeros((1, 44_100), np.float32))
    job.inputs = (*job.inputs, audio_input(path))
    with pytest.raises(Rejected, match="1 recordings"):
        handle(MidiParams(), job, engine)
