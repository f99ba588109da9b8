"""The words of a text as the full-text index stores them and as queries ask for them.

Both databases index words that were split here, so that they agree on what a word is and no query
reaches their own parsers: a word consists of letters, digits and marks only.
"""

import unicodedata
from collections.abc import Iterator

from services.library.catalogue.artifacts import fold

MAX_WORD = 64
"""Characters of a word that are indexed."""
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FDF),  # CJK and Kangxi radicals
    (0x3005, 0x3007),  # Ideographic iteration mark and zero
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),  # Katakana phonetic extensions
    (0x3400, 0x4DBF),  # CJK extension A
    (0x4E00, 0x9FFF),  # CJK
    (0xF900, 0xFAFF),  # CJK compatibility
    (0x20000, 0x3FFFF),  # CJK extensions B and further
)
"""Ranges of code points of scripts that put no spaces between words."""


def words_of(text: str, *, max_length: int | None = None) -> list[str]:
    """Return the words of a text, folded, in order.

    Each character of a script without spaces is a word of its own, with its marks, so that a part
    of a sentence is found as a phrase.

    Parameters
    ----------
    max_length
        Characters of the text that are read, before and after folding.
    """
    folded = fold(text, max_length=max_length)
    # Folding may uncover capitals, such as those of mathematical letters.
    folded = fold(folded, max_length=max_length)
    return [word[:MAX_WORD] for word in _split(folded)]


def normalized(text: str) -> str:
    """Return a text as its words, separated by one space."""
    return " ".join(words_of(text))


def _split(text: str) -> Iterator[str]:
    word = ""
    alone = False
    for character in text:
        category = unicodedata.category(character)[0]
        if category == "M" and word:
            word += character
            continue
        if category not in "LN":
            if word:
                yield word
            word, alone = "", False
            continue
        unspaced = _is_unspaced(character)
        if word and (alone or unspaced):
            yield word
            word = ""
        word += character
        alone = unspaced
    if word:
        yield word


def _is_unspaced(character: str) -> bool:
    code = ord(character)
    return code >= _UNSPACED[0][0] and any(first <= code <= last for first, last in _UNSPACED)
