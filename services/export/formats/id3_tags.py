"""Tags at the beginning of MP3 files: ID3 version 2.4.0 (id3.org, 2000), text frames in UTF-8."""

from collections.abc import Sequence

_UTF8 = b"\x03"
_FRAMES = {
    "TITLE": b"TIT2",
    "ARTIST": b"TPE1",
    "ALBUM": b"TALB",
    "BPM": b"TBPM",
    "KEY": b"TKEY",
    "GENRE": b"TCON",
    "COPYRIGHT": b"TCOP",
}
"""The frame of a name; every other name is written as a user-defined text, `TXXX`."""
_SEVEN_BITS = 0x7F


def id3_tag(tags: Sequence[tuple[str, str]]) -> bytes:
    """Return tags as they stand before the audio of an MP3 file.

    Parameters
    ----------
    tags
        Names in ASCII and values, in order, as in `tagged_flac`; a tempo is rounded, as `TBPM`
        holds whole numbers only.
    """
    frames = b"".join(_frame(name, value) for name, value in tags)
    return b"ID3\x04\x00\x00" + _size(len(frames)) + frames


def _frame(name: str, value: str) -> bytes:
    if name == "BPM":
        value = f"{float(value):.0f}"
    kind = _FRAMES.get(name)
    text = value if kind else f"{name}\0{value}"
    content = _UTF8 + text.encode()
    return (kind or b"TXXX") + _size(len(content)) + b"\0\0" + content


def _size(length: int) -> bytes:
    """Return a length in four bytes of seven bits each."""
    return bytes(length >> shift & _SEVEN_BITS for shift in (21, 14, 7, 0))
