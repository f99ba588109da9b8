"""Assemble the notes of audio of any length from posteriors, in constant memory.

The assembler buffers half a minute of posteriors, then emits notes up to the quietest frame of the
second half and drops that part. A note that sounds across the cut stays open and
continues in the next stretch.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from kit.arrays import F32
from kit.notes import detection, partials
from kit.notes.detection import DetectedNote, Options, Posteriors
from kit.notes.partials import FRAME

STRETCH = 2584
"""Maximum frames in the buffer: 30 s."""
_CONTEXT = 16
_MARGIN = 24
_SPREAD = 12
_LOUDNESS_FRAMES = 12


@dataclass(frozen=True, slots=True)
class NoteEvent:
    """A note of the recording.

    Attributes
    ----------
    start, end
        Seconds.
    pitch
        MIDI note.
    confidence
        Mean posterior, 0 to 1.
    level
        Peak power of its partials after its start, in dB with an arbitrary zero.
    bends
        Semitones from `pitch`, one every `partials.FRAME` seconds; empty without `follow_bends`.
    """

    start: float
    end: float
    pitch: int
    confidence: float
    level: float
    bends: F32


@dataclass(slots=True)
class _Open:
    """A note that sounds across the end of a stretch; `start` is a frame of the whole audio."""

    start: int
    confidence: float
    frames: int
    detected_frames: int
    """Number of its frames in which the network detected it."""
    level: float
    bends: list[F32]


@dataclass(slots=True)
class NoteAssembler:
    """Turns posteriors that arrive in order into notes, a stretch at a time.

    Parameters
    ----------
    options
        Options of note creation.
    spectrum
        Returns `partials.power` of a number of frames from a frame on, counted from the start of
        the audio. The first frame never decreases from call to call.
    follow_bends
        Whether to track pitch bends.
    stretch
        Maximum frames in the buffer.
    on_frames
        Called once for each frame, in order, with posteriors and the power spectrum of the same
        frames.
    """

    options: Options
    spectrum: Callable[[int, int], F32]
    follow_bends: bool = True
    stretch: int = STRETCH
    on_frames: Callable[[Posteriors, F32], None] | None = None
    _first: int = 0
    """First buffered frame."""
    _context: int = 0
    """Number of buffered frames whose notes are already emitted."""
    _posteriors: list[Posteriors] = field(default_factory=list)
    _frames: int = 0
    _open: dict[int, _Open] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        """Number of frames so far."""
        return self._first + self._frames

    def add(self, posteriors: Posteriors, *, ends: bool = False) -> Iterator[NoteEvent]:
        """Take the next frames, and yield the notes that are complete.

        `ends` says that `finish` follows soon, so that the stretch may be longer.
        """
        self._posteriors.append(posteriors)
        self._frames += len(posteriors)
        if self._frames >= self.stretch and not ends:
            yield from self._release(self._quiet_moment(), np.inf)

    def finish(self, seconds: float) -> Iterator[NoteEvent]:
        """Yield the remaining notes; none of them ends after `seconds`, the end of the audio."""
        if self._posteriors:
            yield from self._release(None, seconds)

    def _kept(self) -> Posteriors:
        return Posteriors(
            np.concatenate([p.onset for p in self._posteriors]),
            np.concatenate([p.note for p in self._posteriors]),
            np.concatenate([p.contour for p in self._posteriors]),
        )

    def _quiet_moment(self) -> int:
        """Return the last frame of the second half at which the fewest notes sound."""
        kept = self._kept()
        sounding = (kept.note >= self.options.frame_threshold).sum(axis=1)
        onsets = (kept.onset >= 0.5 * self.options.onset_threshold).sum(axis=1)
        around = np.convolve(sounding + 2 * onsets, np.ones(2 * _SPREAD + 1), "same")
        begin, end = self._frames // 2, self._frames - _MARGIN
        return end - 1 - int(np.argmin(around[begin:end][::-1]))

    def _release(self, cut: int | None, seconds: float) -> Iterator[NoteEvent]:
        """Emit the notes of the buffered frames before `cut`, or of all, and drop the frames."""
        kept = self._kept()
        frames = len(kept)
        # Include some frames after the cut, so that ends near the cut are measured correctly.
        seen = frames if cut is None else min(cut + _MARGIN, frames)
        spectrum = self.spectrum(self._first, seen)
        stop = frames if cut is None else cut
        if self.on_frames is not None:
            self.on_frames(kept.cut(self._context, stop), spectrum[self._context : stop])
        notes = detection.find_notes(
            kept.cut(0, seen),
            spectrum,
            self.options,
            begin=self._context,
            held=frozenset(self._open),
        )
        still_open: dict[int, _Open] = {}
        for note in notes:
            continued = self._open.pop(note.pitch) if note.continued else None
            if cut is not None and note.start >= cut:
                continue
            end = min(note.end, cut) if cut is not None else note.end
            opened = self._extend(continued, note, end, kept, spectrum)
            if cut is not None and note.end > cut:
                still_open[note.pitch] = opened
            else:
                yield self._to_event(note.pitch, opened, seconds)
        self._open = still_open
        if cut is not None:
            gone = max(0, cut - _CONTEXT)
            self._context = cut - gone
            self._posteriors = [kept.cut(gone, frames)]
            self._frames = frames - gone
            self._first += gone

    def _extend(
        self, opened: _Open | None, note: DetectedNote, end: int, kept: Posteriors, spectrum: F32
    ) -> _Open:
        length = end - note.start
        # The contour no longer shows the release tail.
        detected_length = (
            length if note.network_end is None else min(note.network_end - note.start, length)
        )
        bends = [] if opened is None else opened.bends
        if self.follow_bends:
            seen = detection.bends(
                kept.contour[note.start : note.start + detected_length], note.pitch
            )
            last = next((float(part[-1]) for part in (seen, *bends[::-1]) if len(part)), 0.0)
            bends = [*bends, np.pad(seen, (0, length - detected_length), constant_values=last)]
        if opened is None:
            rows = partials.partials(
                spectrum[note.start : note.start + _LOUDNESS_FRAMES], note.pitch
            )
            power = float(rows.sum(axis=0).max(initial=0.0)) if len(rows) else 0.0
            level = 10 * float(np.log10(power + 1e-9))
            start = self._first + note.start
            return _Open(start, note.confidence, length, detected_length, level, bends)
        total = opened.detected_frames + detected_length
        mean = (
            opened.confidence * opened.detected_frames + note.confidence * detected_length
        ) / max(total, 1)
        return _Open(opened.start, mean, opened.frames + length, total, opened.level, bends)

    def _to_event(self, pitch: int, opened: _Open, seconds: float) -> NoteEvent:
        bends = np.concatenate(opened.bends) if opened.bends else np.zeros(0, np.float32)
        ends = min((opened.start + opened.frames) * FRAME, seconds)
        return NoteEvent(opened.start * FRAME, ends, pitch, opened.confidence, opened.level, bends)
