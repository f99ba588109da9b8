"""The `Range` of a request, by RFC 9110 (section 14): what is not understood is ignored."""

import re

_SPEC = re.compile(r"(?:([0-9]+)-([0-9]*)|-([0-9]+))")
_DIGITS = 18
"""Digits of a position that are read; what has more lies behind the end of any object."""


def satisfiable(header: str | None, size: int, *, most: int) -> tuple[tuple[int, int], ...] | None:
    """Return the ranges of an object that a header asks for.

    Parameters
    ----------
    header
        The value of `Range`.
    size
        Bytes of the object.
    most
        More ranges than this are too many: the whole is given, as the RFC allows.

    Returns
    -------
    tuple or None
        First and last position of each range that the object has, in the order asked; none where
        it has none of them (416). `None` where the header is to be ignored: it is not there, names
        another unit, does not keep to the grammar, or asks for too many.
    """
    unit, mark, asked = (header or "").partition("=")
    specs = [spec for spec in (one.strip(" \t") for one in asked.split(",")) if spec]
    if not mark or unit.strip(" \t").lower() != "bytes" or not 0 < len(specs) <= most:
        return None
    found = []
    for spec in specs:
        if (match := _SPEC.fullmatch(spec)) is None:
            return None
        first, last, suffix = match.groups()
        if suffix is not None:
            begin, end = max(0, size - _position(suffix)), size - 1
        else:
            begin, end = _position(first), min(_position(last), size - 1) if last else size - 1
            if last and _position(last) < begin:
                return None
        if begin <= end:
            found.append((begin, end))
    return tuple(found)


def _position(digits: str) -> int:
    plain = digits.lstrip("0") or "0"
    return int(plain) if len(plain) <= _DIGITS else 10**_DIGITS
