"""Note creation from a network's posteriors, in numpy.

The network, and reading notes from onset and frame posteriors, are those of Bittner, Bosch,
Rubinstein, Meseguer-Brocal and Ewert, "A lightweight instrument-agnostic model for polyphonic note
transcription and multipitch estimation", ICASSP 2022. Three things differ here: a note is accepted
by the geometric mean of its onset and frame posteriors; a repeated note needs a level rise; and a
note ends at the decay of its partials in the audio.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F32
from kit.notes.partials import find_decay, level_recovery, level_rise, release_tail

PITCHES = 88
LOWEST = 21
BINS_PER_SEMITONE = 3

# A note has stopped after this many frames below the threshold.
_SILENT_FRAMES = 11
# An onset counts from this share of the threshold if the frame posteriors after it are high.
_WEAK_ONSET = 0.55
# A repeated onset of a sounding note needs this level rise, unless its posterior is this high.
_RISE_DB = 3.0
_CLEAR_ONSET = 0.7
# A note that began at most this many frames ago and has risen by more dB since is a crescendo.
_CRESCENDO_FRAMES = 16
_CRESCENDO_DB = 2.0
# Frames beyond the network's end in which a decay of the partials is searched.
_LOOKAHEAD = 12
# A legato note (one without an onset) must last this long and exceed the frame threshold by this.
_LEGATO_FRAMES = 11
_LEGATO_MARGIN = 0.2
_LEGATO_GAP = 3
_BEND_BINS = 6
# A semitone's own bin is the middle one of its three.
_CENTRE = 1


@dataclass(frozen=True, slots=True)
class Posteriors:
    """The network's posteriors for each frame.

    Attributes
    ----------
    onset, note
        [frames, 88], 0 to 1: probability that a note of this pitch begins, or sounds.
    contour
        [frames, 264], 0 to 1: salience in thirds of a semitone; bin 3 i + 1 is pitch i of `note`
        (verified with tones of known frequency).
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
    """Options of note creation.

    Attributes
    ----------
    onset_threshold, frame_threshold
        0 to 1.
    minimum_frames
        Shorter notes are dropped.
    lowest, highest
        Pitches as MIDI notes, both included.
    legato
        Whether to include notes without an onset.
    """

    onset_threshold: float = 0.55
    frame_threshold: float = 0.3
    minimum_frames: int = 5
    lowest: int = LOWEST
    highest: int = LOWEST + PITCHES - 1
    legato: bool = True


@dataclass(frozen=True, slots=True)
class DetectedNote:
    """A note in frames: `start` is its first, `end` is one past its last."""

    start: int
    end: int
    pitch: int
    confidence: float
    continued: bool = False
    """Whether it continues a note from before the first requested frame."""
    network_end: int | None = None
    """The frame at which the network lost it, if a release tail follows until `end`."""


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
) -> list[DetectedNote]:
    """Detect notes in posteriors, and their ends in the power spectrum.

    Parameters
    ----------
    posteriors
        Of one stretch of audio.
    spectrum
        `power` of the same frames.
    options
        Thresholds and range.
    begin
        First frame at which a note may begin; the frames before are context.
    held
        Pitches that still sound from an earlier stretch: each yields a note that is `continued`
        and starts at `begin`, even if it has no length.

    Returns
    -------
    list
        Notes in order of time; those of one pitch do not overlap.
    """
    low, high = options.lowest - LOWEST, options.highest - LOWEST + 1
    ends = _note_ends(posteriors.note, options.frame_threshold)
    onset_notes: list[DetectedNote] = []
    for column in range(max(low, 0), min(high, PITCHES)):
        pitch = column + LOWEST
        candidates = _onset_notes(posteriors, column, ends[:, column], options, begin)
        if pitch in held:
            end = min(
                int(ends[begin, column]), candidates[0].start if candidates else len(posteriors)
            )
            sounding = posteriors.note[begin:end, column]
            confidence = float(sounding.mean()) if end > begin else 0.0
            candidates.insert(0, DetectedNote(begin, end, pitch, confidence, continued=True))
        onset_notes += _merge_repeats(candidates, posteriors.onset[:, column], spectrum)
    notes = onset_notes
    if options.legato:
        notes = onset_notes + _legato_notes(posteriors.note, onset_notes, options, begin)
    by_pitch: dict[int, list[DetectedNote]] = {}
    for note in sorted(notes, key=lambda n: (n.start, n.end)):
        by_pitch.setdefault(note.pitch, []).append(note)
    results: list[DetectedNote] = []
    for line in by_pitch.values():
        for index, note in enumerate(line):
            bound = line[index + 1].start if index + 1 < len(line) else len(posteriors)
            posterior = posteriors.note[:, note.pitch - LOWEST]
            remainder: DetectedNote | None = note
            while remainder is not None:
                done = _with_end(remainder, posterior, spectrum, bound)
                results.append(done)
                remainder = _resumed(
                    replace(remainder, start=done.end), posterior, spectrum, options
                )
    return sorted(results, key=lambda n: (n.start, n.pitch))


