"""The pitch curve: the network's graph, streaming, silence."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from kit.arrays import F32
from kit.inference.base import EngineName
from kit.inference.opening import open_network
from kit.notes.monophonic import PitchCurve
from kit.notes.partials import FRAME, HOP, RATE
from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
from services.midi.engine import Engine
from services.midi.networks.swift_f0 import convert
from services.midi.pitch import PITCH_HOP, WINDOW_FRAMES, PitchTracker
from tests.midi.music import SCALE, perform
from tests.midi.test_streaming import at_rate

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def official(weights: dict[str, Path]) -> Path:
    entries = read_manifest(ROOT / "services" / "midi" / "weights.toml").weights
    entry = next(entry for entry in entries if entry.name == "swift-f0")
    assert entry.name in weights
    return open_store(KitSettings()).folder(entry) / entry.parts[0].file


def curve_of(engine: Engine, audio: F32, *, block: int) -> PitchCurve:
    tracker = PitchTracker(engine)
    for first in range(0, len(audio), block):
        tracker.feed(audio[first : first + block])
    return tracker.finish()


@pytest.mark.parametrize(("engine", "within"), [("onnxruntime", 1e-3), ("openvino", 0.05)])
def test_the_graph_equals_the_official_one(
    weights: dict[str, Path], official: Path, engine: EngineName, within: float
) -> None:
    random = np.random.default_rng(2)
    time = np.arange(WINDOW_FRAMES * PITCH_HOP) / 16_000
    audio = (0.3 * np.sin(2 * np.pi * 220 * time) + random.normal(0, 0.01, len(time))).astype(
        np.float32
    )
    session = onnxruntime.InferenceSession(str(official), providers=["CPUExecutionProvider"])
    limits = {"fmin": np.asarray(46.875, np.float32), "fmax": np.asarray(2093.75, np.float32)}
    hertz, confidence = session.run(["pitch", "confidence"], {"audio": audio[None], **limits})
    ours = open_network(weights["swift-f0"], engine=engine).run({"audio": audio[None]})
    np.testing.assert_allclose(ours["pitch"], hertz, atol=within)
    np.testing.assert_allclose(ours["confidence"], confidence, atol=1e-3)
    assert float(np.median(hertz)) == pytest.approx(220, abs=1)


def test_the_same_weights_give_the_same_bytes(
    weights: dict[str, Path], official: Path, tmp_path: Path
) -> None:
    convert({"model.onnx": official}, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == weights["swift-f0"].read_bytes()


def test_another_network_is_refused(weights: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not the official network"):
        convert({"model.onnx": weights["swift-f0"]}, tmp_path / "again.onnx")


def test_the_curve_follows_a_scale_and_does_not_depend_on_blocks(engine: Engine) -> None:
    audio = at_rate(perform(SCALE, decay=0))
    whole = curve_of(engine, audio, block=len(audio))
    parts = curve_of(engine, audio, block=7_001)
    assert len(whole) == len(parts) == -(-len(audio) // HOP)
    np.testing.assert_allclose(whole.level, parts.level, atol=1e-3)
    sure = (whole.confidence > 0.5) & (parts.confidence > 0.5)
    np.testing.assert_allclose(whole.pitch[sure], parts.pitch[sure], atol=0.05)
    for note in SCALE:
        middle = round((note.start + note.end) / 2 / FRAME)
        assert whole.pitch[middle] == pytest.approx(note.pitch, abs=0.3)
        assert whole.confidence[middle] > 0.5


def test_silence_has_no_pitch(engine: Engine) -> None:
    curve = curve_of(engine, np.zeros(3 * RATE, np.float32), block=RATE)
    assert not curve.confidence.any()
    assert len(curve_of(engine, np.zeros(50, np.float32), block=50)) == 1
