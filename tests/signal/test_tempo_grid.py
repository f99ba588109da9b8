"""Grids: beats lie where the song's beats are, and seconds stay what they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.signal.tempo_grid import TICKS_PER_BEAT, Grid, even, follow


def seconds(grid: Grid, tick: float) -> float:
    """Return when a tick is, as a player counts."""
    change = [tempo_change for tempo_change in grid.changes if tempo_change.tick <= tick][-1]
    before = zip(grid.changes, grid.changes[1:], strict=False)
    now = sum((b.tick - a.tick) / TICKS_PER_BEAT * a.beat for a, b in before if b.tick <= tick)
    return (now + (tick - change.tick) / TICKS_PER_BEAT * change.beat) / 1e6


def test_an_even_song_has_one_tempo_whatever_the_jitter() -> None:
    rng = np.random.default_rng(1)
    beats = 0.0 + 60 / 97.3 * np.arange(400) + rng.normal(0, 0.006, 400)
    beats[0] = 0.0
    grid = follow(beats.tolist(), 0, 4)
    assert grid.tempo_changes == 0
    assert grid.tempo == pytest.approx(97.3, abs=0.02)
    off = [grid.ticks(60 / 97.3 * n) / TICKS_PER_BEAT - n for n in range(400)]
    assert abs(np.array(off) - np.mean(off)).max() < 0.02


def test_beats_that_were_missed_do_not_bend_an_even_grid() -> None:
    beats = list(0.5 * np.arange(200.0))
    beats[77] += 0.2
    grid = follow(beats, 0, 4)
    assert grid.tempo_changes == 0
    assert grid.tempo == pytest.approx(120, abs=0.01)


@pytest.mark.parametrize("first", [0.07, 0.3, 0.9, 1.7, 3.1, 12.4])
@pytest.mark.parametrize("downbeat", [0, 1, 3])
@pytest.mark.parametrize("meter", [3, 4])
def test_downbeats_lie_on_bars(first: float, downbeat: int, meter: int) -> None:
    beats = (first + 0.5 * np.arange(120)).tolist()
    grid = follow(beats, downbeat, meter)
    assert (grid.tempo, grid.tempo_changes, grid.beats_per_bar) == (120.0, 0, meter)
    start = float(grid.pickup) * TICKS_PER_BEAT
    downs = beats[downbeat::meter]
    bars = [(grid.ticks(t) - start) / TICKS_PER_BEAT / meter for t in downs]
    np.testing.assert_allclose(bars, np.round(bars), atol=1e-3)
    # What lies before is as near the song's tempo as a 32nd note lets it be.
    assert abs(500_000 / grid.changes[0].beat - 1) <= 0.5 * 0.0625 / beats[downbeat % meter] + 1e-3


def test_the_first_bar_of_music_is_on_the_grid() -> None:
    """0.73 s before the first downbeat: a pickup of three eighths, then bars of four."""
    beats = (0.73 + 0.5 * np.arange(64)).tolist()
    grid = follow(beats, 0, 4)
    assert grid.meters == ((0, 3, 8), (1440, 4, 4))
    for number, time in enumerate(beats):
        assert grid.ticks(time) == pytest.approx(1440 + 960 * number, abs=0.5)
    assert grid.tempo == pytest.approx(120, abs=1e-3)


@pytest.mark.parametrize("second", [130.0, 70.0])
def test_a_step_in_tempo_is_two_tempi(second: float) -> None:
    steps = np.concatenate([np.full(64, 0.6), np.full(64, 60 / second)])
    beats = 0.4 + np.concatenate([[0.0], np.cumsum(steps)])
    grid = follow(beats.tolist(), 0, 4)
    assert grid.tempo_changes <= 2
    tempi = {round(60e6 / change.beat) for change in grid.changes[1:]}
    assert {100, round(second)} <= tempi
    start = float(grid.pickup) * TICKS_PER_BEAT
    for time in beats[::4]:
        bar = (grid.ticks(float(time)) - start) / TICKS_PER_BEAT / 4
        assert abs(bar - round(bar)) < 0.02


def test_a_song_that_slows_down_is_followed() -> None:
    steps = np.concatenate([np.full(60, 0.5), np.linspace(0.5, 0.8, 80), np.full(60, 0.8)])
    beats = np.concatenate([[0.0], np.cumsum(steps)])
    grid = follow(beats.tolist(), 0, 4)
    assert 3 <= grid.tempo_changes <= 40
    at = np.array([seconds(grid, n * TICKS_PER_BEAT) for n in range(len(beats))])
    assert np.abs(at - beats).max() < 0.026
    assert 74 <= grid.tempo <= 121


@given(
    steps=st.lists(st.floats(0.2, 2.0), min_size=1, max_size=60),
    first=st.floats(0, 20),
    downbeat=st.integers(0, 60),
    meter=st.integers(2, 12),
    moments=st.lists(st.floats(0, 150), min_size=1, max_size=30),
)
@settings(max_examples=150, deadline=None)
def test_any_beats_give_a_grid_that_keeps_time(
    steps: list[float], first: float, downbeat: int, meter: int, moments: list[float]
) -> None:
    beats = (first + np.concatenate([[0.0], np.cumsum(steps)])).tolist()
    grid = follow(beats, min(downbeat, len(beats) - 1), meter)
    assert grid.changes[0].tick == 0
    assert all(a.tick < b.tick for a, b in zip(grid.changes, grid.changes[1:], strict=False))
    for moment in moments:
        assert seconds(grid, grid.ticks(moment)) == pytest.approx(moment, abs=1e-4)


def test_a_given_tempo_is_kept() -> None:
    assert even(93.5).tempo == pytest.approx(93.5, rel=1e-5)
    assert even(0.5).changes[0].beat < 2**24
