import numpy as np

from services.slicing.grouping import group, timbre
from tests.support import signals

RATE = 44_100


def test_level_does_not_change_timbre() -> None:
    loud = signals.tone(60, 0.4)
    quiet = (loud * np.float32(0.02)).astype(np.float32)
    assert float(timbre(loud, RATE) @ timbre(quiet, RATE)) > 0.999


def test_a_hit_cut_short_is_still_like_itself_and_unlike_another() -> None:
    kick, hat = signals.sine(60.0, 0.3), signals.noise(0.3)
    assert float(timbre(kick, RATE) @ timbre(kick[:, :6000], RATE)) > 0.9
    assert float(timbre(kick, RATE) @ timbre(hat, RATE)) < 0.7


def test_groups_are_those_that_were_made() -> None:
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(4, 96))
    truth = np.repeat([0, 1, 2, 3], [30, 20, 10, 1])
    vectors = centres[truth] + 0.1 * rng.normal(size=(61, 96))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    grouping = group(vectors, rng.permutation(61), similarity=0.9)
    # The largest group comes first, so the labels equal the truth.
    np.testing.assert_array_equal(grouping.labels, truth)
    assert grouping.similarity.min() > 0.9


def test_no_sounds_have_no_groups() -> None:
    grouping = group(np.zeros((0, 96)), np.zeros(0, np.int64), similarity=0.9)
    assert grouping.labels.size == 0
