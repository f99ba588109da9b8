"""Jobs of the piano tracker: when it is used, and what it writes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import pytest

from contracts.midi import MidiParams, Notes, Tracker, TrackerReason
from contracts.music import Stem
from kit.arrays import AudioBlock
from kit.settings import KitSettings
from kit.signal.tempo_grid import even
from kit.weights.checkpoints import CheckpointError
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
from kit.worker.outcomes import Rejected, Skipped
from services.midi import song
from services.midi.engine import FETCH, Engine
from services.midi.handler import handle
from services.midi.networks import transkun
from services.midi.networks.transkun import convert
from services.midi.piano.features import FrontEnd
from services.midi.piano.heads import Heads, PianoNote, gelu
from services.midi.piano.intervals import Interval
from services.midi.piano.network import WEIGHTS as PIANO_WEIGHTS
from services.midi.piano.network import PianoNetwork
from services.midi.piano.shape import (
    BANDS,
    FEATURES,
    FRAME_SIZE,
    HOP,
    RATE,
    SEGMENT_FRAMES,
    SEGMENT_SAMPLES,
    SUSTAIN_PEDAL,
    TRACKS,
    WINDOWS,
)
from services.midi.writers import write_midi
from tests.midi.conftest import ROOT
from tests.midi.music import CHORDS, SCALE, perform
from tests.midi.test_handler import file_of, job_of, notes_of
from tests.midi.test_piano_tracker import Script, note

BEGIN = 172
"""The frame of the first segment at which the audio begins, to a millisecond."""
GOLDEN = Path(__file__).with_name("golden") / "piano_notes.json"


def seconds(frame: float) -> float:
    return frame * HOP / RATE - 4


@dataclass
class WithPiano:
    """The default networks, and a piano network."""

    engine: Engine
    piano: PianoNetwork
    has_piano: bool = True

    def __getattr__(self, name: str) -> object:
        return getattr(self.engine, name)


def played(engine: Engine) -> WithPiano:
    pedal = TRACKS.index(-SUSTAIN_PEDAL)
    soft = note(BEGIN + 60, BEGIN + 90, track=TRACKS.index(64))
    soft = PianoNote(soft.interval, 31, soft.start, soft.end, True, True)
    return WithPiano(
        engine,
        Script([[note(BEGIN + 20, BEGIN + 50), soft, note(BEGIN + 22, BEGIN + 95, track=pedal)]]),
    )


def test_velocities_and_the_pedal_are_written(tmp_path: Path, engine: Engine) -> None:
    job = job_of(tmp_path, perform(CHORDS), stem=Stem.PIANO)
    result = handle(MidiParams(), job, played(engine))
    assert (result.tracker, result.tracker_reason) == (Tracker.PIANO, TrackerReason.PIANO_STEM)
    assert (result.weights, result.engine, result.program) == ("none", "script", 0)
    assert [output.name for output in job.outputs] == ["notes.mid", "notes.json", "notes.csv"]
    document = Notes.model_validate_json(file_of(job, "notes.json").read_bytes())
    assert [(n.pitch, n.velocity) for n in document.notes] == [(60, 70), (64, 31)]
    (press,) = document.pedals
    assert press.start == pytest.approx(seconds(BEGIN + 22), abs=1e-4)
    assert press.end == pytest.approx(seconds(BEGIN + 95), abs=1e-4)
    now, controls = 0.0, []
    for message in mido.MidiFile(file_of(job, "notes.mid")):
        now += message.time
        if message.type == "control_change" and message.control == SUSTAIN_PEDAL:
            controls.append((message.channel, message.value, round(now, 2)))
    assert controls == [(0, 127, round(press.start, 2)), (0, 0, round(press.end, 2))]


def test_a_song_has_the_pedal_on_every_channel_of_its_part(tmp_path: Path, engine: Engine) -> None:
    job = job_of(tmp_path, perform(CHORDS), stem=Stem.PIANO)
    handle(MidiParams(), job, played(engine))
    document = Notes.model_validate_json(file_of(job, "notes.json").read_bytes())
    ((_, part),) = song.arrange([song.StemNotes(document, Stem.PIANO)], pitch_bends=True)
    write_midi(tmp_path / "song.mid", [part], even(120))
    track = mido.MidiFile(tmp_path / "song.mid").tracks[1]
    channels = {m.channel for m in track if m.type == "note_on"}
    pedals = [m.channel for m in track if m.type == "control_change" and m.control == 64]
    assert sorted(pedals) == sorted([*channels, *channels])


def test_the_range_of_frequencies_applies(tmp_path: Path, engine: Engine) -> None:
    job = job_of(tmp_path, perform(CHORDS))
    params = MidiParams(tracker=Tracker.PIANO, maximum_frequency=300.0)
    result = handle(params, job, played(engine))
    assert result.tracker_reason is TrackerReason.REQUESTED
    assert [n.pitch for n in notes_of(job)] == [60]


@pytest.mark.parametrize("stem", [None, Stem.GUITAR, Stem.VOCALS])
def test_other_recordings_are_not_written_by_it(
    tmp_path: Path, engine: Engine, stem: Stem | None
) -> None:
    result = handle(MidiParams(), job_of(tmp_path, perform(CHORDS), stem=stem), played(engine))
    assert result.tracker is Tracker.POLYPHONIC


def test_nothing_played_is_skipped(tmp_path: Path, engine: Engine) -> None:
    job = job_of(tmp_path, perform(CHORDS), stem=Stem.PIANO)
    with pytest.raises(Skipped, match="polyphonic"):
        handle(MidiParams(), job, WithPiano(engine, Script(())))


def test_without_the_network_a_piano_stem_is_polyphonic_and_a_request_is_refused(
    tmp_path: Path, engine: Engine
) -> None:
    result = handle(MidiParams(), job_of(tmp_path, perform(CHORDS), stem=Stem.PIANO), engine)
    assert result.tracker is Tracker.POLYPHONIC
    (tmp_path / "again").mkdir()
    job = job_of(tmp_path / "again", perform(CHORDS))
    with pytest.raises(Rejected, match=r"transkun.*kit\.weights fetch midi --all") as why:
        handle(MidiParams(tracker=Tracker.PIANO), job, engine)
    assert why.value.reason == "missing_weights"


def test_features_do_not_depend_on_the_level_and_silence_has_none() -> None:
    rng = np.random.default_rng(3)
    front = FrontEnd(
        np.hanning(FRAME_SIZE).astype(np.float32)[None].repeat(WINDOWS, axis=0),
        rng.uniform(0, 1, (744, BANDS)).astype(np.float32),
    )
    audio: AudioBlock = rng.normal(0, 0.1, (2, SEGMENT_SAMPLES)).astype(np.float32)
    loud = front.features(audio)
    assert loud.shape == (WINDOWS, SEGMENT_FRAMES, BANDS)
    np.testing.assert_allclose(front.features(audio / 50), loud, atol=1e-4)
    assert np.abs(front.features(np.zeros_like(audio))).max() < 1e-6


def test_shifts_are_means_of_continuous_bernoulli_distributions() -> None:
    """Against the integral of x · exp(λ x) over 0 to 1, divided by that of exp(λ x)."""
    logits = np.array([-6.0, -0.5, -5e-4, 0.0, 2e-4, 0.7, 9.0])
    at = (np.arange(200_000) + 0.5) / 200_000
    expected = [np.average(at, weights=np.exp(logit * at)) for logit in logits]
    weights = {
        "frames.kernel": np.zeros((8, FEATURES, FEATURES), np.float32),
        "frames.bias": np.zeros(FEATURES, np.float32),
        **{
            f"{head}.inner.{part}": np.zeros(shape, np.float32)
            for head in ("velocity", "edges")
            for part, shape in (("kernel", (3 * FEATURES, 2)), ("bias", (2,)))
        },
        "velocity.outer.kernel": np.zeros((2, 128), np.float32),
        "velocity.outer.bias": np.eye(128, dtype=np.float32)[77],
        "edges.outer.kernel": np.zeros((2, 4), np.float32),
    }
    tracks = np.zeros((len(TRACKS), 90, FEATURES), np.float32)
    interval = note(3, 9).interval
    for logit, mean in zip(logits, expected, strict=True):
        bias = np.array([logit, -logit, 1.0, -1.0], np.float32)
        heads = Heads({**weights, "edges.outer.bias": bias})
        before: list[list[Interval]] = [[]] * interval.track
        (shifted,) = heads.notes(tracks, [*before, [interval]])[interval.track]
        assert shifted.start - 3 == pytest.approx(np.clip((mean - 0.5) / 0.99, -0.5, 0.5), abs=1e-4)
        assert shifted.velocity == 77
        assert (shifted.has_onset, shifted.has_end) == (True, False)


def test_the_linear_unit_is_exact() -> None:
    assert gelu(np.array([-1.0, 0.0, 2.0])) == pytest.approx([-0.15865525, 0.0, 1.95449974])


def test_notes_are_those_of_the_original(
    tmp_path: Path, engine: Engine, piano_network: PianoNetwork
) -> None:
    """The golden file: what Transkun 2.0.1 wrote of this audio on PyTorch 2.5, a step of 12 s."""
    job = job_of(tmp_path, perform(SCALE))
    params = MidiParams(tracker=Tracker.PIANO)
    result = handle(params, job, WithPiano(engine, piano_network))
    assert result.weights == "transkun 2.0.1"
    content = json.loads(file_of(job, "notes.json").read_text(encoding="utf-8"))["notes"]
    golden: Sequence[Sequence[float]] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert [n["pitch"] for n in content] == [n[2] for n in golden]
    velocities = [n["velocity"] for n in content]
    np.testing.assert_allclose(velocities, [n[3] for n in golden], atol=2)
    times = [[n["start"], n["end"]] for n in content]
    np.testing.assert_allclose(times, [n[:2] for n in golden], atol=5e-3)
    assert len(golden) >= 8


@pytest.fixture(scope="module")
def official(weights: dict[str, Path]) -> Path:
    """The official checkpoint, where it is."""
    entries = read_manifest(ROOT / "services" / "midi" / "weights.toml").weights
    entry = next(entry for entry in entries if entry.name == PIANO_WEIGHTS)
    if entry.name not in weights:
        pytest.skip(f"no piano network: {FETCH}")
    return open_store(KitSettings()).folder(entry) / entry.parts[0].file


def test_the_same_weights_give_the_same_bytes(
    weights: dict[str, Path], official: Path, tmp_path: Path
) -> None:
    convert({"2.0.pt": official}, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == weights[PIANO_WEIGHTS].read_bytes()


def test_another_checkpoint_is_refused(
    official: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(transkun._SHAPES, "scorer.map.0.weight", (513, 128))
    with pytest.raises(CheckpointError, match=r"not a checkpoint of Transkun 2\.0"):
        convert({"2.0.pt": official}, tmp_path / "again.onnx")
