"""The one-shot classifier: what it says of sounds whose kind is known, and what it refuses."""

import csv
import io
import json
import re
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from contracts.tagging import SoundClass
from kit.arrays import F32
from services.tagging.engine import CLASSIFIER
from services.tagging.oneshots import (
    CLASSES,
    FEATURES,
    Classifier,
    UnreadableWeights,
    features,
)

RATE = 44_100
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load(CLASSIFIER)


def times(seconds: float) -> NDArray[np.float64]:
    return np.arange(int(seconds * RATE)) / RATE


def noise(seconds: float, seed: int = 1) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal(int(seconds * RATE))


def above(sound: NDArray[np.float64], hertz: float) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(sound)
    spectrum[np.fft.rfftfreq(sound.size, 1 / RATE) < hertz] = 0
    return np.fft.irfft(spectrum, sound.size)


def kick() -> F32:
    t = times(0.5)
    phase = 2 * np.pi * np.cumsum(50 + 160 * np.exp(-t / 0.02)) / RATE
    return (0.8 * np.sin(phase) * np.exp(-t / 0.12)).astype(np.float32)


def snare() -> F32:
    t = times(0.35)
    tone = np.sin(2 * np.pi * 190 * t) * np.exp(-t / 0.06)
    return (0.3 * tone + 0.2 * above(noise(0.35), 400) * np.exp(-t / 0.08)).astype(np.float32)


def hat() -> F32:
    t = times(0.15)
    return (0.2 * above(noise(0.15), 7_000) * np.exp(-t / 0.02)).astype(np.float32)


def beat() -> F32:
    sound = np.zeros(4 * RATE, np.float32)
    for step in range(16):
        hits = [hat()]
        hits += [kick()] if step % 4 == 0 else []
        hits += [snare()] if step % 4 == 2 else []
        at = step * RATE // 4
        for hit in hits:
            part = hit[: sound.size - at]
            sound[at : at + part.size] += part
    return sound


def class_of(classifier: Classifier, sound: F32, rate: int = RATE) -> str:
    return CLASSES[int(classifier.classify(features(sound, rate)[None])[0].argmax())]


def test_the_classes_are_those_of_the_contract() -> None:
    assert tuple(kind.value for kind in SoundClass if kind is not SoundClass.UNKNOWN) == CLASSES


@pytest.mark.parametrize(
    ("sound", "name"),
    [(kick(), "kick"), (snare(), "snare"), (hat(), "closed_hat"), (beat(), "loop")],
    ids=["kick", "snare", "hat", "beat"],
)
def test_made_sounds_are_what_they_are(classifier: Classifier, sound: F32, name: str) -> None:
    assert class_of(classifier, sound) == name


@pytest.mark.parametrize("rate", [22_050, 48_000, 96_000])
def test_the_rate_does_not_matter(classifier: Classifier, rate: int) -> None:
    import soxr

    sound = np.asarray(soxr.resample(kick(), RATE, rate, "HQ"), np.float32)
    assert class_of(classifier, sound, rate) == "kick"


def test_the_level_does_not_matter() -> None:
    loud, soft = features(snare(), RATE), features(snare() * np.float32(0.01), RATE)
    np.testing.assert_allclose(loud, soft, atol=0.02)


def test_what_comes_before_the_sound_does_not_matter(classifier: Classifier) -> None:
    late = np.concatenate([np.zeros(RATE, np.float32), kick()])
    rows = np.stack([features(late, RATE), features(kick(), RATE)])
    # The grid of frames lies otherwise over it: by less than a frame.
    at_once, later = classifier.classify(rows)
    np.testing.assert_allclose(later, at_once, atol=0.1)


def test_features_are_the_same_every_time() -> None:
    assert features(beat(), RATE).tobytes() == features(beat(), RATE).tobytes()


def test_only_the_beginning_of_a_long_sound_is_looked_at() -> None:
    long = np.tile(beat(), 5)
    np.testing.assert_array_equal(features(long, RATE), features(long[: 12 * RATE], RATE))


@pytest.mark.parametrize("size", [0, 1, 10, 44, 100, 700, 1024, 5000])
def test_short_sounds_are_described(classifier: Classifier, size: int) -> None:
    described = features(noise(1.0)[:size].astype(np.float32), RATE)
    assert described.shape == (FEATURES,)
    assert np.isfinite(described).all()
    assert np.isclose(classifier.classify(described[None]).sum(), 1.0, atol=1e-5)


@pytest.mark.parametrize("silence", [np.zeros(5000), np.full(5000, 1e-6), np.full(5000, np.nan)])
def test_silence_has_no_class(classifier: Classifier, silence: F32) -> None:
    described = features(silence.astype(np.float32), RATE)
    assert not described.any()
    np.testing.assert_allclose(classifier.classify(described[None]), 1 / len(CLASSES), atol=1e-6)