def _note_ends(note: F32, threshold: float) -> NDArray[np.int64]:
    """Return for each frame and pitch the first frame from there on after which it is silent."""
    frames = len(note)
    below = np.concatenate([note < threshold, np.ones((_SILENT_FRAMES, note.shape[1]), np.bool_)])
    runs = np.cumsum(np.concatenate([np.zeros((1, note.shape[1]), np.int64), below]), axis=0)
    silent = (runs[_SILENT_FRAMES:] - runs[:-_SILENT_FRAMES]) == _SILENT_FRAMES
    index = np.where(silent, np.arange(frames + 1)[:, None], frames)
    return np.minimum.accumulate(index[::-1], axis=0)[::-1]


def _onset_notes(
    posteriors: Posteriors, column: int, ends: NDArray[np.int64], options: Options, begin: int
) -> list[DetectedNote]:
    """Return the notes of one pitch that begin at an onset peak, in order of time."""
    onset, note = posteriors.onset[:, column], posteriors.note[:, column]
    inner = onset[1:-1]
    peaks = (inner > onset[:-2]) & (inner >= onset[2:])
    starts = np.flatnonzero(peaks & (inner >= _WEAK_ONSET * options.onset_threshold)) + 1
    notes: list[DetectedNote] = []
    next_start = len(note)
    for start in starts[starts >= begin][::-1].tolist():
        end = min(int(ends[start + 1]), next_start)
        if end - start <= options.minimum_frames:
            continue
        confidence = float(note[start:end].mean())
        if np.sqrt(float(onset[start]) * confidence) < options.onset_threshold:
            continue
        notes.append(DetectedNote(start, end, column + LOWEST, confidence))
        next_start = start
    return notes[::-1]


def _merge_repeats(notes: list[DetectedNote], onset: F32, spectrum: F32) -> list[DetectedNote]:
    """Merge a note into the previous one if it begins without a level rise."""
    kept: list[DetectedNote] = []
    for note in notes:
        joined = bool(kept) and kept[-1].end == note.start and onset[note.start] < _CLEAR_ONSET
        if joined and not _is_new_onset(spectrum, note, note.start - kept[-1].start):
            before = kept[-1]
            first, second = before.end - before.start, note.end - note.start
            confidence = (first * before.confidence + second * note.confidence) / (first + second)
            kept[-1] = replace(before, end=note.end, confidence=confidence)
        else:
            kept.append(note)
    return kept


def _is_new_onset(spectrum: F32, note: DetectedNote, since: int) -> bool:
    """Return whether a pitch that has sounded for `since` frames has a level rise of its own."""
    growth, before = level_rise(spectrum, note.pitch, note.start)
    crescendo = since <= _CRESCENDO_FRAMES and before > _CRESCENDO_DB
    return growth >= _RISE_DB and not crescendo


