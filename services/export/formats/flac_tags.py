"""Tags of FLAC files: the Vorbis comment block is replaced, the audio stays as it is.

RFC 9639 (FLAC), section 8; Xiph.Org, "Ogg Vorbis I: comment field and header specification".
"""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

_MARK = b"fLaC"
_STREAMINFO, _PADDING, _COMMENT = 0, 1, 4
_LAST = 0x80
_MAX_BLOCK = 2**24 - 1
_COPIED = 1 << 20


class NotFlac(ValueError):
    """The file is not a FLAC file, or its metadata is damaged."""


def tagged_flac(
    path: Path, tags: Sequence[tuple[str, str]], *, vendor: str = "Cratedig"
) -> tuple[int, Iterator[bytes]]:
    """Return a FLAC file with other tags: its size in bytes, and its bytes in pieces.

    Parameters
    ----------
    path
        The file; all of its metadata blocks but comments and padding stay.
    tags
        Names in ASCII and values, in order; a name may occur several times.

    Raises
    ------
    NotFlac
    ValueError
        The tags take more than 16 MiB.
    """
    comment = _comment(tags, vendor)
    if len(comment) > _MAX_BLOCK:
        raise ValueError(f"a block of metadata holds {_MAX_BLOCK} bytes, these tags {len(comment)}")
    blocks, audio = _read_blocks(path)
    kept = [(kind, data) for kind, data in blocks if kind not in (_PADDING, _COMMENT)]
    kept.insert(1, (_COMMENT, comment))
    head = bytearray(_MARK)
    for number, (kind, data) in enumerate(kept):
        last = _LAST if number == len(kept) - 1 else 0
        head += bytes([kind | last]) + len(data).to_bytes(3, "big") + data
    size = len(head) + path.stat().st_size - audio
    return size, _pieces(path, bytes(head), audio)


def _pieces(path: Path, head: bytes, audio: int) -> Iterator[bytes]:
    yield head
    with path.open("rb") as file:
        file.seek(audio)
        while data := file.read(_COPIED):
            yield data


def _read_blocks(path: Path) -> tuple[list[tuple[int, bytes]], int]:
    """Return the metadata blocks of a file, and where its audio begins."""
    with path.open("rb") as file:
        if file.read(4) != _MARK:
            raise NotFlac(f"{path.name} is not a FLAC file")
        blocks: list[tuple[int, bytes]] = []
        last = False
        while not last:
            header = file.read(4)
            length = int.from_bytes(header[1:], "big")
            data = file.read(length)
            if len(header) < 4 or len(data) < length:
                raise NotFlac(f"{path.name} ends in its metadata")
            last = bool(header[0] & _LAST)
            blocks.append((header[0] & ~_LAST, data))
        if blocks[0][0] != _STREAMINFO:
            raise NotFlac(f"{path.name} does not begin with stream information")
        return blocks, file.tell()


def _comment(tags: Sequence[tuple[str, str]], vendor: str) -> bytes:
    def text(value: str) -> bytes:
        data = value.encode()
        return struct.pack("<I", len(data)) + data

    entries = [text(f"{name}={value}") for name, value in tags]
    return text(vendor) + struct.pack("<I", len(entries)) + b"".join(entries)
