"""Transcribe audio of any length in constant memory.

The transcriber buffers posteriors and audio for half a minute, then emits notes up to the quietest
frame of the second half and drops that part. A note that sounds across the cut stays open and
continues in the next stretch.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from kit.arrays import F32
from services.midi import dsp, partials
from services.midi.dsp import DetectedNote, Options, Posteriors
from services.midi.engine import BATCH, EDGE, STEP, WINDOW, Engine
from services.midi.partials import FRAME, HOP, RATE

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
class NoteTranscriber:
    """Turns a stream of mono audio at `partials.RATE` into notes.

    Parameters
    ----------
    engine
        Computes posteriors.
    options
        Options of note creation.
    follow_bends
        Whether to track pitch bends.
    stretch
        Maximum frames in the buffer.
    """

    engine: Engine
    options: Options
    follow_bends: bool = True
    stretch: int = STRETCH
    _pending: F32 = field(default_factory=lambda: np.zeros(EDGE, np.float32))
    """Audio that does not fill a window yet; it begins `EDGE` samples before the next frame."""
    _samples: int = 0
    _first: int = 0
    """First buffered frame."""
    _context: int = 0
    """Number of buffered frames whose notes are already emitted."""
    _audio: F32 = field(default_factory=lambda: np.zeros(0, np.float32))
    _posteriors: list[Posteriors] = field(default_factory=list)
    _frames: int = 0
    _open: dict[int, _Open] = field(default_factory=dict)

    def feed(self, block: F32) -> Iterator[NoteEvent]:
        """Process more audio, `[samples]`, and yield the notes that are complete."""
        self._samples += len(block)
        self._pending = np.concatenate([self._pending, block])
        self._audio = np.concatenate([self._audio, block])
        span = WINDOW + (BATCH - 1) * STEP
        while len(self._pending) >= span:
            self._infer(BATCH)
            if self._frames >= self.stretch:
                yield from self._release(self._quiet_moment())

    def finish(self) -> Iterator[NoteEvent]:
        """Process the end of the audio and yield the remaining notes."""
        if not self._samples:
            return
        frames_total = -(-self._samples // HOP)
        while self._first + self._frames < frames_total:
            left = frames_total - self._first - self._frames
            count = min(BATCH, -(-left * HOP // STEP))
            short = WINDOW + (count - 1) * STEP - len(self._pending)
            if short > 0:
                self._pending = np.concatenate([self._pending, np.zeros(short, np.float32)])
            self._infer(count)
        self._posteriors = [self._kept().cut(0, frames_total - self._first)]
        self._frames = frames_total - self._first
        yield from self._release(None)

    def _infer(self, count: int) -> None:
        starts = np.arange(count) * STEP
        windows = np.stack([self._pending[start : start + WINDOW] for start in starts])
        posteriors = self.engine.run(windows)
        self._pending = self._pending[count * STEP :]
        self._posteriors.append(posteriors)
        self._frames += len(posteriors)

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

    def _release(self, cut: int | None) -> Iterator[NoteEvent]:
        """Emit the notes of the buffered frames before `cut`, or of all, and drop the frames."""
        kept = self._kept()
        frames = len(kept)
        # Include some frames after the cut, so that ends near the cut are measured correctly.
        seen = frames if cut is None else min(cut + _MARGIN, frames)
        spectrum = partials.power(self._audio, seen)
        notes = dsp.find_notes(
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
                yield self._to_event(note.pitch, opened)
        self._open = still_open
        if cut is not None:
            gone = max(0, cut - _CONTEXT)
            self._context = cut - gone
            self._posteriors = [kept.cut(gone, frames)]
            self._frames = frames - gone
            self._first += gone
            self._audio = self._audio[gone * HOP :]

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
            seen = dsp.bends(kept.contour[note.start : note.start + detected_length], note.pitch)
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

    def _to_event(self, pitch: int, opened: _Open) -> NoteEvent:
        bends = np.concatenate(opened.bends) if opened.bends else np.zeros(0, np.float32)
        ends = min((opened.start + opened.frames) * FRAME, self._samples / RATE)
        return NoteEvent(opened.start * FRAME, ends, pitch, opened.confidence, opened.level, bends)
