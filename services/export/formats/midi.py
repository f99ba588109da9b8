"""Standard MIDI Files of type 1: a tempo track, and a track for each stem."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import mido

from contracts.midi import Note
from contracts.transcribe import LyricLine
from kit.notes.midi_file import (
    CHANNELS,
    DRUM_CHANNEL,
    PlacedNote,
    assign_channels,
    conductor,
    note_track,
    tick_of,
    track_of,
)
from kit.signal.tempo_grid import TICKS_PER_BEAT, Grid
from services.export.bundle import StemTrack


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
    file.tracks.append(track_of((), conductor(grid, markers), end=end))
    file.tracks += [_words(track, grid) for track in words]
    sounding = [track for track in tracks if track.notes]
    pitched = sum(not track.drums for track in sounding)
    share = max(1, len(CHANNELS) // max(1, pitched))
    first = 0
    for track in sounding:
        channels: Sequence[int] = (DRUM_CHANNEL,)
        if not track.drums:
            channels = [CHANNELS[n % len(CHANNELS)] for n in range(first, first + share)]
            first += share
        file.tracks.append(_stem_track(track, grid, channels, pitch_bends=pitch_bends))
    written = io.BytesIO()
    file.save(file=written)
    return written.getvalue()


def _words(track: WordTrack, grid: Grid) -> mido.MidiTrack:
    head = [mido.MetaMessage("track_name", name=track.name)]
    head += [mido.MetaMessage("text", text=text) for text in track.head]
    events = (
        (tick_of(grid, seconds), 0, mido.MetaMessage(track.type, text=text))
        for seconds, text in track.events
    )
    return track_of(head, events)


def _stem_track(
    track: StemTrack, grid: Grid, channels: Sequence[int], *, pitch_bends: bool
) -> mido.MidiTrack:
    notes = sorted(track.notes, key=lambda note: (note.start, note.pitch))
    spans = [(note.start, note.end, bool(note.bends)) for note in notes]
    bends = pitch_bends and not track.drums
    placed = [
        PlacedNote(
            note.start, note.end, note.pitch, note.velocity, channel, note.bends if bent else ()
        )
        for note, (channel, bent) in zip(
            notes, assign_channels(spans, channels, pitch_bends=bends), strict=True
        )
    ]
    return note_track(
        track.name,
        placed,
        grid,
        program=track.program or 0,
        bend_interval=track.bend_interval,
        pedals=track.pedals,
    )


def quantised(track: StemTrack, grid: Grid, quantisation: Quantisation) -> StemTrack:
    """Return a track whose notes lie on a grid of note values; see `quantise_notes`."""
    return replace(track, notes=quantise_notes(track.notes, grid, quantisation))
