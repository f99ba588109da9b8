"""Recognise the licence of a pack or a recording from its text or address."""

import re

_ADDRESS = re.compile(
    r"creativecommons\.org/(?:licenses/(by(?:-nc)?(?:-sa|-nd)?)/(\d\.\d)|publicdomain/(zero|mark)/1\.0)",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"Attribution(-NonCommercial)?(-ShareAlike|-NoDerivatives|-NoDerivs)?[ \n]+(\d\.\d)"
    r"[ \n]+(?:International|Unported|Generic)",
    re.IGNORECASE,
)
_ZERO = re.compile(r"CC0 1\.0 Universal|\bCC0[- ]1\.0\b", re.IGNORECASE)
_SHORT = re.compile(r"\bCC[- ]BY((?:-NC)?(?:-SA|-ND)?)[- ](\d\.\d)\b", re.IGNORECASE)
_WORDS = {
    "-noncommercial": "-NC",
    "-sharealike": "-SA",
    "-noderivatives": "-ND",
    "-noderivs": "-ND",
}


def known_licence(text: str) -> str | None:
    """Return the SPDX identifier of the Creative Commons licence that a text names, else `None`.

    A text that names several licences has none: which one counts is for a person to read.
    """
    names = set()
    for match in _ADDRESS.finditer(text):
        if match[3]:
            names.add("CC0-1.0" if match[3].lower() == "zero" else "CC-PDM-1.0")
        else:
            names.add(f"CC-{match[1].upper()}-{match[2]}")
    for match in _TITLE.finditer(text):
        parts = (_WORDS.get((match[n] or "").lower(), "") for n in (1, 2))
        names.add(f"CC-BY{''.join(parts)}-{match[3]}")
    for match in _SHORT.finditer(text):
        names.add(f"CC-BY{match[1].upper()}-{match[2]}")
    if _ZERO.search(text):
        names.add("CC0-1.0")
    return names.pop() if len(names) == 1 else None
