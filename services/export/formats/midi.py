"""Standard MIDI Files of type 1: a tempo track, and a track for each stem."""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal

import mido

from contracts.midi import Note, PedalPress
from contracts.transcribe import LyricLine
from kit.notes.pedals import SUSTAIN, pedal_moves
from kit.signal.tempo_grid import TICKS_PER_BEAT, Grid
from services.export.bundle import StemTrack

DRUM_CHANNEL = 9
"""MIDI channel 10, counted from 0."""
BEND_RANGE = 2
"""Pitch bend range in semitones, set on every channel."""
_CHANNELS = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)
_FULL_BEND = 8192
_BEND_STEP = 0.04
"""Semitones by which a bend changes at least before it is written again."""
_SHORTEST = 1
"""Ticks: a note of length 0 would start after its end."""
_Event = tuple[int, int, mido.Message]
"""Tick, order within the tick, message."""


@dataclass(frozen=True, slots=True)
class Quantisation:
    """A grid of note values to which starts of notes are moved."""

    steps_per_beat: int = 4
    """4 are sixteenths."""
    swing: float = 0.5
    """Where the second of two steps lies between the first and the third: 0.5 is straight."""


@dataclass(frozen=True, slots=True)
class WordTrack:
    """A track of words."""

    name: str
    events: tuple[tuple[float, str], ...]
    """Seconds and texts."""
    type: Literal["lyrics", "text"] = "lyrics"
    """The meta event that the words are: `text` in karaoke files."""
    head: tuple[str, ...] = ()
    """Text events at the beginning of the track."""


def word_events(lyrics: Sequence[LyricLine]) -> tuple[tuple[float, str], ...]:
    """Return the words of lines with their seconds; the first of a line begins with `/`."""
    events: list[tuple[float, str]] = []
    for line in lyrics:
        if not line.words:
            events.append((line.start, f"/{line.text}"))
        for number, word in enumerate(line.words):
            mark = "/" if number == 0 else (" " if word.space_before else "")
            events.append((word.start, f"{mark}{word.text}"))
    return tuple(events)


def quantise_notes(
    notes: Sequence[Note], grid: Grid, quantisation: Quantisation
) -> tuple[Note, ...]:
    """Return notes whose starts lie on a grid of note values.

    The lengths stay, as far as the next note of the same pitch allows. Of notes that fall on one
    step with one pitch the loudest stays.
    """
    moved: dict[tuple[int, int], Note] = {}
    for note in notes:
        step = _nearest_step(grid.ticks(note.start), quantisation)
        start = max(0.0, grid.seconds(_tick_of(step, quantisation)))
        new = note.model_copy(update={"start": start, "end": start + (note.end - note.start)})
        known = moved.get((step, note.pitch))
        if known is None or new.velocity > known.velocity:
            moved[step, note.pitch] = new
    ordered = sorted(moved.values(), key=lambda note: (note.pitch, note.start))
    for index in range(len(ordered) - 1):
        note, following = ordered[index], ordered[index + 1]
        if following.pitch == note.pitch and note.end > following.start:
            ordered[index] = note.model_copy(update={"end": following.start})
    return tuple(sorted(ordered, key=lambda note: (note.start, note.pitch)))


def _nearest_step(tick: float, quantisation: Quantisation) -> int:
    middle = round(tick / TICKS_PER_BEAT * quantisation.steps_per_beat)
    near = (step for step in (middle - 1, middle, middle + 1) if step >= 0)
    return min(near, key=lambda step: abs(_tick_of(step, quantisation) - tick), default=0)


def _tick_of(step: int, quantisation: Quantisation) -> float:
    ticks = TICKS_PER_BEAT / quantisation.steps_per_beat
    late = (2 * quantisation.swing - 1) * ticks if step % 2 else 0.0
    return step * ticks + late


