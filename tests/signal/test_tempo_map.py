"""A tempo changes where it does, and nowhere else."""

from itertools import pairwise

import numpy as np
import pytest

from kit.signal.tempo_map import find_stretches, steadiness

Steps = np.ndarray


def beats_of(steps: Steps, *, jitter: float = 0.006, seed: int = 0) -> np.ndarray:
    beats = np.concatenate([[0.0], np.cumsum(steps)]) + 0.4
    return beats + np.random.default_rng(seed).normal(0, jitter, beats.size)


@pytest.mark.parametrize("jitter", [0.0, 0.006, 0.01])
@pytest.mark.parametrize("tempi", [(100.0, 130.0), (120.0, 90.0, 120.0), (96.0, 104.0)])
def test_steps_are_found(tempi: tuple[float, ...], jitter: float) -> None:
    steps = np.concatenate([np.full(48, 60 / bpm) for bpm in tempi])
    result = find_stretches(beats_of(steps, jitter=jitter))
    assert [section.bpm for section in result] == pytest.approx(tempi, rel=0.005)
    for number, section in enumerate(result):
        assert abs(section.first - 48 * number) <= 2
    assert all(a.last == b.first for a, b in pairwise(result))
    assert steadiness(beats_of(steps, jitter=0.0), result) > 0.9


@pytest.mark.parametrize(
    "steps",
    [
        np.full(600, 0.5),
        np.linspace(0.5, 0.505, 400),
        0.5 + 0.003 * np.sin(np.arange(400) / 20),
        np.concatenate([np.full(60, 0.5), [1.0], np.full(60, 0.5)]),
        np.concatenate([np.full(60, 0.5), [0.3, 0.6, 0.6], np.full(60, 0.5)]),
        np.full(7, 0.5),
    ],
    ids=["even", "drift", "swing", "a beat was missed", "a fill", "two bars"],
)
@pytest.mark.parametrize("seed", range(5))
def test_one_tempo_stays_one(steps: Steps, seed: int) -> None:
    beats = beats_of(steps, seed=seed)
    (only,) = find_stretches(beats)
    assert (only.first, only.last) == (0, beats.size - 1)
    assert only.bpm == pytest.approx(60 / np.median(steps), rel=0.02)


def test_a_ritardando_is_followed() -> None:
    steps = np.concatenate([np.full(64, 0.5), np.linspace(0.5, 0.8, 64)])
    result = find_stretches(beats_of(steps))
    tempi = [section.bpm for section in result]
    assert tempi == sorted(tempi, reverse=True)
    assert tempi[0] == pytest.approx(120, rel=0.01)
    for section in result:
        true = 60 / steps[section.first : section.last].mean()
        assert section.bpm == pytest.approx(true, rel=0.02)


def test_empty_audio_has_no_tempo() -> None:
    assert find_stretches(np.zeros(0)) == find_stretches(np.ones(1)) == ()
    assert steadiness(np.zeros(0), ()) == 0.0
