"""The groove of a kit as a MIDI clip."""

from collections.abc import Sequence
from dataclasses import replace

from contracts.midi import Note
from contracts.music import Stem
from kit.signal.tempo_grid import DEFAULT_TEMPO, TICKS_PER_BEAT, even
from services.export.bundle import Kit, StemTrack
from services.export.formats.midi import midi_file


def groove_clip(kit: Kit) -> bytes:
    """Return a kit's groove as a Standard MIDI File at the kit's tempo, on channel 10.

    Parameters
    ----------
    kit
        With a groove. Starts are rounded to 1/960 of a beat, velocities are kept. The clip is
        `bars` long, or as many bars as its notes begin in. A note ends at the latest where the next
        one of its pad begins, because MIDI cannot say which of two equal notes ends; of notes that
        begin at once on one pad the longest stays.
    """
    grid = replace(even(kit.bpm or DEFAULT_TEMPO), beats_per_bar=kit.beats_per_bar)
    bar = kit.beats_per_bar * TICKS_PER_BEAT
    begun = max((round(grid.ticks(note.start)) // bar + 1 for note in kit.groove), default=1)
    track = StemTrack(
        name=kit.name, file_name=kit.name, stem=Stem.DRUMS, notes=_disjoint(kit.groove)
    )
    return midi_file([track], grid, end=(kit.bars or begun) * bar)


def _disjoint(notes: Sequence[Note]) -> tuple[Note, ...]:
    """Return notes of which no two of one pitch overlap."""
    following: dict[int, float] = {}
    kept = []
    for note in sorted(notes, key=lambda note: (note.start, note.end), reverse=True):
        end = following.get(note.pitch)
        if end is None or note.start < end:
            following[note.pitch] = note.start
            last = note.end if end is None else min(note.end, end)
            kept.append(note.model_copy(update={"end": last}))
    return tuple(reversed(kept))
