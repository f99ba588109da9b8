"""File names that people gave, made safe to give back (S11)."""

import unicodedata
from urllib.parse import quote

LONGEST = 255
"""Bytes of a file name in UTF-8."""


def safe_filename(name: str) -> str:
    """Return a name in NFC without control characters, separators or quotes, 255 bytes at most."""
    kept = "".join(
        "_" if character in '/\\"' else character
        for character in unicodedata.normalize("NFC", name)
        if unicodedata.category(character)[0] != "C"
    ).strip(" .")
    stem, dot, ending = kept.rpartition(".")
    if not dot or len(ending.encode()) > 16:
        stem, dot, ending = kept, "", ""
    room = LONGEST - len((dot + ending).encode())
    return (stem.encode()[:room].decode(errors="ignore") + dot + ending) or "file"


def attachment(name: str) -> str:
    """Return a `Content-Disposition` that saves under a name (RFC 6266)."""
    name = safe_filename(name)
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    if plain == name and "%" not in name:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