def _legato_notes(
    posterior: F32, onset_notes: list[DetectedNote], options: Options, begin: int
) -> list[DetectedNote]:
    """Return long, clear stretches outside of notes with an onset; of neighbours the clearest."""
    rest = posterior.copy()
    rest[:begin] = 0
    for note in onset_notes:
        column = note.pitch - LOWEST
        rest[note.start : note.end + _LEGATO_GAP, max(0, column - 1) : column + 2] = 0
    min_frames = max(_LEGATO_FRAMES, options.minimum_frames)
    clear = min(options.frame_threshold + _LEGATO_MARGIN, 0.95)
    candidates: list[DetectedNote] = []
    for column in range(max(options.lowest - LOWEST, 0), min(options.highest - LOWEST + 1, 88)):
        frames = np.flatnonzero(rest[:, column] >= options.frame_threshold)
        for run in np.split(frames, np.flatnonzero(np.diff(frames) > _LEGATO_GAP) + 1):
            if len(run) and run[-1] + 1 - run[0] > min_frames:
                confidence = float(rest[run[0] : run[-1] + 1, column].mean())
                if confidence >= clear:
                    start, end = int(run[0]), int(run[-1]) + 1
                    candidates.append(DetectedNote(start, end, column + LOWEST, confidence))
    kept: list[DetectedNote] = []
    for note in sorted(candidates, key=lambda n: -n.confidence):
        if not any(
            abs(note.pitch - k.pitch) == 1 and note.start < k.end and k.start < note.end
            for k in kept
        ):
            kept.append(note)
    return kept


def _with_end(note: DetectedNote, posterior: F32, spectrum: F32, bound: int) -> DetectedNote:
    """Set a note's end to the decay of its partials, at the latest at `bound`.

    Without a decay, it ends where the network loses it, or at the end of its release tail.
    """
    last = min(bound, len(spectrum))
    seen = find_decay(spectrum, note.pitch, note.start, min(note.end + _LOOKAHEAD, last))
    if seen is not None and note.end > note.start:
        return replace(note, end=min(seen, bound))
    sounding = posterior[note.start : note.end]
    network_end = note.end
    if len(sounding):
        level = float(np.median(sounding))
        network_end = note.start + int(np.flatnonzero(sounding >= 0.5 * level)[-1]) + 1
    network_end = min(network_end, bound)
    return replace(
        note,
        end=release_tail(spectrum, note.pitch, note.start, network_end, last),
        network_end=network_end,
    )


def _resumed(
    rest: DetectedNote, posterior: F32, spectrum: F32, options: Options
) -> DetectedNote | None:
    """Return the note that begins in the remainder of one after its decay, if any.

    Its partials must recover, and the network's posterior must have stayed high.
    """
    at = level_recovery(spectrum, rest.pitch, rest.start, rest.end)
    if at is None or rest.end - at <= max(_LEGATO_FRAMES, options.minimum_frames):
        return None
    confidence = float(posterior[at : rest.end].mean())
    if confidence < min(options.frame_threshold + _LEGATO_MARGIN, 0.95):
        return None
    return DetectedNote(at, rest.end, rest.pitch, confidence)


def bends(contour: F32, pitch: int) -> F32:
    """Track a note's pitch bend as the contour's peak near the note.

    Parameters
    ----------
    contour
        [frames, 264] of the note's frames.
    pitch
        MIDI note.

    Returns
    -------
    ndarray
        [frames], semitones from the note, within ±2; the peak is refined by the centroid of the
        bins around it, and interpolated where the contour is weak.
    """
    centre = (pitch - LOWEST) * BINS_PER_SEMITONE + _CENTRE
    first, last = max(0, centre - _BEND_BINS), min(contour.shape[1], centre + _BEND_BINS + 1)
    offsets = np.arange(first, last) - centre
    near = contour[:, first:last].astype(np.float32) * np.exp(-0.5 * (offsets / 5) ** 2)
    peak = near.argmax(axis=1)
    around = np.clip(peak[:, None] + np.array([-1, 0, 1]), 0, near.shape[1] - 1)
    weights = np.take_along_axis(near, around, axis=1) + 1e-9
    bend = (weights * offsets[around]).sum(axis=1) / weights.sum(axis=1) / BINS_PER_SEMITONE
    # At the start and end of a note the contour is weak and shows the neighbouring notes.
    clear = near.max(axis=1, initial=0.0)
    sure = np.flatnonzero(clear >= 0.6 * np.median(clear)) if len(clear) else peak
    held = np.interp(np.arange(len(bend)), sure, bend[sure]) if len(sure) else bend
    result: F32 = np.clip(held, -2, 2).astype(np.float32)
    return result
