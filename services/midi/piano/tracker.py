"""Join the notes of overlapping segments of audio of any length, in constant memory of audio."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from kit.arrays import AudioBlock
from services.midi.piano.heads import PianoNote
from services.midi.piano.network import PianoNetwork
from services.midi.piano.shape import HOP, RATE, SEGMENT_SAMPLES, TRACKS

STEP_FRAMES = 517
"""Frames from one segment to the next, 12 s: a quarter of a segment overlaps the next."""
STEP = STEP_FRAMES * HOP
"""Samples from one segment to the next."""
BEFORE = 4 * RATE
"""Samples of silence before the audio: as long as segments overlap."""
_FIRST_FRAME = BEFORE // HOP
_LAST_FRAME = round(SEGMENT_SAMPLES / HOP)
"""The last frame that lies in a segment."""


@dataclass(frozen=True, slots=True)
class PianoEvent:
    """A note or a pressed pedal of the recording.

    Attributes
    ----------
    track
        A MIDI note, or a controller as a negative number.
    start, end
        Seconds.
    velocity
        0 to 127.
    confidence
        Its probability against nothing in its place, 0 to 1.
    """

    track: int
    start: float
    end: float
    velocity: int
    confidence: float


@dataclass(slots=True)
class _Open:
    """The latest event of a track; `ends` says whether its end is known."""

    event: PianoEvent
    ends: bool


@dataclass(slots=True)
class PianoTranscriber:
    """Turns a stream of audio into notes and pedals.

    Parameters
    ----------
    network
        Finds the notes of a segment.
    channels
        Channels of the audio.
    """

    network: PianoNetwork
    channels: int
    _pending: AudioBlock = field(init=False)
    """Audio from the start of the next segment on."""
    _first: int = -BEFORE
    """Sample of the audio at which that segment begins."""
    _starts: list[int] = field(default_factory=lambda: [_FIRST_FRAME] * len(TRACKS))
    _latest: list[_Open | None] = field(default_factory=lambda: [None] * len(TRACKS))

    def __post_init__(self) -> None:
        self._pending = np.zeros((self.channels, BEFORE), np.float32)

    def feed(self, block: AudioBlock) -> Iterator[PianoEvent]:
        """Process more audio, `[channels, samples]` at `RATE`, and yield complete events."""
        self._pending = np.concatenate([self._pending, block], axis=1)
        while self._pending.shape[1] >= SEGMENT_SAMPLES:
            yield from self._segment()

    def finish(self) -> Iterator[PianoEvent]:
        """Process the end of the audio and yield the remaining events."""
        while self._pending.shape[1]:
            yield from self._segment()
        for latest in self._latest:
            # What still sounds at the end of the recording ends there.
            if latest is not None and latest.event.start < latest.event.end:
                yield latest.event

    def _segment(self) -> Iterator[PianoEvent]:
        audio = self._pending[:, :SEGMENT_SAMPLES]
        missing = SEGMENT_SAMPLES - audio.shape[1]
        segment = np.pad(audio, ((0, 0), (0, missing))) if missing else audio
        for number, notes in enumerate(self.network.run(segment, self._starts)):
            yield from self._join(number, notes)
        self._pending = self._pending[:, STEP:]
        self._first += STEP

    def _join(self, number: int, notes: list[PianoNote]) -> Iterator[PianoEvent]:
        """Add the notes of a track in a segment to those before it."""
        last_end = 0.0
        complete = 0
        for note in notes:
            start = max(note.start * HOP / RATE, last_end)
            last_end = end = max(note.end * HOP / RATE, start + 1e-8)
            begins = note.interval.begin > 0 or note.has_onset
            ends = note.interval.end < _LAST_FRAME or note.has_end
            if ends:
                complete = note.interval.end
            shift = self._first / RATE
            start = max(start + shift, 0.0)
            event = PianoEvent(
                TRACKS[number],
                start,
                max(end + shift, start),
                note.velocity,
                float(1 / (1 + np.exp(-np.float64(note.interval.score)))),
            )
            yield from self._add(number, event, begins=begins, ends=ends)
        self._starts[number] = max(complete - STEP_FRAMES, 0)

    def _add(
        self, number: int, event: PianoEvent, *, begins: bool, ends: bool
    ) -> Iterator[PianoEvent]:
        """Make an event the latest of its track, or a part of the latest one.

        Each segment begins at the last complete note of the one before, so an incomplete note is
        found again: then it begins again, or goes on from the border.
        """
        latest = self._latest[number]
        overlaps = latest is not None and event.start < latest.event.end
        if latest is not None and overlaps and not begins:
            whole = replace(latest.event, end=max(event.end, latest.event.end))
            self._latest[number] = _Open(whole, ends)
            return
        if not begins:
            return
        # An incomplete note that is not found again was none.
        if latest is not None and latest.ends:
            before = replace(latest.event, end=min(latest.event.end, event.start))
            if before.start < before.end:
                yield before
        self._latest[number] = _Open(event, ends)
