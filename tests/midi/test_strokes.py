"""The drum network: which drums of synthesised loops it detects, and what is no drum.

None of these sounds is in the training set.
"""

import csv
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from contracts.items import ArtifactKind
from contracts.midi import DrumMethod, MidiMode, MidiParams, Notes
from contracts.music import Stem
from contracts.tagging import SoundClass
from kit.arrays import F32
from kit.worker.engines import EngineContext
from kit.worker.job import Job
from kit.worker.outcomes import Skipped
from services.midi.engine import Engine
from services.midi.handler import handle
from services.midi.strokes.decoding import Stroke, peaks, presence, strokes
from services.midi.strokes.engine import EDGE, NETWORK, WINDOW, DrumEngine
from services.midi.strokes.features import DRUMS, FRAMING, RATE
from services.midi.strokes.notes import played, thresholds
from tests.midi.conftest import ROOT
from tests.midi.music import CHORDS, SCALE, perform
from tests.midi.test_drums import document_input, shot, slices_of
from tests.support.signals import DrumLoop, drum_loop
from tests.support.single_job import audio_input, single_job, write_audio
from tools.train_drums.kits import HELD_OUT

LOOP = drum_loop(100.0, 4)
LARGEST = 2_000_000
"""Bytes of the committed network."""


@pytest.fixture(scope="module")
def network() -> DrumEngine:
    return DrumEngine(EngineContext(weights={}, threads=1))


def truth_of(loop: DrumLoop) -> dict[SoundClass, Sequence[float]]:
    return {
        SoundClass.KICK: loop.kicks,
        SoundClass.SNARE: loop.snares,
        SoundClass.CLOSED_HAT: loop.hats,
    }


def job_over(folder: Path, audio: F32, stem: Stem, *, sliced: bool = False) -> Job:
    path = write_audio(folder / "stem.flac", audio, RATE)
    inputs = [audio_input(path, stem=stem)]
    if sliced:
        slices = slices_of(shot(0, 0.5), stem=stem)
        inputs.append(document_input(folder, "slices.json", ArtifactKind.SLICES, slices))
    scratch = folder / "scratch"
    scratch.mkdir()
    return single_job(scratch, inputs)


def notes_of(job: Job) -> Notes:
    path = next(output.path for output in job.outputs if output.name == "drums.json")
    return Notes.model_validate_json(path.read_bytes())


def f_of(notes: Notes, loop: DrumLoop) -> float:
    """F at 50 ms over kicks, snares and hats; other drums count as wrong."""
    matches = 0
    hats = {SoundClass.CLOSED_HAT, SoundClass.OPEN_HAT}
    for drum, times in truth_of(loop).items():
        accepted = hats if drum in hats else {drum}
        starts = [note.start for note in notes.notes if note.sound in accepted]
        matches += sum(any(abs(start - time) <= 0.05 for start in starts) for time in times)
    total = sum(len(times) for times in truth_of(loop).values())
    return 2 * matches / (total + len(notes.notes))


def accompanied(level: float) -> F32:
    music = np.resize(perform(CHORDS), LOOP.audio.shape)
    return (LOOP.audio + level * music).astype(np.float32)


# --- Recordings ----------------------------------------------------------------------------------


def test_simultaneous_drums_of_a_stem_are_detected(tmp_path: Path, engine: Engine) -> None:
    job = job_over(tmp_path, LOOP.audio, Stem.DRUMS)
    result = handle(MidiParams(), job, engine)
    assert f_of(notes_of(job), LOOP) >= 0.9
    assert result.mode is MidiMode.DRUMS
    assert result.notes == sum(result.classes.values())
    assert result.weights == "cratedig-drums 2"
    assert result.duration == pytest.approx(LOOP.audio.shape[1] / RATE)


def test_drums_of_an_accompaniment_are_detected(tmp_path: Path, engine: Engine) -> None:
    job = job_over(tmp_path, accompanied(0.5), Stem.ACCOMPANIMENT, sliced=True)
    handle(MidiParams(), job, engine)
    assert f_of(notes_of(job), LOOP) >= 0.75


def test_a_song_is_read_in_place_of_its_accompaniment(tmp_path: Path, engine: Engine) -> None:
    silence = np.zeros_like(LOOP.audio)
    job = job_over(tmp_path, silence, Stem.ACCOMPANIMENT, sliced=True)
    song = write_audio(tmp_path / "song.flac", accompanied(0.5), RATE)
    job.inputs = (*job.inputs, audio_input(song))
    assert handle(MidiParams(), job, engine).notes > 40
    assert {output.stem for output in job.outputs} == {Stem.ACCOMPANIMENT}


@pytest.mark.parametrize("stem", [Stem.DRUMS, Stem.ACCOMPANIMENT])
@pytest.mark.parametrize("music", [SCALE, CHORDS], ids=["scale", "chords"])
def test_music_without_drums_has_no_drum_notes(
    tmp_path: Path, engine: Engine, stem: Stem, music: tuple
) -> None:
    job = job_over(tmp_path, perform(music).astype(np.float32), stem, sliced=True)
    with pytest.raises(Skipped) as skipped:
        handle(MidiParams(), job, engine)
    assert skipped.value.reason == "no_drums"
    assert not job.outputs


