"""Names and folders of downloaded files: valid on every file system, sorted by kind."""

import hashlib
import re
import unicodedata
from pathlib import Path

from cratedig.types import Artifact

MAX_BYTES = 220
"""Longest name in UTF-8. File systems allow 255; the rest is for `.partial`, and for the id that
distinguishes files of one name."""
_SEPARATORS_AND_RESERVED = frozenset('/\\:*?"<>|')
_TURNS = frozenset(("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"))
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])", re.IGNORECASE)
"""Names that Windows reserves for devices, with any extension."""
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")
_JOINERS = frozenset("\u200c\u200d\ufe0e\ufe0f")
_FOLDERS = {
    "stem": "stems",
    "midi": "midi",
    "notes": "midi",
    "posteriors": "midi",
    "lyrics": "lyrics",
    "analysis": "analysis",
    "image": "analysis",
    "peaks": "analysis",
}


def safe_name(name: str, *, max_bytes: int = MAX_BYTES) -> str:
    """Return a name that is valid on every file system, as close to the original as possible.

    An underscore replaces separators, characters that Windows reserves, control characters, and
    characters that change the writing direction, which can make one extension look like another.
    Emoji, joiners and all scripts stay. A name that is too long is cut before its extension,
    between grapheme clusters.
    """
    text = unicodedata.normalize("NFC", name)
    text = "".join("_" if _forbidden(c) else c for c in text).strip().rstrip(" .")
    if text.startswith("."):
        text = f"_{text}"  # A hidden file would look like a missing one.
    start, suffix = _split(text)
    room = max_bytes - len(suffix.encode())
    start = _cut(start, room).rstrip(" .") if suffix else _cut(text, max_bytes)
    device, dot, rest = start.partition(".")
    if _DEVICES.fullmatch(device.rstrip()):
        start = f"{device.rstrip()}_{dot}{rest}"
    return f"{start}{suffix}".rstrip(" .") or "unnamed"


def folder_of(artifact: Artifact, label: str = "") -> Path:
    """Return the subfolder of an item's folder for a file.

    Parameters
    ----------
    label
        The class of a sample, such as `kick`.
    """
    match artifact.kind:
        case "original" | "canonical":
            return Path()
        case "sample":
            return Path("samples") / (artifact.stem or "mix") / (label or "unsorted")
        case "loop":
            return Path("samples") / (artifact.stem or "mix") / "loops"
        case "slices":
            return Path("samples") / (artifact.stem or "mix")
        case "tags" | "embedding":
            return Path("samples") / artifact.stem if artifact.stem else Path("analysis")
    return Path(_FOLDERS.get(artifact.kind, safe_name(artifact.kind)))


def file_name(artifact: Artifact, item: str) -> str:
    """Return the name of a downloaded file: the original as uploaded, others with their stem."""
    if artifact.kind == "original":
        return safe_name(item)
    stem = "" if artifact.kind == "canonical" else artifact.stem or ""
    named = artifact.name if artifact.name.startswith(stem) else f"{stem}-{artifact.name}"
    return safe_name(named)


def free_path(path: Path, artifact: Artifact) -> tuple[Path, bool]:
    """Return a path for a file that replaces no other bytes, and whether the file is there already.

    A second file of one name gets the end of its job's id, a third its own id, so that it has the
    same name in every download.
    """
    for tail in ("", (artifact.job or artifact.id)[-8:], artifact.id):
        named = path.with_name(f"{path.stem} ({tail}){path.suffix}") if tail else path
        if not named.exists():
            return named, False
        if named.is_file() and _digest(named) == artifact.sha256:
            return named, True
    raise FileExistsError(
        f"{path} and the other names for this file hold other files. Choose another folder with "
        "--output."
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _forbidden(character: str) -> bool:
    return (
        character in _SEPARATORS_AND_RESERVED
        or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(character) in _TURNS
    )


def _split(name: str) -> tuple[str, str]:
    start, dot, suffix = name.rpartition(".")
    return (start, dot + suffix) if start and _SUFFIX.fullmatch(dot + suffix) else (name, "")


def _cut(text: str, max_bytes: int) -> str:
    kept = text.encode()[:max_bytes].decode(errors="ignore")
    # Accents, joiners and variation selectors stay with their base character.
    while kept and len(kept) < len(text) and _goes_on(text, len(kept)):
        kept = kept[:-1]
    return kept


def _goes_on(text: str, at: int) -> bool:
    return (
        unicodedata.combining(text[at]) > 0
        or text[at] in _JOINERS
        or (at > 0 and text[at - 1] == "\u200d")
    )
