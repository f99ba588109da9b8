"""Pitches as frequencies, MIDI notes and names of keys."""

import math

_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_FLATS = {"Db": "C#", "Eb": "D#", "Gb": "F#", "Ab": "G#", "Bb": "A#", "Cb": "B", "Fb": "E"}
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
    return _NAMES.index(_FLATS.get(name, name))


def note_name(note: int) -> str:
    """Return the name of a MIDI note as most DAWs show it; 60 is C3."""
    return f"{_NAMES[note % _OCTAVE]}{note // _OCTAVE - 2}"
