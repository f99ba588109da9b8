"""Note creation on posteriors that are made by hand."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.notes.detection import (
    LOWEST,
    DetectedNote,
    Options,
    Posteriors,
    bends,
    find_notes,
    note_of,
)

FRAMES = 200
SILENT = np.zeros((FRAMES, 1025), np.float32)
"""A spectrum that says nothing: ends and repeats are then the network's alone."""


def posteriors(
    *notes: tuple[int, int, int], onset: float = 0.9, level: float = 0.8, frames: int = FRAMES
) -> Posteriors:
    """Posteriors of (start, end, pitch)."""
    inputs = Posteriors(
        np.zeros((frames, 88), np.float32),
        np.full((frames, 88), 0.02, np.float32),
        np.zeros((frames, 264), np.float32),
    )
    for start, end, pitch in notes:
        inputs.onset[start, pitch - LOWEST] = onset
        inputs.note[start:end, pitch - LOWEST] = level
    return inputs


def spans(result: list[DetectedNote]) -> list[tuple[int, int, int]]:
    return [(note.start, note.end, note.pitch) for note in result]


@pytest.mark.parametrize("pitch", [21, 60, 108])
def test_a_note_is_found_where_it_is(pitch: int) -> None:
    result = find_notes(posteriors((50, 90, pitch)), SILENT, Options())
    assert spans(result) == [(50, 90, pitch)]
    assert result[0].confidence == pytest.approx(0.8, abs=1e-3)


def test_chords_and_notes_to_the_very_end() -> None:
    notes = [(20, 60, 48), (20, 60, 52), (20, 60, 55), (150, FRAMES, 60)]
    assert spans(find_notes(posteriors(*notes), SILENT, Options())) == notes


def test_a_short_dropout_does_not_end_a_note_and_a_long_one_does() -> None:
    inputs = posteriors((20, 120, 60))
    inputs.note[60:70, 60 - LOWEST] = 0
    assert spans(find_notes(inputs, SILENT, Options())) == [(20, 120, 60)]
    inputs.note[60:75, 60 - LOWEST] = 0
    assert spans(find_notes(inputs, SILENT, Options(legato=False))) == [(20, 60, 60)]


def test_a_second_onset_ends_the_note_before() -> None:
    inputs = posteriors((20, 60, 60), (60, 100, 60))
    assert spans(find_notes(inputs, SILENT, Options())) == [(20, 60, 60), (60, 100, 60)]


def test_a_weak_second_onset_without_a_rise_is_no_second_note() -> None:
    inputs = posteriors((20, 60, 60), (60, 100, 60), onset=0.6)
    steady = np.ones((FRAMES, 1025), np.float32)
    assert spans(find_notes(inputs, steady, Options())) == [(20, 100, 60)]
    struck = steady.copy()
    struck[60:] *= 10
    assert spans(find_notes(inputs, struck, Options())) == [(20, 60, 60), (60, 100, 60)]


def test_a_crescendo_is_one_note() -> None:
    inputs = posteriors((20, 30, 60), (30, 100, 60), onset=0.6)
    swelling = np.ones((FRAMES, 1025), np.float32) * 1e-6
    swelling[20:60] = 10.0 ** np.linspace(-6, 2, 40)[:, None]
    swelling[60:] = 100
    assert spans(find_notes(inputs, swelling, Options())) == [(20, 100, 60)]
    # After a while a growing note has been struck again.
    inputs = posteriors((20, 40, 60), (40, 100, 60), onset=0.6)
    assert len(find_notes(inputs, swelling, Options())) == 2


def test_a_level_that_falls_and_rises_again_is_a_second_note() -> None:
    inputs = posteriors((20, 120, 60))
    steady = np.ones((FRAMES, 1025), np.float32)
    steady[60:66] = 1e-3
    steady[120:] = 1e-6
    first, second = find_notes(inputs, steady, Options())
    assert (first.start, first.pitch, second.pitch) == (20, 60, 60)
    assert first.end < 66
    assert 60 <= second.start <= 66
    assert second.end == pytest.approx(120, abs=5)
    # Not where the network no longer hears it clearly.
    inputs.note[66:120, 60 - LOWEST] = 0.35
    assert len(find_notes(inputs, steady, Options())) == 1


def test_a_faint_onset_counts_when_the_note_sounds_clearly() -> None:
    options = Options(legato=False)
    assert spans(find_notes(posteriors((20, 60, 60), onset=0.4), SILENT, options))
    assert not find_notes(posteriors((20, 60, 60), onset=0.4, level=0.5), SILENT, options)
    assert not find_notes(posteriors((20, 60, 60), onset=0.25), SILENT, options)


