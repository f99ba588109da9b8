"""From a network's posteriors to notes, in numpy.

The network and the idea of reading notes from onset and frame posteriors are those of Bittner,
Bosch, Rubinstein, Meseguer-Brocal and Ewert, "A lightweight instrument-agnostic model for
polyphonic note transcription and multipitch estimation", ICASSP 2022. What differs here: a note is
judged by its onset together with how well it goes on sounding; a note struck again must
grow louder; and a note ends where its partials fall away, which is seen in the audio.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F32
from services.midi.partials import fall, ringing, rise, swell

PITCHES = 88
LOWEST = 21
BINS_PER_SEMITONE = 3

# A note has stopped after this many frames below the threshold.
_SILENT = 11
# An onset counts from this share of the threshold when its note sounds on clearly.
_FAINT = 0.55
# A second strike of a sounding string must be this much louder, unless its onset is this sure.
_RISE_DB = 3.0
_SURE = 0.7
# What began at most this many frames ago and has been growing all the while swells still.
_SWELL_FRAMES = 16
_SWELL_DB = 2.0
# How far beyond the network's end the partials are looked at.
_BEYOND = 12
# What was not struck must last this long and be this much clearer than the frame threshold.
_UNSTRUCK_FRAMES = 11
_UNSTRUCK_CLEARER = 0.2
_UNSTRUCK_GAP = 3
_BEND_BINS = 6
# A semitone's own bin is the middle one of its three.
_CENTRE = 1


@dataclass(frozen=True, slots=True)
class Posteriors:
    """What the network says of each frame.

    Attributes
    ----------
    onset, note
        [frames, 88], 0 to 1: a note of this pitch begins, or sounds.
    contour
        [frames, 264], 0 to 1: salience in thirds of a semitone; bin 3 i + 1 is pitch i of `note`,
        as tones of known frequency show.
    """

    onset: F32
    note: F32
    contour: F32

    def __len__(self) -> int:
        return len(self.note)

    def cut(self, start: int, end: int) -> "Posteriors":
        """Return the frames from `start` to `end`."""
        return Posteriors(self.onset[start:end], self.note[start:end], self.contour[start:end])


@dataclass(frozen=True, slots=True)
class Options:
    """What counts as a note.

    Attributes
    ----------
    onset_threshold, frame_threshold
        0 to 1.
    minimum_frames
        Shorter notes are left out.
    lowest, highest
        Pitches as MIDI notes, both included.
    unstruck
        Whether to take notes without an onset.
    """

    onset_threshold: float = 0.55
    frame_threshold: float = 0.3
    minimum_frames: int = 5
    lowest: int = LOWEST
    highest: int = LOWEST + PITCHES - 1
    unstruck: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """A note in frames: `start` is its first, `end` is one past its last."""

    start: int
    end: int
    pitch: int
    confidence: float
    continued: bool = False
    """Whether it goes on from before the first frame that was asked for."""
    heard: int | None = None
    """Where the network has lost it, when it rings on until its end."""


def note_of(frequency: float) -> float:
    """Return a frequency in Hz as a fractional MIDI note; 440 Hz is 69."""
    return float(69 + 12 * np.log2(frequency / 440))


def find_notes(
    posteriors: Posteriors,
    spectrum: F32,
    options: Options,
    *,
    begin: int = 0,
    held: frozenset[int] = frozenset(),
) -> list[Found]:
    """Read notes from posteriors.

    Parameters
    ----------
    posteriors
        Of a stretch of audio.
    spectrum
        `power` of the same frames.
    options
        What counts as a note.
    begin
        Notes begin here at the earliest; the frames before are context.
    held
        Pitches that an earlier stretch left sounding: each gives a note that is `continued` and
        starts at `begin`, be it of no length.

    Returns
    -------
    list
        Notes in order of time; those of one pitch do not overlap.
    """
    low, high = options.lowest - LOWEST, options.highest - LOWEST + 1
    stops = _stops(posteriors.note, options.frame_threshold)
    struck: list[Found] = []
    for column in range(max(low, 0), min(high, PITCHES)):
        pitch = column + LOWEST
        found = _struck(posteriors, column, stops[:, column], options, begin)
        if pitch in held:
            end = min(int(stops[begin, column]), found[0].start if found else len(posteriors))
            sounding = posteriors.note[begin:end, column]
            confidence = float(sounding.mean()) if end > begin else 0.0
            found.insert(0, Found(begin, end, pitch, confidence, continued=True))
        struck += _really_struck(found, posteriors.onset[:, column], spectrum)
    notes = struck
    if options.unstruck:
        notes = struck + _unstruck(posteriors.note, struck, options, begin)
    by_pitch: dict[int, list[Found]] = {}
    for note in sorted(notes, key=lambda n: (n.start, n.end)):
        by_pitch.setdefault(note.pitch, []).append(note)
    ended: list[Found] = []
    for line in by_pitch.values():
        for index, note in enumerate(line):
            bound = line[index + 1].start if index + 1 < len(line) else len(posteriors)
            posterior = posteriors.note[:, note.pitch - LOWEST]
            left: Found | None = note
            while left is not None:
                done = _ended(left, posterior, spectrum, bound)
                ended.append(done)
                left = _again(replace(left, start=done.end), posterior, spectrum, options)
    return sorted(ended, key=lambda n: (n.start, n.pitch))


def _stops(note: F32, threshold: float) -> NDArray[np.int64]:
    """Return for each frame and pitch the first frame from there on at which nothing sounds."""
    frames = len(note)
    below = np.concatenate([note < threshold, np.ones((_SILENT, note.shape[1]), np.bool_)])
    runs = np.cumsum(np.concatenate([np.zeros((1, note.shape[1]), np.int64), below]), axis=0)
    silent = (runs[_SILENT:] - runs[:-_SILENT]) == _SILENT
    index = np.where(silent, np.arange(frames + 1)[:, None], frames)
    return np.minimum.accumulate(index[::-1], axis=0)[::-1]


def _struck(
    posteriors: Posteriors, column: int, stops: NDArray[np.int64], options: Options, begin: int
) -> list[Found]:
    """Return the notes of one pitch that begin with an onset, in order of time."""
    onset, note = posteriors.onset[:, column], posteriors.note[:, column]
    inner = onset[1:-1]
    peaks = (inner > onset[:-2]) & (inner >= onset[2:])
    starts = np.flatnonzero(peaks & (inner >= _FAINT * options.onset_threshold)) + 1
    found: list[Found] = []
    follower = len(note)
    for start in starts[starts >= begin][::-1].tolist():
        end = min(int(stops[start + 1]), follower)
        if end - start <= options.minimum_frames:
            continue
        confidence = float(note[start:end].mean())
        if np.sqrt(float(onset[start]) * confidence) < options.onset_threshold:
            continue
        found.append(Found(start, end, column + LOWEST, confidence))
        follower = start
    return found[::-1]


def _really_struck(notes: list[Found], onset: F32, spectrum: F32) -> list[Found]:
    """Join a note to the one before where it begins without growing louder."""
    kept: list[Found] = []
    for note in notes:
        joined = bool(kept) and kept[-1].end == note.start and onset[note.start] < _SURE
        if joined and not _struck_again(spectrum, note, note.start - kept[-1].start):
            before = kept[-1]
            first, second = before.end - before.start, note.end - note.start
            confidence = (first * before.confidence + second * note.confidence) / (first + second)
            kept[-1] = replace(before, end=note.end, confidence=confidence)
        else:
            kept.append(note)
    return kept


def _struck_again(spectrum: F32, note: Found, since: int) -> bool:
    """Whether what has sounded for `since` frames grows louder anew, not as it has been growing."""
    growth, before = rise(spectrum, note.pitch, note.start)
    swells = since <= _SWELL_FRAMES and before > _SWELL_DB
    return growth >= _RISE_DB and not swells


def _unstruck(note: F32, struck: list[Found], options: Options, begin: int) -> list[Found]:
    """Return long, clear stretches that no struck note explains, the clearest of neighbours."""
    rest = note.copy()
    rest[:begin] = 0
    for found in struck:
        column = found.pitch - LOWEST
        rest[found.start : found.end + _UNSTRUCK_GAP, max(0, column - 1) : column + 2] = 0
    least = max(_UNSTRUCK_FRAMES, options.minimum_frames)
    clear = min(options.frame_threshold + _UNSTRUCK_CLEARER, 0.95)
    found_all: list[Found] = []
    for column in range(max(options.lowest - LOWEST, 0), min(options.highest - LOWEST + 1, 88)):
        frames = np.flatnonzero(rest[:, column] >= options.frame_threshold)
        for run in np.split(frames, np.flatnonzero(np.diff(frames) > _UNSTRUCK_GAP) + 1):
            if len(run) and run[-1] + 1 - run[0] > least:
                confidence = float(rest[run[0] : run[-1] + 1, column].mean())
                if confidence >= clear:
                    start, end = int(run[0]), int(run[-1]) + 1
                    found_all.append(Found(start, end, column + LOWEST, confidence))
    kept: list[Found] = []
    for found in sorted(found_all, key=lambda n: -n.confidence):
        if not any(
            abs(found.pitch - k.pitch) == 1 and found.start < k.end and k.start < found.end
            for k in kept
        ):
            kept.append(found)
    return kept


def _ended(note: Found, posterior: F32, spectrum: F32, bound: int) -> Found:
    """Return a note with its end: where its partials fall away, at the latest at `bound`.

    Where they do not, it ends where the network loses it, or has rung out after that.
    """
    last = min(bound, len(spectrum))
    seen = fall(spectrum, note.pitch, note.start, min(note.end + _BEYOND, last))
    if seen is not None and note.end > note.start:
        return replace(note, end=min(seen, bound))
    sounding = posterior[note.start : note.end]
    heard = note.end
    if len(sounding):
        level = float(np.median(sounding))
        heard = note.start + int(np.flatnonzero(sounding >= 0.5 * level)[-1]) + 1
    heard = min(heard, bound)
    return replace(note, end=ringing(spectrum, note.pitch, note.start, heard, last), heard=heard)


def _again(rest: Found, posterior: F32, spectrum: F32, options: Options) -> Found | None:
    """Return the note that begins in what is left of one after its partials fell away, if any.

    They must come back, and the network must have gone on hearing it clearly.
    """
    at = swell(spectrum, rest.pitch, rest.start, rest.end)
    if at is None or rest.end - at <= max(_UNSTRUCK_FRAMES, options.minimum_frames):
        return None
    confidence = float(posterior[at : rest.end].mean())
    if confidence < min(options.frame_threshold + _UNSTRUCK_CLEARER, 0.95):
        return None
    return Found(at, rest.end, rest.pitch, confidence)


def bends(contour: F32, pitch: int) -> F32:
    """Follow a note's pitch.

    Parameters
    ----------
    contour
        [frames, 264] of the note's frames.
    pitch
        MIDI note.

    Returns
    -------
    ndarray
        [frames], semitones from the note, within 2; the peak near the note, refined by the centroid
        of the bins around it, and held where the contour is faint.
    """
    centre = (pitch - LOWEST) * BINS_PER_SEMITONE + _CENTRE
    first, last = max(0, centre - _BEND_BINS), min(contour.shape[1], centre + _BEND_BINS + 1)
    offsets = np.arange(first, last) - centre
    near = contour[:, first:last].astype(np.float32) * np.exp(-0.5 * (offsets / 5) ** 2)
    peak = near.argmax(axis=1)
    around = np.clip(peak[:, None] + np.array([-1, 0, 1]), 0, near.shape[1] - 1)
    weights = np.take_along_axis(near, around, axis=1) + 1e-9
    found = (weights * offsets[around]).sum(axis=1) / weights.sum(axis=1) / BINS_PER_SEMITONE
    # Where a note begins and ends the contour is faint, and shows its neighbours in time.
    clear = near.max(axis=1, initial=0.0)
    sure = np.flatnonzero(clear >= 0.6 * np.median(clear)) if len(clear) else peak
    held = np.interp(np.arange(len(found)), sure, found[sure]) if len(sure) else found
    result: F32 = np.clip(held, -2, 2).astype(np.float32)
    return result
