"""Which encoding old tags are in: those that are called Latin-1 and often are not.

ID3 and RIFF know of Latin-1 alone where they do not use Unicode, so programs of many countries
wrote their own encoding under its name. All such tags of a file are looked at together.
"""

import re
from collections.abc import Iterable

import chardet

from contracts.items import TagEncoding

_ACCENTED = "À-ÖØ-öø-ÿŠŒŽšœžŸ"
_LETTERS = f"A-Za-z{_ACCENTED}"
_SIGNS = "’‘“”„–—…«»¿¡°©®™½¼¾×·ªº€£§²³´"
_WESTERN = re.compile(f"[\\x00-\\x7f{_LETTERS}{_SIGNS}]*", re.DOTALL)
_ALL_ACCENTED = re.compile(f"(?<![{_LETTERS}])[{_ACCENTED}]{{2,}}(?![{_LETTERS}])")
"""A word without any plain letter, such as all words of other scripts look like."""
_SIGN_IN_WORD = re.compile(f"[{_LETTERS}][“„«»¿¡©®™½¼¾×€£§²³¤][{_LETTERS}]")
_FAMILIES = {
    "utf-8": TagEncoding.UTF_8,
    "windows-1251": TagEncoding.CP1251,
    "shift_jis": TagEncoding.CP932,
    "cp932": TagEncoding.CP932,
    "gb2312": TagEncoding.GB18030,
    "gbk": TagEncoding.GB18030,
    "gb18030": TagEncoding.GB18030,
    "big5": TagEncoding.CP950,
    "big5hkscs": TagEncoding.CP950,
    "cp950": TagEncoding.CP950,
    "euc-kr": TagEncoding.CP949,
    "cp949": TagEncoding.CP949,
    "koi8-r": TagEncoding.KOI8_R,
}
"""The encodings that are believed, by the names that `chardet` gives them."""


def guess_encoding(texts: Iterable[bytes]) -> TagEncoding:
    """Return the likeliest encoding of the tags of one file.

    Parameters
    ----------
    texts
        Tags that are called Latin-1, as they stand in the file.

    Returns
    -------
    TagEncoding
        `cp1252`, of which Latin-1 is a part, unless something else is clearly meant: what is valid
        UTF-8 is that; words that have no plain letter at all, and signs inside of words, are
        not Western, and `chardet` tells which language's they are.
    """
    together = b"\n".join(text for text in texts if not text.isascii())
    if not together:
        return TagEncoding.CP1252
    if _decodes(together, TagEncoding.UTF_8):
        return TagEncoding.UTF_8
    if _is_western(together):
        return TagEncoding.CP1252
    if _is_japanese(together):
        return TagEncoding.CP932
    # The likeliest that tags are written in: `chardet` knows of many that they never are.
    for told in chardet.detect_all(together, ignore_threshold=True):
        found = _FAMILIES.get(str(told["encoding"] or "").lower())
        if found is not None and _decodes(together, found):
            return found
    return TagEncoding.CP1252


def _is_western(text: bytes) -> bool:
    try:
        read = text.decode("cp1252")
    except UnicodeDecodeError:
        return False
    if not _WESTERN.fullmatch(read) or _SIGN_IN_WORD.search(read):
        return False
    alone = sum(len(word) for word in _ALL_ACCENTED.findall(read))
    return alone == 0 or alone < len(re.findall(f"[{_ACCENTED}]", read)) - alone


def _is_japanese(text: bytes) -> bool:
    """Whether much of it is kana in Shift-JIS, whose first bytes mean next to nothing elsewhere."""
    if not _decodes(text, TagEncoding.CP932):
        return False
    letters = [letter for letter in text.decode(TagEncoding.CP932) if not letter.isascii()]
    return sum("\u3041" <= letter <= "\u30fc" for letter in letters) * 3 >= len(letters)


def _decodes(text: bytes, encoding: TagEncoding) -> bool:
    try:
        text.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
