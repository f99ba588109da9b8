"""Notes of a source that plays one note at a time, from curves and posteriors that are known."""

from collections.abc import Sequence

import numpy as np
import pytest

from kit.notes.detection import LOWEST, Options
from kit.notes.monophonic import LineNote, PitchCurve, find_line, tuning_of, unsteady_share
from kit.notes.partials import FRAME

BINS = 1025
Part = tuple[float, np.ndarray | float]


def frames_of(seconds: float) -> int:
    return round(seconds / FRAME)


class Line:
    """A curve with its posteriors, part by part: seconds, and a pitch, a glide, or 0 for a rest."""

    def __init__(self, *parts: tuple[float, object], dips: Sequence[float] = ()) -> None:
        pitches: list[np.ndarray] = []
        for seconds, pitch in parts:
            frames = frames_of(seconds)
            pitches.append(np.broadcast_to(np.asarray(pitch, np.float32), (frames,)))
        pitch = np.concatenate(pitches)
        sounds = pitch > 0
        self.frames = len(pitch)
        level = np.where(sounds, -15.0, -60.0).astype(np.float32)
        self.onset = np.full((self.frames, 88), 0.02, np.float32)
        self.note = np.full((self.frames, 88), 0.1, np.float32)
        rows = np.flatnonzero(sounds)
        self.note[rows, np.round(pitch[rows]).astype(int) - LOWEST] = 0.7
        for seconds in dips:
            at = frames_of(seconds)
            level[at - 2 : at] -= 20
            self.onset[at, round(float(pitch[at])) - LOWEST] = 0.9
        confidence = np.where(sounds, 0.95, 0.02).astype(np.float32)
        self.curve = PitchCurve(np.where(sounds, pitch, 50).astype(np.float32), confidence, level)

    def notes(self, options: Options | None = None) -> list[LineNote]:
        return find_line(
            self.curve,
            self.onset,
            self.note,
            lambda first, last: np.full((last - first, BINS), 1e-3, np.float32),
            options or Options(),
        )


def vibrato(pitch: float, seconds: float, depth: float) -> np.ndarray:
    time = np.arange(frames_of(seconds)) * FRAME
    return pitch + depth * np.sin(2 * np.pi * 5.5 * time)


def test_pitches_and_rests_are_notes_and_gaps() -> None:
    notes = Line((0.3, 0), (0.5, 60), (0.4, 62), (0.3, 0), (0.5, 62), (0.2, 0)).notes()
    assert [round(note.pitch) for note in notes] == [60, 62, 62]
    starts = [note.start * FRAME for note in notes]
    assert starts == pytest.approx([0.3, 0.8, 1.5], abs=0.03)
    assert notes[1].end * FRAME == pytest.approx(1.2, abs=0.03)
    assert all(note.confidence > 0.9 for note in notes)


@pytest.mark.parametrize("depth", [0.3, 0.6, 0.9])
def test_a_vibrato_is_one_note(depth: float) -> None:
    (note,) = Line((0.2, 0), (1.5, vibrato(64, 1.5, depth)), (0.2, 0)).notes()
    assert note.pitch == pytest.approx(64, abs=0.25)
    assert note.spread > 0.2


def test_a_scoop_belongs_to_its_note() -> None:
    scoop = 65 - 1.2 * np.exp(-np.arange(frames_of(0.7)) * FRAME / 0.04)
    (note,) = Line((0.2, 0), (0.7, scoop), (0.2, 0)).notes()
    assert note.pitch == pytest.approx(65, abs=0.15)
    assert note.start * FRAME == pytest.approx(0.2, abs=0.05)


def test_a_pitch_that_is_struck_again_is_two_notes_and_a_softer_moment_is_none() -> None:
    struck = Line((0.2, 0), (1.0, 60), (0.2, 0), dips=[0.7])
    assert [note.start * FRAME for note in struck.notes()] == pytest.approx([0.2, 0.7], abs=0.03)
    soft = Line((0.2, 0), (1.0, 60), (0.2, 0))
    soft.curve.level[60:] -= 2
    assert len(soft.notes()) == 1


def test_the_onset_threshold_decides_whether_a_doubtful_onset_divides_a_note() -> None:
    line = Line((0.2, 0), (1.0, 60), (0.2, 0))
    at = frames_of(0.7)
    line.onset[at, 60 - LOWEST] = 0.6
    line.curve.level[at - 4 : at] -= 5
    assert len(line.notes(Options(onset_threshold=0.5))) == 2
    assert len(line.notes(Options(onset_threshold=0.7))) == 1


def test_posteriors_correct_the_octave_of_the_curve() -> None:
    line = Line((0.2, 0), (0.6, 48), (0.2, 0))
    line.curve.pitch[frames_of(0.2) : frames_of(0.8)] = 60
    (note,) = line.notes()
    assert round(note.pitch) == 48


def test_notes_shorter_than_the_minimum_are_dropped() -> None:
    line = Line((0.2, 0), (0.12, 60), (0.3, 0), (0.6, 62), (0.2, 0))
    assert len(line.notes(Options(minimum_frames=5))) == 2
    assert len(line.notes(Options(minimum_frames=20))) == 1


def test_silence_and_an_uncertain_pitch_have_no_notes() -> None:
    assert Line((2.0, 0)).notes() == []
    line = Line((2.0, 60))
    line.note[:] = 0.1
    line.curve.confidence[:] = 0.3
    assert line.notes() == []


def test_the_tuning_is_that_on_which_notes_agree() -> None:
    sharp = [LineNote(0, 50, pitch + 0.32, 0.1, 0.9) for pitch in (60, 62, 64, 65)]
    assert tuning_of(sharp) == pytest.approx(0.32, abs=0.01)
    apart = [LineNote(0, 50, 60 + 0.25 * index, 0.1, 0.9) for index in range(4)]
    assert tuning_of(apart) == 0
    assert tuning_of([]) == 0


def test_the_unsteady_share_counts_time() -> None:
    notes = [LineNote(0, 30, 60, 0.3, 0.9), LineNote(40, 50, 62, 0.05, 0.9)]
    assert unsteady_share(notes) == pytest.approx(0.75)
    assert unsteady_share([]) == 0
