"""File names of a bundle: by one template, legal on every system, unique."""

import re
import unicodedata
from collections.abc import Mapping

MAX_CHARACTERS = 100
"""Of a file name with its suffix."""
_MAX_BYTES = 240
"""Of a file name in UTF-8: file systems allow 255."""
_ILLEGAL = frozenset('<>:"/\\|?*')
_RESERVED = frozenset(
    ("con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10)))
)
"""Names of devices on Windows, with any suffix."""
_MISSING = "\0"
_SEPARATORS = " _.-"


def key_name(key: str, *, sharps: str) -> str:
    """Return a key as musicians write it: `F#m` for `F#:min`, or `Fsm` with sharps as `s`."""
    tonic, _, mode = key.partition(":")
    return tonic.replace("#", sharps) + ("m" if mode == "min" else "")


def tempo_name(bpm: float) -> str:
    """Return a tempo in beats per minute with at most one decimal: `128`, `93.5`."""
    return f"{round(bpm, 1):g}"


def fill_template(template: str, values: Mapping[str, str]) -> str:
    """Fill in a name template.

    Parameters
    ----------
    template
        Text with fields such as `{name}`.
    values
        The value of each field. Of an absent or empty one the separators after it, spaces and
        `_ . -`, are left out as well.
    """

    def value_of(field: re.Match[str]) -> str:
        return values.get(field[1], "").strip().replace(_MISSING, "") or _MISSING

    text = re.sub(r"\{(\w+)\}", value_of, template)
    text = re.sub(rf"{_MISSING}[{re.escape(_SEPARATORS)}]*", "", text)
    return text.strip(_SEPARATORS)


def legal_name(text: str, *, max_characters: int = MAX_CHARACTERS) -> str:
    """Return a text as a file name that Windows, macOS and Linux accept, without a suffix.

    Illegal characters become `_`, names of devices get one, and what is too long is cut.
    """
    name = "".join(_legal(character) for character in unicodedata.normalize("NFC", text))
    name = " ".join(name.split())[:max_characters]
    name = name.encode()[:_MAX_BYTES].decode(errors="ignore").strip(" .") or "untitled"
    return f"{name[: max_characters - 1]}_" if name.split(".")[0].lower() in _RESERVED else name


def _legal(character: str) -> str:
    if character in _ILLEGAL:
        return "_"
    kind = unicodedata.category(character)
    turns = unicodedata.bidirectional(character) in (
        *("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"),
    )
    if kind in ("Zl", "Zp") or character.isspace():
        return " "
    return "" if turns or kind in ("Cc", "Cs", "Cn") else character


class NamePool:
    """Gives names that differ in more than case, by a number where they would not."""

    def __init__(self, *, reserve: int = 8) -> None:
        """Keep `reserve` characters for a suffix such as `.flac`."""
        self._max = MAX_CHARACTERS - reserve
        self._used: set[str] = set()

    def take(self, text: str) -> str:
        """Return a legal name for a text that no earlier call returned."""
        name = candidate = legal_name(text, max_characters=self._max)
        number = 1
        while _folded(candidate) in self._used:
            number += 1
            mark = f" {number}"
            candidate = legal_name(name, max_characters=self._max - len(mark)) + mark
        self._used.add(_folded(candidate))
        return candidate


def _folded(name: str) -> str:
    """Return a name as file systems compare it that ignore case and accents' encoding."""
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
