"""Posteriors as a compact file, and notes from it with other thresholds.

The file holds what `find_notes` reads: posteriors in steps of 1/255, and the power spectrum in
steps of 1 dB up to 6.4 kHz. Values that no note can depend on are 0, so that they take no space:
frames and pitches far from any posterior of at least `MIN_THRESHOLD`. Chunks of frames, each
compressed by zlib, are followed by the pitch curve, if the monophonic tracker was tried, and by a
header as JSON, its length and a magic number.
"""

import mmap
import struct
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from contracts.base import Message
from contracts.midi import Tracker
from kit.arrays import F32
from kit.notes import monophonic
from kit.notes.assembly import NoteAssembler, NoteEvent
from kit.notes.detection import BINS_PER_SEMITONE, LOWEST, PITCHES, Options, Posteriors
from kit.notes.monophonic import LineNote, PitchCurve
from kit.notes.notation import retuned
from kit.notes.partials import FRAME, bins_read

MIN_THRESHOLD = 0.2
"""Lowest onset and frame threshold with which notes can be decoded from a file."""
MAX_FILE_BYTES = 96 << 20
"""A larger file is not read: three hours of dense music."""
_MAX_CHUNK_FRAMES = 4096
_MARGIN_SECONDS = 4.0
"""Decoded before and after a requested range, so that notes do not depend on the range."""

_MAGIC = b"CDNP"
_STEPS = 255
_DB = 1.0
# The network's posteriors of silence are 0.1, so lower values say nothing.
_ACTIVE = 0.18
_MIN_CONTOUR = 0.13
_BEFORE, _AFTER = 12, 86
"""Frames around an active one whose spectrum is kept: context, and two seconds of release tail."""
_CONTOUR_REACH = 6
_SPECTRUM_BINS = 592
_FLOOR_DB = -70.0
_COLUMNS = (PITCHES, PITCHES, PITCHES * BINS_PER_SEMITONE, _SPECTRUM_BINS)
_WIDTH = sum(_COLUMNS)
_FULL_BINS = 1025
# The pitch curve: pitch in 1/256 semitones (two bytes), confidence, level in half decibels.
_CURVE_COLUMNS, _PITCH_STEPS, _LEVEL_DB, _LOWEST_LEVEL = 4, 256, 0.5, -127.0
_LINE_FRAMES = 5168
"""Frames in which notes of a monophonic source are searched at once: 60 s."""
_LINE_MARGIN = 689
"""Frames after a requested range that are searched too, for the ends of its notes: 8 s."""
_RECENT_CHUNKS = 4
_SURE = 0.5
_LOUDNESS_FRAMES = 12

_Bytes = NDArray[np.uint8]
_Mask = NDArray[np.bool_]


class DamagedPosteriors(ValueError):
    """A file is not one of posteriors, or is damaged."""


class StoredOptions(Message):
    """How the notes that were written with the file were made from its posteriors."""

    version: Literal[1] = 1
    onset_threshold: float
    frame_threshold: float
    minimum_note_ms: float
    lowest: int
    highest: int
    legato: bool
    pitch_bends: bool
    tuning: float
    """Semitones by which the recording was retuned."""
    factor: float
    """Seconds of the recording in a second of the retuned one."""
    duration: float
    """Seconds of the retuned recording."""
    median_level: float
    """Median level of the notes in dB, which has the velocity 80."""
    tracker: Literal[Tracker.MONOPHONIC, Tracker.POLYPHONIC] = Tracker.POLYPHONIC
    line_tuning: float = 0.0
    """Semitones by which a monophonic source is sharp after the retuning."""
    curve_bytes: int = 0
    """Size of the pitch curve before the header."""