def test_legato_notes_are_optional() -> None:
    inputs = posteriors((20, 60, 60), onset=0.0)
    assert spans(find_notes(inputs, SILENT, Options())) == [(20, 60, 60)]
    assert not find_notes(inputs, SILENT, Options(legato=False))
    assert not find_notes(posteriors((20, 60, 60), onset=0, level=0.45), SILENT, Options())
    assert not find_notes(posteriors((20, 31, 60), onset=0), SILENT, Options())


def test_of_two_legato_neighbours_the_clearer_is_kept() -> None:
    inputs = posteriors((20, 60, 60), onset=0.0)
    inputs.note[20:60, 61 - LOWEST] = 0.7
    assert spans(find_notes(inputs, SILENT, Options())) == [(20, 60, 60)]


def test_short_notes_and_pitches_out_of_range_are_left_out() -> None:
    inputs = posteriors((20, 26, 50), (20, 40, 60), (20, 40, 70))
    assert [n.pitch for n in find_notes(inputs, SILENT, Options())] == [50, 60, 70]
    assert [n.pitch for n in find_notes(inputs, SILENT, Options(minimum_frames=10))] == [60, 70]
    assert [n.pitch for n in find_notes(inputs, SILENT, Options(lowest=51, highest=69))] == [60]


def test_held_notes_go_on_be_it_for_no_time() -> None:
    inputs = posteriors((0, 40, 60), onset=0.0)
    result = find_notes(inputs, SILENT, Options(), begin=10, held=frozenset({60, 64}))
    assert [(n.start, n.end, n.pitch, n.continued) for n in result] == [
        (10, 40, 60, True),
        (10, 10, 64, True),
    ]


def test_onsets_before_the_beginning_are_context() -> None:
    inputs = posteriors((5, 9, 60), (20, 60, 62))
    assert spans(find_notes(inputs, SILENT, Options(), begin=16)) == [(20, 60, 62)]


@pytest.mark.parametrize("frames", [0, 1, 2, 3])
def test_next_to_nothing(frames: int) -> None:
    inputs = posteriors(frames=frames)
    assert find_notes(inputs, SILENT[:frames], Options()) == []


@given(seed=st.integers(0, 2**32 - 1), held=st.sets(st.integers(21, 108), max_size=5))
@settings(max_examples=60, deadline=None)
def test_whatever_the_network_says_notes_are_in_order(seed: int, held: set[int]) -> None:
    rng = np.random.default_rng(seed)
    frames = int(rng.integers(20, 150))
    smooth = rng.uniform(size=(frames, 88)).astype(np.float32) ** float(rng.uniform(0.3, 4))
    sharp = rng.uniform(size=(frames, 88)).astype(np.float32) ** float(rng.uniform(1, 8))
    inputs = Posteriors(sharp, smooth, np.zeros((frames, 264), np.float32))
    spectrum = rng.uniform(size=(frames, 1025)).astype(np.float32)
    result = find_notes(inputs, spectrum, Options(), begin=5, held=frozenset(held))
    assert [n.start for n in result] == sorted(n.start for n in result)
    assert {n.pitch for n in result if n.continued} == held
    for pitch in {note.pitch for note in result}:
        line = sorted((n for n in result if n.pitch == pitch), key=lambda n: (n.start, n.end))
        for note in line:
            assert 5 <= note.start <= note.end <= frames
            assert note.continued or note.start < note.end
            assert 0 <= note.confidence <= 1
        assert all(a.end <= b.start for a, b in pairwise(line))


@pytest.mark.parametrize("pitch", [21, 60, 108])
@pytest.mark.parametrize("bin_", [-3, -1, 0, 2, 5])
def test_bends_are_read_from_the_contour(pitch: int, bin_: int) -> None:
    column = 3 * (pitch - LOWEST) + 1 + bin_
    if not 0 <= column < 264:
        return
    contour = np.zeros((10, 264), np.float32)
    contour[:, column] = 0.8
    np.testing.assert_allclose(bends(contour, pitch), bin_ / 3, atol=0.02)


def test_bends_lie_between_bins_and_stay_near_the_note() -> None:
    contour = np.zeros((1, 264), np.float32)
    contour[0, 3 * 39 + 2] = contour[0, 3 * 39 + 1] = 0.5
    assert bends(contour, 60)[0] == pytest.approx(1 / 6, abs=0.03)
    contour[0, 3 * 45 + 1] = 1.0
    assert abs(bends(contour, 60)[0]) < 0.4


def test_frequencies_are_notes() -> None:
    assert note_of(440) == 69
    assert note_of(261.6256) == pytest.approx(60, abs=1e-4)
