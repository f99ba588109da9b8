"""The notes of a song's stems as the parts of one file, on the song's own beats."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contracts.analysis import Analysis
from contracts.midi import Notes
from contracts.music import Stem
from services.midi.streaming import NoteEvent
from services.midi.tempo import Grid, follow
from services.midi.writers import CHANNELS, DRUM_CHANNEL, Part, Played, spread

_ORDER = (
    Stem.VOCALS,
    Stem.GUITAR,
    Stem.PIANO,
    Stem.OTHER,
    Stem.ACCOMPANIMENT,
    Stem.MIX,
    Stem.BASS,
    Stem.DRUMS,
)
_MAX_PARTS = len(CHANNELS)


@dataclass(frozen=True, slots=True)
class SpecBody:
    """The notes of one stem."""

    notes: Notes
    stem: Stem | None

    @property
    def drums(self) -> bool:
        """Whether they lie on the channel of drums."""
        return self.notes.program is None


class TooManyParts(ValueError):
    """More instruments than a file has channels."""


def arrange(given: Sequence[SpecBody], *, pitch_bends: bool) -> list[tuple[SpecBody, Part]]:
    """Turn the notes of stems into parts.

    Parameters
    ----------
    given
        Notes of stems; what has none is left out. Several may be of one stem.
    pitch_bends
        Whether notes may bend. The 15 channels of instruments are then shared out evenly, and bends
        go as far as they reach.

    Returns
    -------
    list
        As a score is read: voices first, drums last.

    Raises
    ------
    TooManyParts
        There are more than 15 besides drums.
    """
    some = sorted((one for one in given if one.notes.notes), key=_place)
    pitched = [one for one in some if not one.drums]
    if len(pitched) > _MAX_PARTS:
        raise TooManyParts(
            f"MIDI has channels for {_MAX_PARTS} instruments, and there are {len(pitched)} parts"
        )
    share = len(CHANNELS) // max(1, len(pitched))
    parts: list[tuple[SpecBody, Part]] = []
    names: dict[str, int] = {}
    for one in some:
        base = _name(one)
        names[base] = names.get(base, 0) + 1
        name = base if names[base] == 1 else f"{base} {names[base]}"
        if one.drums:
            parts.append((one, Part(name, _struck(one.notes), 0)))
            continue
        first = share * [id(other) for other in pitched].index(id(one))
        own = CHANNELS[first : first + share]
        played = spread(_sung(one.notes), own, pitch_bends=pitch_bends)
        parts.append((one, Part(name, played, one.notes.program or 0)))
    return parts


def grid_of(analysis: Analysis | None) -> Grid | None:
    """Return the grid of an analysed song; none where its beats are not known."""
    if analysis is None or analysis.tempo is None or len(analysis.beats) < 2:
        return None
    times = [beat.time for beat in analysis.beats]
    if np.any(np.diff(times) <= 0):
        return None
    first = next((i for i, beat in enumerate(analysis.beats) if beat.position == 1), 0)
    return follow(times, first, analysis.tempo.beats_per_bar)


def markers_of(analysis: Analysis | None) -> list[tuple[float, str]]:
    """Return where the parts of the form begin, and their letters."""
    if analysis is None:
        return []
    return [(section.start, section.label) for section in analysis.sections]


def _place(one: SpecBody) -> tuple[int, bool]:
    place = _ORDER.index(one.stem) if one.stem in _ORDER else len(_ORDER) - 2
    return place, one.drums


def _name(one: SpecBody) -> str:
    if one.drums:
        return "Drums"
    return one.stem.value.capitalize() if one.stem else "Notes"


def _sung(notes: Notes) -> list[tuple[NoteEvent, int]]:
    return [
        (
            NoteEvent(
                one.start, one.end, one.pitch, one.confidence, 0.0, np.array(one.bends, np.float32)
            ),
            one.velocity,
        )
        for one in notes.notes
    ]


def _struck(notes: Notes) -> list[Played]:
    return [Played(note, velocity, DRUM_CHANNEL, bent=False) for note, velocity in _sung(notes)]