class PosteriorsWriter:
    """Writes a file of posteriors chunk by chunk."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._end: int | None = None

    def add(self, posteriors: Posteriors, spectrum: F32) -> None:
        """Write the next frames: posteriors and the [frames, bins] of `partials.power`."""
        for first in range(0, len(posteriors), _MAX_CHUNK_FRAMES):
            last = min(first + _MAX_CHUNK_FRAMES, len(posteriors))
            columns = _quantized(posteriors.cut(first, last), spectrum[first:last])
            # Differences along time of one column compress best.
            rows = np.ascontiguousarray(columns.T)
            rows[:, 1:] -= rows[:, :-1].copy()
            data = zlib.compress(rows.tobytes(), 6)
            self._file.write(struct.pack("<II", last - first, len(data)) + data)

    def finish(self, options: StoredOptions, curve: PitchCurve | None = None) -> None:
        """Write the pitch curve, if any, and the header, which end the file.

        Another call replaces both.
        """
        if self._end is None:
            self._end = self._file.tell()
        self._file.seek(self._end)
        self._file.truncate()
        packed = b"" if curve is None else _packed(curve)
        header = options.model_copy(update={"curve_bytes": len(packed)}).model_dump_json().encode()
        self._file.write(packed + header + struct.pack("<I", len(header)) + _MAGIC)
        self._file.flush()


@dataclass(frozen=True, slots=True)
class _Chunk:
    frames: int
    first: int
    at: int
    size: int


class StoredPosteriors:
    """The content of a file of posteriors.

    Raises
    ------
    DamagedPosteriors
        The bytes are not a whole file.
    """

    def __init__(self, data: bytes | mmap.mmap) -> None:
        self._data = data
        if len(data) < 8 or data[-4:] != _MAGIC:
            raise DamagedPosteriors("it does not end like a file of posteriors")
        (length,) = struct.unpack("<I", data[-8:-4])
        end = len(data) - 8 - length
        if end < 0:
            raise DamagedPosteriors("its header is longer than the file")
        try:
            self.options = StoredOptions.model_validate_json(data[end:-8])
        except ValidationError as error:
            raise DamagedPosteriors(f"its header is invalid: {error}") from error
        end -= self.options.curve_bytes
        if end < 0:
            raise DamagedPosteriors("its pitch curve is longer than the file")
        self._curve_at = end
        self._recent: deque[tuple[_Chunk, Posteriors, _Bytes]] = deque(maxlen=_RECENT_CHUNKS)
        self._chunks: list[_Chunk] = []
        at = first = 0
        while at < end:
            if at + 8 > end:
                raise DamagedPosteriors("a chunk is cut short")
            frames, size = struct.unpack("<II", data[at : at + 8])
            if not 0 < frames <= _MAX_CHUNK_FRAMES or at + 8 + size > end:
                raise DamagedPosteriors("a chunk has an impossible size")
            self._chunks.append(_Chunk(frames, first, at + 8, size))
            at, first = at + 8 + size, first + frames
        self.frames = first

    @property
    def seconds(self) -> float:
        """Length of the recording."""
        return self.options.duration * self.options.factor

    def decode(
        self,
        *,
        onset_threshold: float,
        frame_threshold: float,
        minimum_note_ms: float,
        start: float = 0.0,
        end: float | None = None,
    ) -> list[NoteEvent]:
        """Return the notes that start within a range of seconds, with these thresholds.

        Range of pitches, legato notes, bends and tuning are those of the file. Takes 3 ms for a
        second of music, so callers run it in a thread.
        """
        stored = self.options
        options = Options(
            onset_threshold=max(onset_threshold, MIN_THRESHOLD),
            frame_threshold=max(frame_threshold, MIN_THRESHOLD),
            minimum_frames=max(1, round(minimum_note_ms / 1000 / FRAME)),
            lowest=stored.lowest,
            highest=stored.highest,
            legato=stored.legato,
        )
        step = FRAME * stored.factor
        stop = self.seconds if end is None else min(end, self.seconds)
        if stored.tracker is Tracker.MONOPHONIC:
            return self._decode_line(options, start=start, end=stop)
        first = max(0, int((start - _MARGIN_SECONDS) / step))
        last = min(self.frames, int((stop + _MARGIN_SECONDS) / step) + 1)
        chunks = [c for c in self._chunks if c.first < last and c.first + c.frames > first]
        if not chunks:
            return []
        spectra = _SpectrumBuffer()
        assembler = NoteAssembler(options, spectra.read, follow_bends=stored.pitch_bends)
        notes: list[NoteEvent] = []
        for chunk in chunks:
            low, high = max(0, first - chunk.first), min(chunk.frames, last - chunk.first)
            posteriors, spectrum = self._read(chunk)
            spectra.add(spectrum[low:high])
            notes += assembler.add(posteriors.cut(low, high))
        notes += assembler.finish(stored.duration - first * FRAME)
        shifted = (
            NoteEvent(
                note.start + first * FRAME,
                note.end + first * FRAME,
                note.pitch,
                note.confidence,
                note.level,
                note.bends,
            )
            for note in notes
        )
        whole = (retuned(note, stored.tuning, stored.factor) for note in shifted)
        # Detection drops short notes before it looks for their decay, so some end up shorter. Those
        # of the file's own length stay; a greater one is what every note has.
        is_raised = minimum_note_ms > stored.minimum_note_ms
        shortest = minimum_note_ms / 1000 if is_raised else 0.0
        inside = (n for n in whole if start <= n.start < stop and n.end - n.start > shortest)
        return sorted(inside, key=lambda note: (note.start, note.pitch))

    def line(
        self, options: Options, *, first: int = 0, until: int | None = None
    ) -> Iterator[LineNote]:
        """Yield the notes of a monophonic source in order of time, a minute of frames at a time.

        Parameters
        ----------
        options
            See `find_line`; its pitches are not restricted.
        first, until
            Notes are searched from frame `first` on, up to the first one that begins at `until`.

        Raises
        ------
        DamagedPosteriors
            The file has no pitch curve, or is damaged.
        """
        curve = self.curve()
        until = self.frames if until is None else min(until, self.frames)
        while first < until:
            last = min(first + _LINE_FRAMES, until + _LINE_MARGIN, self.frames)
            onset, note = self._posteriors(first, last)
            begin = first
            notes = monophonic.find_line(
                curve.cut(begin, last), onset, note, partial(self._spectrum, begin), options
            )
            # The last note may go on after these frames: it is searched again from its start.
            is_open = last < self.frames and len(notes) > 1
            for line_note in notes[:-1] if is_open else notes:
                yield replace(line_note, start=begin + line_note.start, end=begin + line_note.end)
            first = begin + notes[-1].start if is_open else last

    def line_events(
        self, notes: Iterable[LineNote], options: Options, *, line_tuning: float
    ) -> list[NoteEvent]:
        """Convert the notes of a monophonic source; those outside the range of pitches are dropped.

        Parameters
        ----------
        notes
            See `line`.
        options
            The range of pitches. A note is dropped if its confidence is below what
            `onset_threshold` exceeds its default by: a threshold drops doubtful notes here, too.
        line_tuning
            See `StoredOptions`.
        """
        curve = self.curve()
        minimum = options.onset_threshold - Options().onset_threshold
        events = (
            self._event(note, curve, round(note.pitch - line_tuning))
            for note in notes
            if note.confidence >= minimum
        )
        return [
            retuned(event, self.options.tuning, self.options.factor)
            for event in events
            if options.lowest <= event.pitch <= options.highest
        ]

    def _decode_line(self, options: Options, *, start: float, end: float) -> list[NoteEvent]:
        step = FRAME * self.options.factor
        first = max(0, int((start - _MARGIN_SECONDS) / step))
        notes = self.line(options, first=first, until=int(end / step) + 1)
        events = self.line_events(notes, options, line_tuning=self.options.line_tuning)
        return [event for event in events if start <= event.start < end]

    def _event(self, note: LineNote, curve: PitchCurve, pitch: int) -> NoteEvent:
        bends = np.zeros(0, np.float32)
        part = curve.cut(note.start, note.end)
        if self.options.pitch_bends:
            sure = np.flatnonzero(part.confidence >= _SURE)
            pitches = part.pitch[sure] if len(sure) else np.full(1, note.pitch, np.float32)
            at = sure if len(sure) else np.zeros(1, np.int64)
            bends = np.clip(np.interp(np.arange(len(part)), at, pitches) - pitch, -2, 2)
        return NoteEvent(
            note.start * FRAME,
            min(note.end * FRAME, self.options.duration),
            pitch,
            note.confidence,
            float(part.level[:_LOUDNESS_FRAMES].max()),
            bends.astype(np.float32),
        )

    def curve(self) -> PitchCurve:
        """Return the pitch curve of all frames.

        Raises
        ------
        DamagedPosteriors
            The file has none, or it is damaged.
        """
        at = self._curve_at
        inflate = zlib.decompressobj()
        needed = self.frames * _CURVE_COLUMNS
        try:
            data = inflate.decompress(self._data[at : at + self.options.curve_bytes], needed)
        except zlib.error as error:
            raise DamagedPosteriors(f"its pitch curve cannot be decompressed: {error}") from error
        if not needed or len(data) != needed:
            raise DamagedPosteriors("its pitch curve is missing or cut short")
        rows = np.frombuffer(data, np.uint8).reshape(_CURVE_COLUMNS, self.frames)
        high, low, confidence, level = rows.astype(np.float32)
        return PitchCurve(
            ((high * 256 + low) / _PITCH_STEPS).astype(np.float32),
            (confidence / _STEPS).astype(np.float32),
            (level * _LEVEL_DB + _LOWEST_LEVEL).astype(np.float32),
        )

    def _posteriors(self, first: int, last: int) -> tuple[F32, F32]:
        """Return the onset and note posteriors of frames."""
        parts = [
            posteriors.cut(max(0, first - chunk.first), min(chunk.frames, last - chunk.first))
            for chunk, posteriors, _ in self._between(first, last)
        ]
        onset = np.concatenate([part.onset for part in parts])
        return onset, np.concatenate([part.note for part in parts])

    def _spectrum(self, begin: int, first: int, last: int) -> F32:
        """Return the power spectrum of frames, counted from `begin`."""
        first, last = begin + first, begin + last
        rows = [
            spectrum[max(0, first - chunk.first) : min(chunk.frames, last - chunk.first)]
            for chunk, _, spectrum in self._between(first, last)
        ]
        spectrum: F32 = _power_table()[np.concatenate(rows)]
        return spectrum

    def _between(self, first: int, last: int) -> Iterator[tuple[_Chunk, Posteriors, _Bytes]]:
        """Yield the chunks that overlap a range of frames."""
        for chunk in self._chunks:
            if chunk.first < last and chunk.first + chunk.frames > first:
                kept = next((read for read in self._recent if read[0] is chunk), None)
                if kept is None:
                    kept = (chunk, *self._read(chunk))
                    self._recent.append(kept)
                yield kept

    def _read(self, chunk: _Chunk) -> tuple[Posteriors, _Bytes]:
        needed = chunk.frames * _WIDTH
        inflate = zlib.decompressobj()
        try:
            data = inflate.decompress(self._data[chunk.at : chunk.at + chunk.size], needed)
        except zlib.error as error:
            raise DamagedPosteriors(f"a chunk cannot be decompressed: {error}") from error
        if len(data) != needed:
            raise DamagedPosteriors("a chunk is cut short")
        rows = np.frombuffer(data, np.uint8).reshape(_WIDTH, chunk.frames)
        columns = np.cumsum(rows, axis=1, dtype=np.uint8).T
        onset, note, contour, spectrum = np.split(columns, np.cumsum(_COLUMNS)[:-1], axis=1)
        scale = np.float32(1 / _STEPS)
        return (
            Posteriors(onset * scale, note * scale, contour * scale),
            np.ascontiguousarray(spectrum),
        )


@dataclass(slots=True)
class _SpectrumBuffer:
    """Spectra of the frames that the assembler may still read."""

    _rows: list[_Bytes] = field(default_factory=list)
    _first: int = 0

    def add(self, rows: _Bytes) -> None:
        self._rows.append(rows)

    def read(self, first: int, frames: int) -> F32:
        rows = np.concatenate(self._rows)[first - self._first :]
        self._rows, self._first = [rows], first
        spectrum: F32 = _power_table()[rows[:frames]]
        return spectrum


@cache
def _power_table() -> F32:
    decibels = np.arange(256, dtype=np.float32) * _DB + np.float32(_FLOOR_DB)
    table: F32 = (10 ** (decibels / 10)).astype(np.float32)
    table[0] = 0
    return table


def _quantized(posteriors: Posteriors, spectrum: F32) -> _Bytes:
    """Return [frames, `_WIDTH`]: onset, note, contour, spectrum."""
    active = posteriors.note >= _ACTIVE
    near = _widened(active, _BEFORE, _BEFORE)
    sounding = _widened(active, _BEFORE, _AFTER)
    bins = (sounding.astype(np.float32) @ _bin_mask()) > 0
    third = np.repeat(near, BINS_PER_SEMITONE, axis=1)
    contour = _widened(third.T, _CONTOUR_REACH, _CONTOUR_REACH).T
    contour &= posteriors.contour >= _MIN_CONTOUR
    decibels = 10 * np.log10(spectrum[:, :_SPECTRUM_BINS] + np.float32(1e-7))
    levels = np.clip(np.round((decibels - _FLOOR_DB) / _DB), 0, 255) * bins
    return np.concatenate(
        [
            _steps(posteriors.onset * near),
            _steps(posteriors.note * near),
            _steps(posteriors.contour * contour),
            levels.astype(np.uint8),
        ],
        axis=1,
    )


def _steps(values: F32) -> _Bytes:
    return np.round(np.clip(values, 0, 1) * _STEPS).astype(np.uint8)


def _widened(mask: _Mask, before: int, after: int) -> _Mask:
    """Set the frames up to `before` before a set one and up to `after` after it, [frames, n]."""
    counts = np.pad(np.cumsum(mask, axis=0), ((after + 1, before), (0, 0)), mode="edge")
    counts[: after + 1] = 0
    widened: _Mask = np.greater(counts[after + 1 + before :], counts[: len(mask)])
    return widened


@cache
def _bin_mask() -> F32:
    """Return [88, bins]: 1 where the detection of a pitch reads the spectrum."""
    mask = np.zeros((PITCHES, _SPECTRUM_BINS), np.float32)
    for row in range(PITCHES):
        mask[row, sorted(bins_read(row + LOWEST))] = 1
    return mask


def _packed(curve: PitchCurve) -> bytes:
    """Compress a pitch curve, column by column."""
    pitch = np.clip(np.round(curve.pitch * _PITCH_STEPS), 0, 65_535).astype(np.uint16)
    level = np.clip(np.round((curve.level - _LOWEST_LEVEL) / _LEVEL_DB), 0, 255)
    columns = [pitch >> 8, pitch & 255, _steps(curve.confidence), level]
    return zlib.compress(b"".join(column.astype(np.uint8).tobytes() for column in columns), 6)
