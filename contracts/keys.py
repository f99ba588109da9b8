"""Names of musical keys, as people, tags and DJ programs write them."""

import re

from contracts.music import CamelotCode, KeyLabel

_KEY = re.compile(r"([a-g])([#♯b♭]?)(?::| )?(m|min|minor|maj|major|)", re.IGNORECASE)
_CAMELOT = re.compile(r"0?(1[0-2]|[1-9])([AB])", re.IGNORECASE)
_PITCH_CLASS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
KEY_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
"""The usual name of each pitch class from C, for keys."""


def read_camelot(text: str) -> CamelotCode | None:
    """Return the Camelot code of a key: `Am`, `F#m`, `Bb`, `C minor`, `A:min` or `8A`.

    `None` if the text is no key. A letter alone is a major key.
    """
    text = text.strip()
    if code := _CAMELOT.fullmatch(text):
        return f"{code[1]}{code[2].upper()}"
    if (match := _KEY.fullmatch(text)) is None:
        return None
    # Of the letters only M tells minor from major by its case: `CM` is C major.
    minor = match[3] == "m" or match[3].lower() in ("min", "minor")
    accidental = {"": 0, "#": 1, "♯": 1}.get(match[2], -1)
    pitch_class = _PITCH_CLASS[match[1].upper()] + accidental + (3 if minor else 0)
    return f"{(7 * pitch_class + 7) % 12 + 1}{'A' if minor else 'B'}"


def key_of_camelot(camelot: CamelotCode) -> KeyLabel:
    """Return the key of a Camelot code: `A:min` for `8A`."""
    # One step on the wheel is a fifth: seven semitones. 8B is C major, 8A is A minor.
    number, minor = int(camelot[:-1]), camelot[-1] == "A"
    pitch_class = (7 * (number - 8) - (3 if minor else 0)) % 12
    return f"{KEY_NAMES[pitch_class]}:{'min' if minor else 'maj'}"
