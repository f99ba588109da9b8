"""Levels, cuts and word starts on audio whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from kit.arrays import F32, Mono
from services.transcribe.dsp import (
    LevelEnvelope,
    correct_starts,
    loudest,
    part_at_pauses,
    quietest,
    voice_start,
)
from services.transcribe.lines import RATE
from tests.transcribe.fake_speech import bursts, line


def levels_of(audio: Mono) -> F32:
    loudness = LevelEnvelope()
    loudness.feed(audio)
    return loudness.levels()


def test_levels_do_not_depend_on_the_blocks() -> None:
    audio = bursts((0.5, 1.2), (2.0, 2.7), seconds=3.3)
    whole = levels_of(audio)
    rng = np.random.default_rng(1)
    pieces = LevelEnvelope()
    first = 0
    while first < len(audio):
        size = int(rng.integers(1, 3000))
        pieces.feed(audio[first : first + size])
        first += size
    np.testing.assert_array_equal(pieces.levels(), whole)
    assert len(whole) == pytest.approx(330, abs=2)


def test_a_level_is_what_it_says() -> None:
    # White noise of deviation 0.1 has differences of deviation 0.1 · √2: -17 dB.
    assert loudest(levels_of(bursts((0, 2), seconds=2, level=0.1)), 0.5, 1.5) == pytest.approx(
        -17, abs=1.5
    )


def test_levels_stand_at_their_time() -> None:
    levels = levels_of(bursts((1.0, 2.0), seconds=3))
    loud = np.flatnonzero(levels > -40)
    assert (loud[0] + 1) / 100 == pytest.approx(1.0, abs=0.011)
    assert (loud[-1] + 1) / 100 == pytest.approx(2.0, abs=0.011)


def test_a_cut_is_in_the_quietest_place() -> None:
    audio = bursts((0, 3.0), (3.5, 10), seconds=10)
    assert 3.05 * RATE < quietest(audio, 2 * RATE) < 3.45 * RATE
    assert quietest(audio, 5 * RATE) >= 5 * RATE


@pytest.mark.parametrize("early", [0.0, 0.04, 0.1, 0.16, 0.3, 0.6])
def test_a_start_in_a_pause_moves_to_the_voice(early: float) -> None:
    levels = levels_of(bursts((0, 0.8), (2.0, 2.6), seconds=4))
    assert voice_start(levels, 2.0 - early, 2.5) == pytest.approx(2.0, abs=0.021)


@pytest.mark.parametrize("early", [0.0, 0.04, 0.1, 0.16])
def test_a_start_in_connected_singing_moves_to_the_rise(early: float) -> None:
    audio = bursts((0, 1.5), seconds=4, level=0.03) + bursts((1.5, 2.2), seconds=4, level=0.2)
    assert voice_start(levels_of(audio), 1.5 - early, 2.2) == pytest.approx(1.5, abs=0.03)


def test_a_start_without_any_rise_stays() -> None:
    levels = levels_of(bursts((0, 4), seconds=4))
    assert voice_start(levels, 1.2, 1.8) == 1.2


def test_a_click_before_the_voice_is_not_its_start() -> None:
    audio = bursts((1.6, 1.61), (2.0, 2.6), seconds=4)
    assert voice_start(levels_of(audio), 1.5, 2.5) == pytest.approx(2.0, abs=0.021)


@pytest.mark.parametrize(("start", "end"), [(3.99, 4.0), (5.0, 6.0), (0.0, 0.0)])
def test_words_at_the_edge_stay_where_they_are(start: float, end: float) -> None:
    assert voice_start(levels_of(bursts((0, 4), seconds=4)), start, end) == start


def test_words_stay_in_order_and_apart() -> None:
    audio = bursts((1.1, 1.4), (1.55, 1.8), (2.2, 2.6), seconds=4)
    inputs = [line("one two", 1.0, each=0.45), line("three", 1.9, each=0.7)]
    corrected = correct_starts(inputs, levels_of(audio))
    words = [word for segment in corrected for word in segment.words]
    assert [word.start for word in words] == pytest.approx([1.1, 1.55, 2.2], abs=0.03)
    assert all(word.start < word.end for word in words)
    assert words[0].end <= words[1].start
    assert [word.text for word in words] == [" one", " two", " three"]


def test_a_pause_begins_a_new_line() -> None:
    sung = line("one two three four", 1.0, each=0.5)
    late = [replace(word, start=word.start + 2, end=word.end + 2) for word in sung.words[2:]]
    whole = replace(sung, words=(*sung.words[:2], *late))
    assert [part.text for part in part_at_pauses([sung])] == ["one two three four"]
    assert [part.text for part in part_at_pauses([whole])] == [
        "one two",
        "three four",
    ]
    assert [part.text for part in part_at_pauses([whole], 3.0)] == ["one two three four"]
