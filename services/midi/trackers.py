"""Choose the tracker of a recording's notes by its stem and by what is heard."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from contracts.midi import Tracker, TrackerReason
from contracts.music import Stem
from kit.notes.assembly import NoteEvent
from kit.notes.monophonic import PitchCurve
from kit.notes.partials import FRAME

ConcreteTracker = Literal[Tracker.MONOPHONIC, Tracker.POLYPHONIC, Tracker.PIANO]

MAX_SIMULTANEOUS = 0.25
"""Share of the sounding time up to which a source counts as monophonic."""
MIN_UNSTEADY = 0.55
"""Share of the sounding time from which a monophonic source counts as a voice."""

_MONOPHONIC_STEMS = frozenset({Stem.VOCALS, Stem.BASS})
_LOUD_DB = 25.0
_LOUD_PERCENTILE = 95
_PITCHES = 128
# Partials of the pitch, and the octave below it, in semitones: the polyphonic tracker writes them
# as notes of their own.
_PARTIALS = (-12, 0, 12, 19, 24, 28, 31)


@dataclass(frozen=True, slots=True)
class TrackerChoice:
    """The tracker to use, and why."""

    tracker: ConcreteTracker
    reason: TrackerReason


def piano_choice(tracker: Tracker, stem: Stem | None, *, available: bool) -> TrackerChoice | None:
    """Choose the piano tracker, or `None` if another one is to write the notes.

    Parameters
    ----------
    tracker
        The parameter.
    stem
        The recording's stem, if it is one.
    available
        Whether the worker has the piano network.
    """
    if tracker is Tracker.PIANO:
        return TrackerChoice(Tracker.PIANO, TrackerReason.REQUESTED)
    if tracker is Tracker.AUTO and stem is Stem.PIANO and available:
        return TrackerChoice(Tracker.PIANO, TrackerReason.PIANO_STEM)
    return None


def simultaneous_share(notes: Sequence[NoteEvent], curve: PitchCurve) -> float:
    """Return the share of the sounding time in which several notes sound at once, 0 to 1.

    These are the loud frames with a note of the polyphonic tracker that is neither the pitch of
    the curve, within a semitone, nor one of its partials. Without any note it is 1.
    """
    frames = len(curve)
    notated = np.zeros((frames, _PITCHES), np.bool_)
    for note in notes:
        first = int(note.start / FRAME)
        notated[first : max(first + 1, int(note.end / FRAME)), note.pitch] = True
    pitch = np.round(curve.pitch).astype(np.int64)
    rows = np.arange(frames)
    other = notated.copy()
    for partial in _PARTIALS:
        for step in (-1, 0, 1):
            other[rows, np.clip(pitch + partial + step, 0, _PITCHES - 1)] = False
    loud = curve.level >= np.percentile(curve.level, _LOUD_PERCENTILE) - _LOUD_DB
    sounding = loud & notated.any(axis=1)
    total = int(np.count_nonzero(sounding))
    return int(np.count_nonzero(sounding & other.any(axis=1))) / total if total else 1.0


def is_monophonic(simultaneous: float) -> bool:
    """Return whether a source with this share of simultaneous notes counts as monophonic."""
    return simultaneous <= MAX_SIMULTANEOUS


def choose(stem: Stem | None, *, simultaneous: float, unsteady: float) -> TrackerChoice:
    """Choose the tracker of a recording.

    Parameters
    ----------
    stem
        Its stem, if it is one.
    simultaneous
        See `simultaneous_share`.
    unsteady
        See `monophonic.unsteady_share`; of no effect if several notes sound at once.
    """
    if not is_monophonic(simultaneous):
        return TrackerChoice(Tracker.POLYPHONIC, TrackerReason.SIMULTANEOUS_NOTES)
    if stem in _MONOPHONIC_STEMS:
        return TrackerChoice(Tracker.MONOPHONIC, TrackerReason.MONOPHONIC_STEM)
    if unsteady >= MIN_UNSTEADY:
        return TrackerChoice(Tracker.MONOPHONIC, TrackerReason.UNSTEADY_PITCH)
    return TrackerChoice(Tracker.POLYPHONIC, TrackerReason.STEADY_PITCH)
