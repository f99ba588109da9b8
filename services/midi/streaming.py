"""Transcribe audio of any length in constant memory: audio in, the notes of its windows out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from kit.arrays import F32
from kit.notes import partials
from kit.notes.assembly import STRETCH, NoteAssembler, NoteEvent
from kit.notes.detection import Options, Posteriors
from kit.notes.partials import HOP, RATE
from services.midi.engine import BATCH, EDGE, STEP, WINDOW, PosteriorNetwork


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
    on_frames
        Called once for each frame, in order, with posteriors and the power spectrum of the same
        frames.
    """

    engine: PosteriorNetwork
    options: Options
    follow_bends: bool = True
    stretch: int = STRETCH
    on_frames: Callable[[Posteriors, F32], None] | None = None
    _assembler: NoteAssembler = field(init=False)
    _pending: F32 = field(default_factory=lambda: np.zeros(EDGE, np.float32))
    """Audio that does not fill a window yet; it begins `EDGE` samples before the next frame."""
    _samples: int = 0
    _audio: F32 = field(default_factory=lambda: np.zeros(0, np.float32))
    _audio_first: int = 0
    """Frame at which `_audio` begins."""

    def __post_init__(self) -> None:
        self._assembler = NoteAssembler(
            self.options,
            self._spectrum,
            follow_bends=self.follow_bends,
            stretch=self.stretch,
            on_frames=self.on_frames,
        )

    def feed(self, block: F32) -> Iterator[NoteEvent]:
        """Process more audio, `[samples]`, and yield the notes that are complete."""
        self._samples += len(block)
        self._pending = np.concatenate([self._pending, block])
        self._audio = np.concatenate([self._audio, block])
        span = WINDOW + (BATCH - 1) * STEP
        while len(self._pending) >= span:
            yield from self._assembler.add(self._infer(BATCH))

    def finish(self) -> Iterator[NoteEvent]:
        """Process the end of the audio and yield the remaining notes."""
        if not self._samples:
            return
        frames_total = -(-self._samples // HOP)
        while self._assembler.frames < frames_total:
            left = frames_total - self._assembler.frames
            count = min(BATCH, -(-left * HOP // STEP))
            short = WINDOW + (count - 1) * STEP - len(self._pending)
            if short > 0:
                self._pending = np.concatenate([self._pending, np.zeros(short, np.float32)])
            posteriors = self._infer(count)
            yield from self._assembler.add(posteriors.cut(0, min(left, len(posteriors))), ends=True)
        yield from self._assembler.finish(self._samples / RATE)

    def _infer(self, count: int) -> Posteriors:
        starts = np.arange(count) * STEP
        windows = np.stack([self._pending[start : start + WINDOW] for start in starts])
        self._pending = self._pending[count * STEP :]
        return self.engine.run(windows)

    def _spectrum(self, first: int, frames: int) -> F32:
        """Return the power spectrum from a frame on; audio before it is no longer needed."""
        self._audio = self._audio[(first - self._audio_first) * HOP :]
        self._audio_first = first
        return partials.power(self._audio, frames)