def test_what_is_not_finite_counts_as_nothing(classifier: Classifier) -> None:
    broken = kick().copy()
    broken[[5000, 9000]] = (np.nan, np.inf)
    assert np.isfinite(features(broken, RATE)).all()
    assert class_of(classifier, broken) == "kick"


def test_features_refuse_what_is_not_mono() -> None:
    with pytest.raises(ValueError, match="one channel"):
        features(np.zeros((2, 100), np.float32), RATE)
    with pytest.raises(ValueError, match="positive"):
        features(np.zeros(100, np.float32), 0)


def test_probabilities_sum_to_one_and_batches_change_nothing(classifier: Classifier) -> None:
    rows = np.stack([features(sound, RATE) for sound in (kick(), snare(), hat(), beat())])
    batch = classifier.classify(rows)
    assert batch.shape == (4, len(CLASSES))
    assert (batch >= 0).all()
    np.testing.assert_allclose(batch.sum(axis=1), 1.0, atol=1e-5)
    alone = np.concatenate([classifier.classify(row[None]) for row in rows])
    np.testing.assert_allclose(batch, alone, atol=1e-5)
    assert classifier.classify(rows[:0]).shape == (0, len(CLASSES))


def test_features_of_another_size_are_refused(classifier: Classifier) -> None:
    with pytest.raises(ValueError, match=str(FEATURES)):
        classifier.classify(np.zeros((1, FEATURES + 1), np.float32))


def arrays() -> dict[str, NDArray[np.generic]]:
    with np.load(CLASSIFIER, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("mean", np.zeros(FEATURES - 1, np.float16), "mean has"),
        ("first", np.zeros((2, FEATURES), np.float16), "first is"),
        ("second_bias", np.full((4, len(CLASSES)), np.nan, np.float16), "not finite"),
        ("scale", np.zeros(FEATURES, np.float32), "positive"),
        ("temperature", np.zeros(1, np.float32), "positive"),
        ("classes", np.array(["kick", "snare"]), "not those of this version"),
        ("mean", np.zeros(FEATURES, np.int64), "mean is int64"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    tmp_path: Path, name: str, value: NDArray[np.generic], message: str
) -> None:
    path = tmp_path / "weights.npz"
    np.savez(path, allow_pickle=False, **{**arrays(), name: value})
    with pytest.raises(UnreadableWeights, match=message) as refused:
        Classifier.load(path)
    assert "make train-tagging" in str(refused.value)


def test_weights_that_lack_an_array_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    kept = {name: array for name, array in arrays().items() if name != "second"}
    np.savez(path, allow_pickle=False, **kept)
    with pytest.raises(UnreadableWeights, match="no second"):
        Classifier.load(path)


def test_nothing_in_a_file_of_weights_is_executed(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    pickled = io.BytesIO()
    np.save(pickled, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mean.npy", pickled.getvalue())
    with pytest.raises(UnreadableWeights, match="cannot be read"):
        Classifier.load(path)


@pytest.mark.parametrize("content", [b"", b"not weights", b"PK\x03\x04broken"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.npz"
    path.write_bytes(content)
    with pytest.raises(UnreadableWeights, match="cannot be read"):
        Classifier.load(path)
    with pytest.raises(UnreadableWeights, match="cannot be read"):
        Classifier.load(tmp_path / "missing.npz")


def test_the_manifest_names_every_sound_its_licence_and_its_kit() -> None:
    kits = tomllib.loads((ROOT / "tools" / "train_tagging" / "kits.toml").read_text())
    licences = {entry["name"]: entry["licence"] for entry in (*kits["kit"], *kits["font"])}
    with (CLASSIFIER.parent / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 2000
    for row in rows:
        assert licences[row["kit"]] == row["licence"]
        assert row["class"] in CLASSES
        assert re.fullmatch("[0-9a-f]{64}", row["sha256"])
    assert {row["class"] for row in rows if row["learnt"] == "yes"} == set(CLASSES)


def test_what_is_measured_with_was_not_learnt() -> None:
    kits = tomllib.loads((ROOT / "tools" / "train_tagging" / "kits.toml").read_text())
    held_out = next(kit["held_out"] for kit in kits["kit"] if kit["name"] == "sonic-pi")
    with (CLASSIFIER.parent / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kit"] == "sonic-pi"]
    measured = [row for row in rows if re.search(held_out, row["file"])]
    assert len(measured) > 10
    assert {row["learnt"] for row in measured} == {"no"}


def test_held_out_kits_reach_what_is_promised() -> None:
    metrics = json.loads((CLASSIFIER.parent / "metrics.json").read_text())
    assert metrics["five_accuracy"] >= 0.95
    assert metrics["calibration_error"] < 0.08
