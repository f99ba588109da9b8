"""Detect the encoding of legacy tags that claim to be Latin-1.

Without Unicode, ID3 and RIFF only define Latin-1, so programs in many countries wrote their own
encoding instead. All such tags of a file are examined together.
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
"""A word without any ASCII letter, as words of other scripts look in Latin-1."""
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
"""Accepted encodings, by their names in `chardet`."""


def guess_encoding(texts: Iterable[bytes]) -> TagEncoding:
    """Guess the encoding of the tags of one file.

    Parameters
    ----------
    texts
        Raw bytes of tags that claim to be Latin-1.

    Returns
    -------
    TagEncoding
        `cp1252`, a superset of Latin-1, unless there is clear evidence: valid UTF-8 is UTF-8;
        words without any ASCII letter, and signs inside words, are not Western, and `chardet`
        then detects the encoding.
    """
    joined = b"\n".join(text for text in texts if not text.isascii())
    if not joined:
        return TagEncoding.CP1252
    if _decodes(joined, TagEncoding.UTF_8):
        return TagEncoding.UTF_8
    if _is_western(joined):
        return TagEncoding.CP1252
    if _is_japanese(joined):
        return TagEncoding.CP932
    # The best candidate that tags use: `chardet` knows many encodings that never occur in tags.
    for candidate in chardet.detect_all(joined, ignore_threshold=True):
        encoding = _FAMILIES.get(str(candidate["encoding"] or "").lower())
        if encoding is not None and _decodes(joined, encoding):
            return encoding
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
    """Return whether a third of it is kana in Shift-JIS, which is rare in other encodings."""
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