def midi_file(
    tracks: Sequence[StemTrack],
    grid: Grid,
    *,
    markers: Sequence[tuple[float, str]] = (),
    words: Sequence[WordTrack] = (),
    pitch_bends: bool = True,
    end: int = 0,
) -> bytes:
    """Return a Standard MIDI File whose events lie at the song's seconds, to half a tick.

    Texts are in UTF-8.

    Parameters
    ----------
    tracks
        Those with notes become tracks, in order. Drums use channel 10; the 15 other channels are
        divided among the others, one or more for each, which share them if there are more.
    grid
        Tempo map and metre.
    markers
        Times in seconds, and texts.
    words
        Written before the other tracks.
    pitch_bends
        Whether to write bends. Overlapping notes of a track that bend need a channel each; those
        for which none is left do not bend.
    end
        The tick at which the file ends, if that is after its last event.
    """
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT, charset="utf-8")
    file.tracks.append(_track((), _conductor(grid, markers), end=end))
    file.tracks += [_words(track, grid) for track in words]
    sounding = [track for track in tracks if track.notes]
    pitched = sum(not track.drums for track in sounding)
    share = max(1, len(_CHANNELS) // max(1, pitched))
    first = 0
    for track in sounding:
        channels: Sequence[int] = (DRUM_CHANNEL,)
        if not track.drums:
            channels = [_CHANNELS[n % len(_CHANNELS)] for n in range(first, first + share)]
            first += share
        file.tracks.append(_stem_track(track, grid, channels, pitch_bends=pitch_bends))
    written = io.BytesIO()
    file.save(file=written)
    return written.getvalue()


def _conductor(grid: Grid, markers: Sequence[tuple[float, str]]) -> Iterator[_Event]:
    for change in grid.changes:
        yield change.tick, 0, mido.MetaMessage("set_tempo", tempo=change.beat)
    for tick, beats, note in grid.meters:
        yield tick, 1, mido.MetaMessage("time_signature", numerator=beats, denominator=note)
    for seconds, text in markers:
        yield _tick(grid, seconds), 2, mido.MetaMessage("marker", text=text)


def _words(track: WordTrack, grid: Grid) -> mido.MidiTrack:
    head = [mido.MetaMessage("track_name", name=track.name)]
    head += [mido.MetaMessage("text", text=text) for text in track.head]
    events = (
        (_tick(grid, seconds), 0, mido.MetaMessage(track.type, text=text))
        for seconds, text in track.events
    )
    return _track(head, events)


def _stem_track(
    track: StemTrack, grid: Grid, channels: Sequence[int], *, pitch_bends: bool
) -> mido.MidiTrack:
    head = [mido.MetaMessage("track_name", name=track.name)]
    bends = pitch_bends and not track.drums
    placed = _place(track.notes, channels if bends else channels[:1], bends=bends)
    used = sorted({channel for _, channel, _ in placed})
    for channel in used:
        if track.drums:
            continue
        # Registered parameter 0 is the bend range; 127/127 deselects it.
        for control, value in (
            *((101, 0), (100, 0), (6, BEND_RANGE), (38, 0)),
            *((101, 127), (100, 127)),
        ):
            head.append(
                mido.Message("control_change", channel=channel, control=control, value=value)
            )
        head.append(mido.Message("program_change", channel=channel, program=track.program or 0))
    events = chain(
        _note_events(placed, grid, track.bend_interval), _pedal_events(track.pedals, used, grid)
    )
    return _track(head, events)


def _pedal_events(
    pedals: Sequence[PedalPress], channels: Sequence[int], grid: Grid
) -> Iterator[_Event]:
    for channel in channels:
        for tick, order, value in pedal_moves(pedals, grid):
            message = mido.Message("control_change", channel=channel, control=SUSTAIN, value=value)
            yield tick, order, message


def _place(
    notes: Sequence[Note], channels: Sequence[int], *, bends: bool
) -> list[tuple[Note, int, bool]]:
    """Return each note with its channel, and whether it may bend there."""
    free_from = dict.fromkeys(channels, -1.0)
    placed = []
    for note in sorted(notes, key=lambda note: (note.start, note.pitch)):
        free = [channel for channel in channels if free_from[channel] <= note.start]
        channel = free[0] if free else min(channels, key=lambda channel: free_from[channel])
        placed.append((note, channel, bends and bool(free) and bool(note.bends)))
        free_from[channel] = max(free_from[channel], note.end)
    return placed


def _note_events(
    placed: Iterable[tuple[Note, int, bool]], grid: Grid, bend_interval: float
) -> Iterator[_Event]:
    for note, channel, bent in placed:
        start = _tick(grid, note.start)
        end = max(_tick(grid, note.end), start + _SHORTEST)
        message = mido.Message("note_on", channel=channel, note=note.pitch, velocity=note.velocity)
        yield start, 3, message
        yield end, 0, mido.Message("note_off", channel=channel, note=note.pitch, velocity=0)
        if not bent:
            continue
        yield end, 1, mido.Message("pitchwheel", channel=channel, pitch=0)
        last = 0.0
        for number, semitones in enumerate(note.bends):
            tick = max(start, _tick(grid, note.start + number * bend_interval))
            if tick < end and abs(semitones - last) >= _BEND_STEP:
                last = semitones
                pitch = max(-_FULL_BEND, round(semitones / BEND_RANGE * _FULL_BEND))
                pitch = min(_FULL_BEND - 1, pitch)
                yield tick, 2, mido.Message("pitchwheel", channel=channel, pitch=pitch)


def _tick(grid: Grid, seconds: float) -> int:
    return max(0, round(grid.ticks(seconds)))


def _track(
    head: Iterable[mido.Message], events: Iterable[_Event], *, end: int = 0
) -> mido.MidiTrack:
    """Return a track of initial messages and events in order, with delta times."""
    track = mido.MidiTrack(head)
    now = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        message.time = tick - now
        track.append(message)
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=max(0, end - now)))
    return track


def quantised(track: StemTrack, grid: Grid, quantisation: Quantisation) -> StemTrack:
    """Return a track whose notes lie on a grid of note values; see `quantise_notes`."""
    return replace(track, notes=quantise_notes(track.notes, grid, quantisation))
