"""Pitches as frequencies, MIDI notes and names of keys."""

import math

_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_OTHER_NAMES = {
    **{"Db": "C#", "Eb": "D#", "Gb": "F#", "Ab": "G#", "Bb": "A#"},
    **{"Cb": "B", "Fb": "E", "E#": "F", "B#": "C"},
}
_OCTAVE = 12


def nearest_note(frequency: float) -> tuple[int, float]:
    """Return the nearest MIDI note of a frequency in Hz, and the deviation from it in cents.

    The note lies between 0 and 127; the deviation between -50 and 50 within that range. A at
    440 Hz is note 69.
    """
    exact = 69 + _OCTAVE * math.log2(frequency / 440)
    note = min(127, max(0, round(exact)))
    return note, 100 * (exact - note)


def tonic(key: str) -> int:
    """Return the pitch class of a key's tonic, 0 (C) to 11 (B); the key is such as `F#:min`.

    Raises
    ------
    ValueError
        It is not a key.
    """
    name = key.partition(":")[0]
    return _NAMES.index(_OTHER_NAMES.get(name, name))


def tonic_name(pitch_class: int) -> str:
    """Return the name of a pitch class, written with sharps; 0 and 12 are C."""
    return _NAMES[pitch_class % _OCTAVE]


def note_name(note: int) -> str:
    """Return the name of a MIDI note as most DAWs show it; 60 is C3."""
    return f"{tonic_name(note)}{note // _OCTAVE - 2}"
