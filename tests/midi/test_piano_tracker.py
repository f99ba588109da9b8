"""Segments of a recording joined to notes, without a network."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from kit.arrays import AudioBlock
from services.midi.piano.heads import PianoNote
from services.midi.piano.intervals import Interval
from services.midi.piano.shape import HOP, LOWEST, RATE, SEGMENT_SAMPLES, SUSTAIN_PEDAL, TRACKS
from services.midi.piano.tracker import BEFORE, STEP, STEP_FRAMES, PianoEvent, PianoTranscriber

C4 = TRACKS.index(60)
LAST = round(SEGMENT_SAMPLES / HOP)


def note(
    begin: int, end: int, *, onset: bool = True, ends: bool = True, track: int = C4
) -> PianoNote:
    return PianoNote(Interval(track, begin, end, 9.0), 70, float(begin), float(end), onset, ends)


@dataclass
class Script:
    """A network with known output, segment by segment."""

    segments: Sequence[Sequence[PianoNote]]
    description: str = "script"
    weights: str = "none"
    inputs: list[AudioBlock] = field(default_factory=list)
    starts: list[list[int]] = field(default_factory=list)

    def run(self, segment: AudioBlock, starts: Sequence[int]) -> list[list[PianoNote]]:
        number = len(self.inputs)
        self.inputs.append(segment.copy())
        self.starts.append(list(starts))
        output = self.segments[number] if number < len(self.segments) else ()
        return [[n for n in output if n.interval.track == track] for track in range(len(TRACKS))]


def events(script: Script, seconds: float = 20.0, *, block: int = 50_000) -> list[PianoEvent]:
    audio = np.arange(round(seconds * RATE), dtype=np.float32)[None]
    transcriber = PianoTranscriber(script, 1)
    output: list[PianoEvent] = []
    for first in range(0, audio.shape[1], block):
        output += transcriber.feed(audio[:, first : first + block])
    return output + list(transcriber.finish())


def at(segment: int, frame: float) -> float:
    """Return the seconds of a frame of a segment."""
    return (segment * STEP - BEFORE + frame * HOP) / RATE


def test_segments_overlap_and_cover_the_audio() -> None:
    script = Script(())
    events(script, 20.0, block=12_345)
    whole = np.concatenate(
        [np.zeros(BEFORE), np.arange(20 * RATE), np.zeros(2 * SEGMENT_SAMPLES)]
    ).astype(np.float32)
    assert len(script.inputs) == -(-(BEFORE + 20 * RATE) // STEP)
    for number, segment in enumerate(script.inputs):
        first = number * STEP
        np.testing.assert_array_equal(segment[0], whole[first : first + SEGMENT_SAMPLES])
    assert set(script.starts[0]) == {BEFORE // HOP}


def test_a_note_across_a_border_is_one_note() -> None:
    script = Script(
        [
            [note(600, LAST, ends=False)],
            [note(600 - STEP_FRAMES, LAST, ends=False)],
            [note(0, 400, onset=False)],
        ]
    )
    (event,) = events(script, 30.0)
    assert (event.track, event.velocity) == (60, 70)
    assert event.start == pytest.approx(at(0, 600))
    assert event.end == pytest.approx(at(2, 400))
    assert event.confidence == pytest.approx(1 / (1 + np.exp(-9)))


def test_an_incomplete_note_is_searched_again_from_the_last_complete_one() -> None:
    script = Script([[note(500, 600), note(620, LAST, ends=False)], [note(290, 300)]])
    joined = events(script)
    assert script.starts[1][C4] == 600 - STEP_FRAMES
    assert script.starts[1][C4 + 1] == 0
    # The second one was found again, with another end.
    assert [(e.start, e.end) for e in joined] == [
        pytest.approx((at(0, 500), at(0, 600))),
        pytest.approx((at(1, 290), at(1, 300))),
    ]


def test_a_complete_note_stays_if_the_next_one_begins_before_its_end() -> None:
    early = note(600 - STEP_FRAMES, 300)
    early = PianoNote(early.interval, 70, early.start - 0.4, 300.0, True, True)
    first, second = events(Script([[note(500, 600)], [early]]))
    assert first.start == pytest.approx(at(0, 500))
    assert first.end == second.start == pytest.approx(at(1, 600 - STEP_FRAMES - 0.4))


def test_a_note_that_is_not_found_again_is_dropped_and_the_last_one_ends_with_the_audio() -> None:
    script = Script([[note(650, LAST, ends=False)], [note(500, LAST, ends=False)]])
    (event,) = events(script)
    assert event.start == pytest.approx(at(1, 500))


def test_a_note_without_an_onset_is_none() -> None:
    assert events(Script([[], [note(0, 30, onset=False)]])) == []


def test_pedals_are_tracks() -> None:
    pedal = note(400, 500, track=TRACKS.index(-SUSTAIN_PEDAL))
    lowest = note(400, 410, track=TRACKS.index(LOWEST))
    assert [event.track for event in events(Script([[pedal, lowest]]))] == [-64, 21]
