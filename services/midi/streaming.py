"""Notes of audio of any length in flat memory.

Posteriors and audio are kept for half a minute; then everything up to the quietest moment of the
later half is turned into notes and let go. A note that sounds on over that moment is held
open and goes on in the next stretch.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from kit.arrays import F32
from services.midi import dsp, partials
from services.midi.dsp import Found, Options, Posteriors
from services.midi.engine import BATCH, EDGE, STEP, WINDOW, Engine
from services.midi.partials import FRAME, HOP, RATE

STRETCH = 2584
"""Frames that are kept at most before notes are made of them: 30 s."""
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
        Power of its partials in its first moments, in dB of an arbitrary zero.
    bends
        Semitones from `pitch`, one every `partials.FRAME` seconds; empty when not wanted.
    """

    start: float
    end: float
    pitch: int
    confidence: float
    level: float
    bends: F32


@dataclass(slots=True)
class _Open:
    """A note that sounds over the end of a stretch; `start` counts from the audio's beginning."""

    start: int
    confidence: float
    frames: int
    heard: int
    """In how many of its frames the network heard it."""
    level: float
    bends: list[F32]


@dataclass(slots=True)
class Transcriber:
    """Turns a stream of mono audio at `partials.RATE` into notes.

    Parameters
    ----------
    engine
        What gives posteriors.
    options
        What counts as a note.
    follow_bends
        Whether notes carry their bends.
    stretch
        Frames that are kept at most.
    """

    engine: Engine
    options: Options
    follow_bends: bool = True
    stretch: int = STRETCH
    _pending: F32 = field(default_factory=lambda: np.zeros(EDGE, np.float32))
    """Audio that has not filled a window yet; it begins `EDGE` samples before the next frame."""
    _samples: int = 0
    _first: int = 0
    """Frame at which what is kept begins."""
    _context: int = 0
    """How many of the kept frames were turned into notes already."""
    _audio: F32 = field(default_factory=lambda: np.zeros(0, np.float32))
    _posteriors: list[Posteriors] = field(default_factory=list)
    _frames: int = 0
    _open: dict[int, _Open] = field(default_factory=dict)

    def feed(self, block: F32) -> Iterator[NoteEvent]:
        """Take more audio, `[samples]`, and yield the notes that are finished."""
        self._samples += len(block)
        self._pending = np.concatenate([self._pending, block])
        self._audio = np.concatenate([self._audio, block])
        span = WINDOW + (BATCH - 1) * STEP
        while len(self._pending) >= span:
            self._listen(BATCH)
            if self._frames >= self.stretch:
                yield from self._release(self._quiet_moment())

    def finish(self) -> Iterator[NoteEvent]:
        """Yield the notes that are left; the audio has ended."""
        if not self._samples:
            return
        wanted = -(-self._samples // HOP)
        while self._first + self._frames < wanted:
            left = wanted - self._first - self._frames
            count = min(BATCH, -(-left * HOP // STEP))
            short = WINDOW + (count - 1) * STEP - len(self._pending)
            if short > 0:
                self._pending = np.concatenate([self._pending, np.zeros(short, np.float32)])
            self._listen(count)
        self._posteriors = [self._kept().cut(0, wanted - self._first)]
        self._frames = wanted - self._first
        yield from self._release(None)

    def _listen(self, count: int) -> None:
        starts = np.arange(count) * STEP
        windows = np.stack([self._pending[start : start + WINDOW] for start in starts])
        heard = self.engine.run(windows)
        self._pending = self._pending[count * STEP :]
        self._posteriors.append(heard)
        self._frames += len(heard)

    def _kept(self) -> Posteriors:
        return Posteriors(
            np.concatenate([p.onset for p in self._posteriors]),
            np.concatenate([p.note for p in self._posteriors]),
            np.concatenate([p.contour for p in self._posteriors]),
        )

    def _quiet_moment(self) -> int:
        """Return the last frame of the later half at which the fewest notes sound."""
        kept = self._kept()
        sounding = (kept.note >= self.options.frame_threshold).sum(axis=1)
        struck = (kept.onset >= 0.5 * self.options.onset_threshold).sum(axis=1)
        around = np.convolve(sounding + 2 * struck, np.ones(2 * _SPREAD + 1), "same")
        begin, end = self._frames // 2, self._frames - _MARGIN
        return end - 1 - int(np.argmin(around[begin:end][::-1]))

    def _release(self, cut: int | None) -> Iterator[NoteEvent]:
        """Make notes of the kept frames before `cut`, or of all, and let the frames go."""
        kept = self._kept()
        frames = len(kept)
        # A little of what follows is looked at, so that ends near the cut are seen as they are.
        seen = frames if cut is None else min(cut + _MARGIN, frames)
        spectrum = partials.power(self._audio, seen)
        found = dsp.find_notes(
            kept.cut(0, seen),
            spectrum,
            self.options,
            begin=self._context,
            held=frozenset(self._open),
        )
        still_open: dict[int, _Open] = {}
        for note in found:
            continued = self._open.pop(note.pitch) if note.continued else None
            if cut is not None and note.start >= cut:
                continue
            end = min(note.end, cut) if cut is not None else note.end
            opened = self._extend(continued, note, end, kept, spectrum)
            if cut is not None and note.end > cut:
                still_open[note.pitch] = opened
            else:
                yield self._closed(note.pitch, opened)
        self._open = still_open
        if cut is not None:
            gone = max(0, cut - _CONTEXT)
            self._context = cut - gone
            self._posteriors = [kept.cut(gone, frames)]
            self._frames = frames - gone
            self._first += gone
            self._audio = self._audio[gone * HOP :]

    def _extend(
        self, opened: _Open | None, note: Found, end: int, kept: Posteriors, spectrum: F32
    ) -> _Open:
        length = end - note.start
        # What only rings on is no longer seen in the contour.
        heard = length if note.heard is None else min(note.heard - note.start, length)
        bends = [] if opened is None else opened.bends
        if self.follow_bends:
            seen = dsp.bends(kept.contour[note.start : note.start + heard], note.pitch)
            last = next((float(part[-1]) for part in (seen, *bends[::-1]) if len(part)), 0.0)
            bends = [*bends, np.pad(seen, (0, length - heard), constant_values=last)]
        if opened is None:
            rows = partials.partials(
                spectrum[note.start : note.start + _LOUDNESS_FRAMES], note.pitch
            )
            power = float(rows.sum(axis=0).max(initial=0.0)) if len(rows) else 0.0
            level = 10 * float(np.log10(power + 1e-9))
            start = self._first + note.start
            return _Open(start, note.confidence, length, heard, level, bends)
        total = opened.heard + heard
        mean = (opened.confidence * opened.heard + note.confidence * heard) / max(total, 1)
        return _Open(opened.start, mean, opened.frames + length, total, opened.level, bends)

    def _closed(self, pitch: int, opened: _Open) -> NoteEvent:
        bends = np.concatenate(opened.bends) if opened.bends else np.zeros(0, np.float32)
        ends = min((opened.start + opened.frames) * FRAME, self._samples / RATE)
        return NoteEvent(opened.start * FRAME, ends, pitch, opened.confidence, opened.level, bends)
