from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from kit.arrays import F64
from services.analysis.beat_network import Activations
from services.analysis.meter import (
    Accents,
    Repetition,
    downbeat_odds,
    find_bars,
    find_repetition,
    harmonic_change,
    peak_near,
)
from services.analysis.sections import FormPart, describe, find_parts, letter, novelty, roles


def accents(pattern: list[tuple[float, float]], bars: int, first: int) -> Accents:
    rng = np.random.default_rng(0)
    beats = len(pattern) * bars
    index = (np.arange(beats) - first) % len(pattern)
    low = np.array([pattern[at][0] for at in index]) + rng.uniform(0, 0.1, beats)
    high = np.array([pattern[at][1] for at in index]) + rng.uniform(0, 0.1, beats)
    change = np.where(index == 0, 0.5, 0.0) + rng.uniform(0, 0.1, beats)
    return Accents(low, high, change, np.zeros(beats))


def repeating(period: int) -> Repetition:
    """Return how beats repeat whose pattern comes again after `period` beats."""
    alike = np.where((np.arange(14) + 1) % period == 0, 0.9, 0.1)
    return Repetition(alike, alike)


@pytest.mark.parametrize("first", range(4))
def test_four_four_with_backbeat(first: int) -> None:
    bars = find_bars(accents([(1, 0), (0, 0.5), (0.6, 0), (0, 0.5)], 12, first), repeating(4))
    assert (bars.beats_per_bar, bars.first) == (4, first)
    assert bars.confidence > 0.2
    assert bars.positions(8)[first] == 1


@pytest.mark.parametrize("first", range(3))
def test_a_waltz(first: int) -> None:
    bars = find_bars(accents([(1, 0), (0, 0.3), (0, 0.3)], 12, first), repeating(3))
    assert (bars.beats_per_bar, bars.first) == (3, first)


def test_a_known_metre_is_kept_and_few_beats_say_nothing() -> None:
    known = find_bars(accents([(1, 0), (0, 1)], 12, 1), repeating(2), beats_per_bar=5)
    assert known.beats_per_bar == 5
    assert find_bars(Accents(*[np.ones(5)] * 4), repeating(4)).confidence == 0.0


@pytest.mark.parametrize("metre", [5, 6, 7])
def test_long_bars_are_found_by_what_repeats(metre: int) -> None:
    pattern = [(1.0, 0.5), *[(0.0, 0.3)] * (metre - 1)]
    bars = find_bars(accents(pattern, 8, 0), repeating(metre))
    assert (bars.beats_per_bar, bars.first) == (metre, 0)


def test_the_bars_of_a_loop_are_whole() -> None:
    beats = accents([(1, 0), (0, 0.3), (0, 0.3)], 8, 0)
    assert find_bars(beats, repeating(3), beats_in_all=24).beats_per_bar == 3
    assert find_bars(beats, repeating(3), beats_in_all=32).beats_per_bar in (2, 4)


def test_networks_tell_the_downbeat() -> None:
    beats = np.arange(24) * 0.5
    values = np.full((3, 700, 2), 0.01, np.float32)
    values[:, np.round(beats * 50).astype(int), 0] = 0.8
    values[:, np.round(beats[2::4] * 50).astype(int)] = 0.05, 0.9
    odds = downbeat_odds(beats, Activations(values, 50.0))
    np.testing.assert_array_equal(np.flatnonzero(odds > 0), np.arange(2, 24, 4))
    even = accents([(0, 0)] * 4, 6, 0)
    flat = Accents(even.low * 0, even.high * 0, even.change * 0, odds)
    assert find_bars(flat, repeating(4)).first == 2
    assert not downbeat_odds(beats, Activations(np.zeros((3, 0, 2), np.float32), 50.0)).any()


def test_what_repeats_every_three_beats() -> None:
    beats = np.arange(24) * 0.5
    strength = np.zeros((2500, 2), np.float32)
    strength[np.round(beats[::3] * 200).astype(int), 0] = 1.0
    chroma = np.eye(12)[np.arange(24) % 3]
    repetition = find_repetition(beats, strength, 200.0, chroma)
    assert np.argmax(repetition.rhythm[:5]) == np.argmax(repetition.harmony[:5]) == 2
    assert not find_repetition(beats[:2], strength, 200.0, chroma[:2]).rhythm.any()


