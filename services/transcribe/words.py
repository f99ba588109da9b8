"""Join tokens of the network into words as written."""

import unicodedata
from collections.abc import Iterable
from dataclasses import replace

from services.transcribe.lines import Word

# Thai and Lao vowels that are written before the consonant they follow in speech.
_LEADING = frozenset("\u0e40\u0e41\u0e42\u0e43\u0e44\u0ec0\u0ec1\u0ec2\u0ec3\u0ec4")
# Those that are written after it and are letters to Unicode, not marks.
_FOLLOWING = frozenset("\u0e30\u0e32\u0e33\u0e45\u0e46\u0eb0\u0eb2\u0eb3\u0ebd\u0ec6")
# Scripts written without spaces between words: Han, kana, Thai, Lao, Burmese, Khmer.
_UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3005, 0x3007),
    (0x3040, 0x30FF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9D),
    (0x20000, 0x3FFFF),
)


def join_words(words: Iterable[Word]) -> tuple[Word, ...]:
    """Join words that the network's tokenizer split.

    Whisper's own rules split Chinese, Japanese, Thai, Lao, Burmese and Cantonese at each character,
    which separates vowels and tone marks from their consonants, and other languages at every
    punctuation mark, which splits elisions (*l'amour*). A word without a space before it is joined
    to the previous one, unless one of them is in a script without spaces and neither is a part of
    the other's character.

    Parameters
    ----------
    words
        In order; the text of each includes the space before it.

    Returns
    -------
    tuple of Word
        A joined word spans the times of its parts; its confidence is their mean, weighted by
        letters.
    """
    joined: list[Word] = []
    for word in words:
        if joined and _belongs(joined[-1].text, word.text):
            joined[-1] = _together(joined[-1], word)
        else:
            joined.append(word)
    return tuple(joined)


def _belongs(before: str, text: str) -> bool:
    if not before.strip() or not text.strip() or text[0].isspace() or before[-1].isspace():
        return False
    if before[-1] in _LEADING or text[0] in _FOLLOWING or unicodedata.category(text[0])[0] == "M":
        return True
    return not (_unspaced(before[-1]) or _unspaced(text[0]))


def _unspaced(letter: str) -> bool:
    return any(first <= ord(letter) <= last for first, last in _UNSPACED)


def _together(first: Word, second: Word) -> Word:
    weights = len(first.text.strip()), len(second.text.strip())
    sure = first.confidence * weights[0] + second.confidence * weights[1]
    return replace(
        first,
        text=first.text + second.text,
        end=max(first.end, second.end),
        confidence=sure / sum(weights),
    )