@pytest.mark.parametrize("audio", [np.zeros((1, 3 * RATE)), np.full((2, 3 * RATE), 0.5)])
def test_silence_has_no_drum_notes(tmp_path: Path, engine: Engine, audio: np.ndarray) -> None:
    job = job_over(tmp_path, audio.astype(np.float32), Stem.DRUMS)
    with pytest.raises(Skipped):
        handle(MidiParams(), job, engine)


def test_with_tags_the_slices_decide(tmp_path: Path, engine: Engine) -> None:
    job = job_over(tmp_path, LOOP.audio, Stem.DRUMS, sliced=True)
    with pytest.raises(Skipped, match="no tags"):
        handle(MidiParams(drum_method=DrumMethod.TAGS), job, engine)


def test_a_softer_recording_has_the_same_drums(network: DrumEngine) -> None:
    detected = []
    for gain in (1.0, 0.25):
        activations, velocities = network.activations([LOOP.audio * np.float32(gain)])
        detected.append(strokes(activations, velocities, thresholds().drums))
    loud, soft = (len(each) for each in detected)
    assert abs(loud - soft) <= 0.15 * loud


def test_a_louder_stroke_has_a_higher_velocity(network: DrumEngine) -> None:
    audio = LOOP.audio.copy()
    half = audio.shape[1] // 2
    audio[:, half:] *= 0.2
    activations, velocities = network.activations([audio])
    detected = strokes(activations, velocities, thresholds().drums)
    kicks = [stroke for stroke in detected if DRUMS[stroke.drum] == "kick"]
    middle = half / RATE
    loud = [stroke.velocity for stroke in kicks if stroke.time < middle - 0.05]
    soft = [stroke.velocity for stroke in kicks if stroke.time > middle + 0.05]
    assert np.mean(loud) > np.mean(soft)


def test_blocks_and_windows_do_not_change_the_result(network: DrumEngine) -> None:
    audio = np.tile(LOOP.audio, (1, 2))
    whole, _ = network.activations([audio])
    assert len(whole) == audio.shape[1] // FRAMING.hop + 1 > WINDOW - 2 * EDGE
    pieces = [audio[:, at : at + 9_999] for at in range(0, audio.shape[1], 9_999)]
    np.testing.assert_allclose(network.activations(pieces)[0], whole, atol=1e-5)
    # A later start moves the borders of the windows, and nothing else.
    later, _ = network.activations([audio[:, 300 * FRAMING.hop :]])
    inner = slice(2 * EDGE, -2 * EDGE)
    np.testing.assert_allclose(later[inner], whole[300:][inner], atol=0.02)
    assert len(network.activations([])[0]) == 0


def test_the_network_is_small() -> None:
    assert NETWORK.stat().st_size <= LARGEST


def test_held_out_kits_reach_what_is_promised() -> None:
    metrics = json.loads((NETWORK.parent / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["f_drums"] >= 0.6
    assert metrics["f_mixture"] >= 0.55


def test_the_manifest_says_which_kits_were_held_out() -> None:
    listed = tomllib.loads((ROOT / "tools" / "train_tagging" / "kits.toml").read_text())
    licences = {entry["name"]: entry["licence"] for entry in (*listed["kit"], *listed["font"])}
    with (NETWORK.parent / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 15
    for row in rows:
        assert row["licence"] == licences[row["kit"]]
        assert (row["use"] == "validation") == (row["family"] in HELD_OUT)


# --- From activations to notes -------------------------------------------------------------------


def test_of_neighbouring_peaks_the_higher_is_kept() -> None:
    activation = np.zeros(60, np.float32)
    activation[[10, 13, 30, 50]] = 0.6, 0.8, 0.5, 0.2
    assert list(peaks(activation, 0.4)) == [13, 30]


def test_a_stroke_lies_between_its_frames() -> None:
    activations = np.zeros((40, len(DRUMS)), np.float32)
    activations[20:22, 0] = 0.9, 0.45
    (stroke,) = strokes(activations, np.full_like(activations, 0.5), [0.4] * len(DRUMS))
    assert stroke.time == pytest.approx((20 + 1 / 3) / FRAMING.rate)
    assert (stroke.drum, stroke.velocity) == (0, 0.5)


def test_presence_is_that_of_the_clearest_passage() -> None:
    weak = [Stroke(float(time), 4, 0.3, 0.5) for time in np.arange(0, 60, 0.5)]
    strong = [Stroke(float(time), 0, 0.9, 0.5) for time in np.arange(20, 40, 0.5)]
    assert presence(weak, 60.0) == pytest.approx(0.3)
    mixed = sorted([*weak, *strong], key=lambda stroke: stroke.time)
    assert presence(mixed, 60.0) == pytest.approx(0.9)
    assert presence([], 60.0) == 0.0


def test_a_note_ends_where_its_drum_is_played_again() -> None:
    detected = [Stroke(1.0, 0, 0.9, 1.0), Stroke(1.05, 1, 0.9, 0.01), Stroke(1.1, 0, 0.9, 0.5)]
    first, snare, second = played(detected)
    assert first.note.end == pytest.approx(1.1)
    assert second.note.end == pytest.approx(1.3)
    assert [note.velocity for note in (first, snare, second)] == [127, 12, 64]
    assert [note.note.pitch for note in (first, snare, second)] == [36, 38, 36]
