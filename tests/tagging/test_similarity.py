"""Vectors and fingerprints of samples: what they ignore, what they tell apart, what is refused."""

import base64
from pathlib import Path

import numpy as np
import pytest

from contracts.tagging import VectorSpace
from kit.arrays import F32
from services.library.similarity.fingerprints import SIZE, fingerprint_difference, read_fingerprint
from services.library.similarity.sound_vectors import read_sound
from services.tagging.engine import PROJECTION
from services.tagging.fingerprints import fingerprint
from services.tagging.oneshots import FEATURES, UnreadableWeights, features
from services.tagging.similarity import Projection, encode_vector
from tests.tagging.test_oneshots import RATE, kick, snare
from tools.train_similarity.fitting import fit


@pytest.fixture(scope="module")
def projection() -> Projection:
    return Projection.load(PROJECTION)


def distance(projection: Projection, first: F32, second: F32) -> float:
    vectors = projection.apply(np.stack([features(first, RATE), features(second, RATE)]))
    return float(1 - vectors[0] @ vectors[1])


def late(sound: F32, seconds: float) -> F32:
    return np.concatenate([np.zeros(round(seconds * RATE), np.float32), sound])


def difference(sound: F32, copy: F32, *, rate: int = RATE) -> float:
    levels = []
    for audio, of in ((sound, RATE), (copy, rate)):
        data = fingerprint(audio, of)
        assert data is not None
        levels.append(read_fingerprint(base64.b64decode(data)))
    first, second = levels
    assert first is not None
    assert second is not None
    return fingerprint_difference(first, second)


def test_a_changed_copy_is_nearer_than_another_drum(projection: Projection) -> None:
    rng = np.random.default_rng(1)
    noisy = kick() + 1e-3 * rng.standard_normal(kick().size).astype(np.float32)
    for copy in (0.2 * kick(), late(kick(), 0.01), noisy):
        assert distance(projection, kick(), copy) < 0.2
        assert distance(projection, kick(), copy) < 0.5 * distance(projection, kick(), snare())
    assert projection.dimension == 64


def test_silence_has_no_vector(projection: Projection) -> None:
    zeros = np.zeros(projection.dimension)
    assert encode_vector(VectorSpace.SAMPLE, projection.version, zeros) is None


def test_a_vector_is_read_as_it_was_written(projection: Projection) -> None:
    vector = projection.apply(features(kick(), RATE)[None])[0]
    encoded = encode_vector(VectorSpace.SAMPLE, projection.version, vector)
    assert encoded is not None
    sound = read_sound(encoded)
    assert (sound.space.name, sound.space.dimension) == ("sample", projection.dimension)
    assert sound.vector == pytest.approx(vector, abs=1e-3)


def test_a_fingerprint_is_that_of_copies_and_of_no_other_drum() -> None:
    rng = np.random.default_rng(2)
    noise = 1e-3 * rng.standard_normal(kick().size).astype(np.float32)
    for copy in (0.1 * kick(), late(kick(), 0.01), late(kick(), 0.0043), kick() + noise):
        assert difference(kick(), copy) < 2.0
    assert difference(kick(), snare()) > 6.0
    halved = np.asarray(kick()[::2])
    assert difference(kick(), halved, rate=RATE // 2) < 2.0
    data = fingerprint(np.ones(3, np.float32), RATE)
    assert data is not None
    assert len(base64.b64decode(data)) == SIZE
    assert fingerprint(np.zeros(100, np.float32), RATE) is None
    assert fingerprint(np.full(100, np.nan, np.float32), RATE) is None


def test_a_projection_ignores_what_differs_within_instruments() -> None:
    rng = np.random.default_rng(3)
    instruments = np.repeat(np.arange(40), 6)
    tells = np.repeat(rng.standard_normal((40, 6)), 6, axis=0)
    varies = 10 * rng.standard_normal((240, 3))
    rows = np.concatenate([tells, varies], axis=1).astype(np.float32)
    learnt = fit(rows, instruments, instruments % 4, by_class=0.0, dimension=6)
    vectors = learnt.apply(rows)
    nearest = np.argsort(-(vectors @ vectors.T), axis=1)[:, 1:4]
    assert (instruments[nearest] == instruments[:, None]).mean() > 0.95


def test_unreadable_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "similarity.npz"
    with pytest.raises(UnreadableWeights, match="train-similarity"):
        Projection.load(path)
    good = {
        "mean": np.zeros(FEATURES),
        "scale": np.ones(FEATURES),
        "centre": np.zeros(FEATURES),
        "matrix": np.eye(FEATURES)[:, :8],
    }
    wrong = (
        {"mean": np.zeros(3)},
        {"matrix": np.eye(8)},
        {"scale": np.full(FEATURES, np.nan)},
    )
    for change in wrong:
        np.savez(path, **{**good, **change})
        with pytest.raises(UnreadableWeights):
            Projection.load(path)
    np.savez(path, **{name: good[name] for name in ("mean", "scale")})
    with pytest.raises(UnreadableWeights):
        Projection.load(path)
    np.savez(path, **good)
    assert Projection.load(path).dimension == 8
