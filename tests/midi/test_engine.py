"""The real network: what it gives for a known signal, on each engine."""

from pathlib import Path

import numpy as np
import pytest

from kit.arrays import F32
from kit.inference.base import EngineName
from kit.inference.opening import open_network
from kit.notes.detection import LOWEST
from kit.notes.partials import FRAME, HOP, RATE
from kit.worker.engines import EngineContext
from services.midi.engine import BATCH, EDGE, KEPT_FRAMES, STEP, WINDOW, load_engine
from tests.midi.music import KnownNote, perform
from tests.midi.test_streaming import at_rate

GOLDEN = Path(__file__).with_name("golden") / "posteriors.npz"
NOTES = (KnownNote(0.2, 0.7, 60), KnownNote(0.2, 0.7, 67), KnownNote(1.0, 1.4, 48))
TOLERANCE = {"openvino": 2e-4, "onnxruntime": 1e-3}


def windows() -> F32:
    """Two windows of the known signal."""
    audio = at_rate(perform(NOTES))
    padded = np.zeros(WINDOW + STEP, np.float32)
    padded[EDGE : EDGE + len(audio)] = audio[: len(padded) - EDGE]
    return np.stack([padded[:WINDOW], padded[STEP : STEP + WINDOW]])


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_posteriors_are_those_of_the_reference(
    weights: dict[str, Path], engine: EngineName
) -> None:
    """The golden arrays are what ONNX Runtime 1.31 gave of the official graph's first window."""
    network = open_network(weights["basic-pitch"], engine=engine)
    batch = np.zeros((BATCH, WINDOW), np.float32)
    batch[:2] = windows()
    posteriors = network.run({"audio": batch})
    with np.load(GOLDEN) as golden:
        for name in ("contour", "note", "onset"):
            mine = posteriors[name][0, :130]
            pitches = mine[:, 72:150] if name == "contour" else mine[:, 24:50]
            np.testing.assert_allclose(pitches, golden[name], atol=TOLERANCE[engine])


def test_windows_are_joined_in_time(weights: dict[str, Path]) -> None:
    engine = load_engine(EngineContext(weights=weights))
    output = engine.run(windows())
    assert output.onset.shape == output.note.shape == (2 * KEPT_FRAMES, 88)
    assert output.contour.shape == (2 * KEPT_FRAMES, 264)
    for note in NOTES:
        column = note.pitch - LOWEST
        begins = int(output.onset[:, column].argmax()) * FRAME
        assert begins == pytest.approx(note.start, abs=0.03)
        middle = round((note.start + note.end) / 2 / FRAME)
        assert output.note[middle, column] > 0.6
    assert output.note[round(0.9 / FRAME)].max() < 0.4
    for array in (output.onset, output.note, output.contour):
        assert np.isfinite(array).all()
        assert array.min() >= 0
        assert array.max() <= 1


def test_a_window_does_not_depend_on_its_neighbours(weights: dict[str, Path]) -> None:
    engine = load_engine(EngineContext(weights=weights))
    both, alone = engine.run(windows()), engine.run(windows()[1:])
    np.testing.assert_allclose(both.note[KEPT_FRAMES:], alone.note, atol=1e-6)


def test_overlap_is_wide_enough_that_windows_agree(weights: dict[str, Path]) -> None:
    """The first kept frame of a window looks as it does in the middle of another."""
    audio = at_rate(
        perform([KnownNote(0.1, 5.5, 40), KnownNote(0.1, 5.5, 64), KnownNote(2.0, 5.0, 71)])
    )
    engine = load_engine(EngineContext(weights=weights))
    shift = 71 * HOP
    first = engine.run(np.stack([audio[:WINDOW], audio[STEP : STEP + WINDOW]]))
    later = engine.run(audio[None, shift : shift + WINDOW])
    seam = KEPT_FRAMES - 10
    difference = np.abs(first.note[seam : seam + 20] - later.note[seam - 71 : seam - 51])
    assert difference.max() < 0.15


def test_names_say_what_ran(weights: dict[str, Path]) -> None:
    engine = load_engine(EngineContext(weights=weights))
    assert engine.description.split()[0] in ("openvino", "onnxruntime")
    assert engine.weights == "basic-pitch icassp-2022"
    assert BATCH * STEP < 10 * RATE
