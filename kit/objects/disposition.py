"""Sanitise file names from users, and send them in `Content-Disposition` (S11)."""

import unicodedata
from urllib.parse import quote

MAX_BYTES = 255
"""Maximum bytes of a file name in UTF-8."""


def safe_filename(name: str) -> str:
    """Return a name in NFC without control characters, separators or quotes, up to 255 bytes."""
    kept = "".join(
        "_" if character in '/\\"' else character
        for character in unicodedata.normalize("NFC", name)
        if unicodedata.category(character)[0] != "C"
    ).strip(" .")
    stem, dot, suffix = kept.rpartition(".")
    if not dot or len(suffix.encode()) > 16:
        stem, dot, suffix = kept, "", ""
    room = MAX_BYTES - len((dot + suffix).encode())
    return (stem.encode()[:room].decode(errors="ignore") + dot + suffix) or "file"


def attachment(name: str) -> str:
    """Return a `Content-Disposition` header that saves a file under a name (RFC 6266)."""
    name = safe_filename(name)
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    if plain == name and "%" not in name:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