def test_peaks_are_found_near_beats_only() -> None:
    curve = np.zeros(400)
    curve[[103, 250]] = 1.0
    np.testing.assert_array_equal(peak_near(np.array([0.5, 1.0]), curve, 200.0), [1.0, 0.0])
    assert peak_near(np.array([0.5]), np.zeros(0), 200.0).tolist() == [0.0]


def test_harmony_changes_where_it_changes() -> None:
    chroma = np.repeat(np.eye(12)[[0, 7]], 3, axis=0)
    np.testing.assert_allclose(harmonic_change(chroma), [0, 0, 0, 1, 0, 0])


def synthetic_features(
    groups: str, spans: int = 40
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    rng = np.random.default_rng(2)
    shapes = {group: rng.uniform(0, 1, 36) for group in set(groups)}
    rows = [shapes[group] + 0.1 * rng.normal(size=36) for group in groups for _ in range(spans)]
    values = np.array(rows)
    return describe(values[:, :12], 20 * values[:, 12:])


def spans(edges: int) -> F64:
    return np.asarray(np.arange(edges) * 0.5, np.float64)


def test_parts_are_cut_where_they_change_and_named_by_likeness() -> None:
    features = synthetic_features("ABAC")
    parts = find_parts(features, spans(161))
    assert [part.first for part in parts] == [0, 40, 80, 120]
    assert [letter(part.group) for part in parts] == ["A", "B", "A", "C"]
    assert parts[-1].last == 160
    assert all(0.3 < part.confidence <= 1.0 for part in parts)


def test_one_sound_is_one_part() -> None:
    assert len(find_parts(synthetic_features("A", 160), spans(161))) == 1
    assert len(find_parts(synthetic_features("A", 8), spans(9))) == 1
    assert find_parts(np.zeros((0, 36)), np.zeros(1)) == []


def test_novelty_does_not_depend_on_the_length_around() -> None:
    features = synthetic_features("AB")
    curve = novelty(features, reach=20)
    assert int(np.argmax(curve[10:-10])) + 10 == pytest.approx(40, abs=1)
    assert curve.min() >= 0.0
    assert curve.max() <= 1.0


def test_section_letters_go_on_after_z() -> None:
    assert [letter(group) for group in (0, 25, 26, 27, 52)] == ["A", "Z", "AA", "AB", "BA"]


def _parts(groups: Sequence[int], length: int = 10) -> list[FormPart]:
    return [
        FormPart(place * length, (place + 1) * length, group, 0.5)
        for place, group in enumerate(groups)
    ]


def _levels(parts: Sequence[FormPart], by_group: Mapping[int, float]) -> F64:
    return np.concatenate([np.full(p.last - p.first, by_group.get(p.group, -30.0)) for p in parts])


@pytest.mark.parametrize(
    ("groups", "loud", "expected"),
    [
        # The usual form, whether its chorus is louder or not.
        (
            (0, 1, 2, 1, 2, 3, 2, 4),
            {2: -26.0},
            "intro verse chorus verse chorus bridge chorus outro",
        ),
        ((0, 1, 2, 1, 2, 3, 2, 4), {}, "intro verse chorus verse chorus bridge chorus outro"),
        # It begins with its chorus, which is clearly louder.
        ((0, 1, 0, 1, 2, 0), {0: -26.0}, "chorus verse chorus verse bridge chorus"),
        # What repeats for less time than two others has no role.
        ((0, 1, 2, 0, 1, 1, 0, 2), {}, "verse chorus - verse chorus chorus verse -"),
        # One part repeats: a chorus only if it is louder than the rest.
        ((0, 1, 2, 1, 3), {1: -24.0}, "intro chorus bridge chorus outro"),
        ((0, 1, 2, 1, 3), {}, "intro verse - verse outro"),
        ((0, 0, 0), {}, "verse verse verse"),
        # What frames the song is not a verse, though it comes twice.
        ((0, 1, 2, 1, 2, 0), {}, "intro verse chorus verse chorus outro"),
        # A bridge leads back to something; what only goes on and on has no role.
        ((0, 1, 0, 1, 2, 3, 4, 5), {}, "verse chorus verse chorus - - - outro"),
        # Nothing repeats.
        ((0, 1, 2), {1: -10.0}, "- - -"),
        ((0,), {}, "-"),
        ((), {}, ""),
    ],
)
def test_roles_follow_repetition_and_loudness(
    groups: tuple[int, ...], loud: dict[int, float], expected: str
) -> None:
    parts = _parts(groups)
    levels = _levels(parts, loud) if parts else np.zeros(0)
    assert " ".join(role or "-" for role in roles(parts, levels)) == expected
