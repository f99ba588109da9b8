from itertools import pairwise

import numpy as np
import pytest

from kit.signal.tempo_curve import MAX_POINTS, CurvePoint, tempo_curve
from kit.signal.tempo_map import Stretch, find_stretches


def beats_of(steps: np.ndarray, *, jitter: float, seed: int = 0) -> np.ndarray:
    beats = np.concatenate([[0.0], np.cumsum(steps)]) + 0.4
    return beats + np.random.default_rng(seed).normal(0, jitter, beats.size)


def curve_of(beats: np.ndarray) -> tuple[CurvePoint, ...]:
    return tempo_curve(beats, find_stretches(beats))


def at(curve: tuple[CurvePoint, ...], times: np.ndarray) -> np.ndarray:
    return np.interp(times, [point.time for point in curve], [point.bpm for point in curve])


@pytest.mark.parametrize("jitter", [0.0, 0.006])
def test_a_jump_is_two_points_at_one_time(jitter: float) -> None:
    steps = np.repeat([60 / 100, 60 / 130], 48)
    beats = beats_of(steps, jitter=jitter)
    curve = curve_of(beats)
    assert len(curve) <= 10
    middles = 0.5 * (beats[1:] + beats[:-1])
    away = np.abs(np.arange(96) - 47.5) > 3
    np.testing.assert_allclose(at(curve, middles)[away], (60 / steps)[away], rtol=0.02)
    (jump,) = [(before, after) for before, after in pairwise(curve) if before.time == after.time]
    assert jump[1].bpm / jump[0].bpm == pytest.approx(1.3, rel=0.03)


@pytest.mark.parametrize("jitter", [0.0, 0.006])
def test_a_drift_is_followed(jitter: float) -> None:
    tempi = np.linspace(100, 125, 120)
    beats = beats_of(60 / tempi, jitter=jitter)
    middles = 0.5 * (beats[1:] + beats[:-1])
    curve = curve_of(beats)
    assert len(curve) < 30
    np.testing.assert_allclose(at(curve, middles), tempi, rtol=0.025)


def test_a_steady_song_needs_few_points() -> None:
    curve = curve_of(beats_of(np.full(400, 0.5), jitter=0.004))
    assert len(curve) <= 4
    assert [point.bpm for point in curve] == pytest.approx([120.0] * len(curve), rel=0.02)


def test_the_number_of_points_is_bounded() -> None:
    rng = np.random.default_rng(1)
    beats = np.cumsum(rng.uniform(0.3, 0.7, 1500))
    curve = tempo_curve(beats, (Stretch(0, beats.size - 1, 120.0),))
    assert 2 <= len(curve) <= MAX_POINTS
    times = [point.time for point in curve]
    assert times == sorted(times)
    assert tempo_curve(beats[:1], ()) == ()
