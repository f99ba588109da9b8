"""Parse the `Range` header of a request (RFC 9110, section 14)."""

import re

_SPEC = re.compile(r"(?:([0-9]+)-([0-9]*)|-([0-9]+))")
_DIGITS = 18
"""Maximum digits of a position; a longer number is past the end of any object."""


def satisfiable(
    header: str | None, size: int, *, max_ranges: int
) -> tuple[tuple[int, int], ...] | None:
    """Return the satisfiable ranges of a `Range` header.

    Parameters
    ----------
    header
        The value of `Range`, if the request has one.
    size
        Bytes of the object.
    max_ranges
        A header with more ranges is ignored, as the RFC allows.

    Returns
    -------
    tuple or None
        First and last position of each satisfiable range, in the header's order; empty if none is
        (answer 416). `None` if the header must be ignored and the whole object sent: it is missing,
        has another unit, is malformed or has too many ranges.
    """
    unit, mark, listed = (header or "").partition("=")
    specs = [spec for part in listed.split(",") if (spec := part.strip(" \t"))]
    if not mark or unit.strip(" \t").lower() != "bytes" or not 0 < len(specs) <= max_ranges:
        return None
    ranges = []
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
            ranges.append((begin, end))
    return tuple(ranges)


def _position(digits: str) -> int:
    plain = digits.lstrip("0") or "0"
    return int(plain) if len(plain) <= _DIGITS else 10**_DIGITS
