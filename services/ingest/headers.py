"""What a header promises: form of the samples, how many there are, and whether the file has them.

The decoder guesses a sample's form from its valid bits and says nothing of a file that was cut
short, so both are read here. Every number is untrusted: what makes no sense is left unknown.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

_MAX_CHUNKS = 4096
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_SUBFORMAT = bytes.fromhex("800000aa00389b71")
"""How the identifiers end that stand for the format tags of old."""
_SPREAD = {1, 2, 3, 4, 8}
"""Bytes that one sample may take."""
_PAGE = 65_307
"""The largest page of an Ogg stream, in bytes."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says of the sound."""

    decoder: str = ""
    """The decoder of its samples, where the one that `ffmpeg` would choose may be wrong."""
    frames: int | None = None
    """Samples of each channel, exactly; `None` when the header does not say."""
    cut_short: bool = False
    """It ends before its header says that it does."""


@dataclass(frozen=True, slots=True)
class Region:
    """The part of a file that one stream takes, without tags before and after it."""

    file: BinaryIO
    start: int
    end: int

    def read(self, at: int, count: int) -> bytes:
        """Return bytes at a position counted from the start; fewer where the region ends."""
        self.file.seek(self.start + at)
        return self.file.read(max(0, min(count, self.size - at)))

    @property
    def size(self) -> int:
        """In bytes."""
        return self.end - self.start


def read_header(container: str, region: Region) -> Header:
    """Return what the header of a file of a container says; nothing where it is damaged."""
    reader = _READERS.get(container)
    try:
        return reader(region) if reader else Header()
    except (struct.error, IndexError, OverflowError):
        return Header()


def _pcm(
    tag: int, channels: int, block: int, bits: int, *, endian: str, signed_bytes: bool
) -> tuple[str, int]:
    """Return the decoder of uncompressed samples and the bytes of a sample; ("", 0) for others.

    A sample fills its container from the top (left-justified), so that the valid bits do not
    matter: the container's size does, which the block of all channels tells.
    """
    size = block // channels if channels and block % channels == 0 else 0
    if size not in _SPREAD or 8 * size < bits:
        size = (bits + 7) // 8
    if tag == _FLOAT and size in (4, 8):
        return f"pcm_f{8 * size}{endian}", size
    if tag == _PCM and size == 1:
        return ("pcm_s8" if signed_bytes else "pcm_u8"), 1
    if tag == _PCM and size in _SPREAD:
        return f"pcm_s{8 * size}{endian}", size
    return "", 0


def _held(region: Region, at: int, stated: int | None, frame: int) -> tuple[int | None, bool]:
    """Return how many frames lie at a position, and whether more were promised."""
    there = max(0, region.size - at)
    whole = there if stated is None else min(there, stated)
    cut = stated is not None and stated - there >= max(1, frame)
    return (whole // frame if frame else None), cut


def _unknown(size: int) -> bool:
    """Whether a size of 32 bits is what programs write that do not know it yet."""
    return size == 0 or size >= 0xFFFFF000 or 0x7FFFF000 <= size <= 0x80001000


def _form(body: bytes, order: str) -> tuple[str, int]:
    """Return the decoder and the bytes of a frame that a `fmt ` chunk describes."""
    tag, channels, _, _, block, bits = struct.unpack_from(f"{order}HHIIHH", body)
    # In a big-endian file `ffmpeg` does not take this form.
    if tag == _EXTENSIBLE and order == "<" and body[32:40] == _SUBFORMAT:
        tag = struct.unpack_from("<I", body, 24)[0]
    endian = "be" if order == ">" else "le"
    decoder, size = _pcm(tag, channels, block, bits, endian=endian, signed_bytes=False)
    return decoder, size * channels


@dataclass(frozen=True, slots=True)
class _Chunks:
    """How the chunks of a format follow each other; each begins with a name of four bytes."""

    head: int
    """Bytes before the content."""
    size: str
    """Format of the size, which ends the head."""
    whole: Callable[[int], int]
    """Bytes from one chunk to the next, by the stated size."""

    def walk(self, region: Region, at: int) -> Iterator[tuple[bytes, int, int]]:
        """Yield name, size and content's position of each chunk from a position on."""
        for _ in range(_MAX_CHUNKS):
            head = region.read(at, self.head)
            if len(head) < self.head:
                return
            at_size = self.head - struct.calcsize(self.size)
            size: int = struct.unpack_from(self.size, head, at_size)[0]
            yield head[:4], size, at + self.head
            if size < 0:
                return
            at += self.whole(size)


_RIFF = _Chunks(8, "<I", lambda size: 8 + size + (size & 1))
_IFF = _Chunks(8, ">I", lambda size: 8 + size + (size & 1))
_W64 = _Chunks(24, "<Q", lambda size: max(24, size + 7 & ~7))
_CAF = _Chunks(12, ">q", lambda size: 12 + size)


def _riff(region: Region) -> Header:
    """WAV, RF64, BW64 and big-endian RIFX."""
    order = ">" if region.read(0, 4) == b"RIFX" else "<"
    decoder, frame, long_size = "", 0, None
    for name, size, at in (_IFF if order == ">" else _RIFF).walk(region, 12):
        if name == b"ds64":
            long_size = struct.unpack("<Q", region.read(at + 8, 8))[0]
        elif name == b"fmt ":
            decoder, frame = _form(region.read(at, min(size, 64)), order)
        elif name == b"data":
            stated = size if size != 0xFFFFFFFF or long_size is None else long_size
            known = None if long_size is None and _unknown(stated) else stated
            frames, cut = _held(region, at, known, frame)
            return Header(decoder, frames, cut)
    return Header(decoder)


def _w64(region: Region) -> Header:
    decoder, frame = "", 0
    for name, size, at in _W64.walk(region, 40):
        if name == b"fmt ":
            decoder, frame = _form(region.read(at, 64), "<")
        elif name == b"data":
            known = None if size <= 24 or size >> 63 else size - 24
            frames, cut = _held(region, at, known, frame)
            return Header(decoder, frames, cut)
    return Header(decoder)


def _aiff(region: Region) -> Header:
    frame = 0
    for name, size, at in _IFF.walk(region, 12):
        if name == b"COMM":
            body = region.read(at, 22)
            channels, _, bits = struct.unpack_from(">HIH", body)
            plain = region.read(8, 4) == b"AIFF" or body[18:22] in (b"NONE", b"sowt", b"twos")
            frame = channels * ((bits + 7) // 8) if plain else 0
        elif name == b"SSND":
            frames, cut = _held(region, at + 8, None if _unknown(size) else size - 8, frame)
            return Header("", frames, cut)
    return Header()


def _caf(region: Region) -> Header:
    decoder, frame = "", 0
    for name, size, at in _CAF.walk(region, 8):
        if name == b"desc":
            form, flags, block, _, channels, bits = struct.unpack(
                ">4sIIIII", region.read(at + 8, 24)
            )
            if form == b"lpcm":
                tag, endian = (_FLOAT if flags & 1 else _PCM), ("le" if flags & 2 else "be")
                decoder, width = _pcm(tag, channels, block, bits, endian=endian, signed_bytes=True)
                frame = width * channels
        elif name == b"data":
            frames, cut = _held(region, at + 4, size - 4 if size >= 4 else None, frame)
            return Header(decoder, frames, cut)
    return Header(decoder)


def _au(region: Region) -> Header:
    at, size = struct.unpack(">II", region.read(4, 8))
    return Header("", None, _held(region, at, None if _unknown(size) else size, 0)[1])


def _flac(region: Region) -> Header:
    """The first block of metadata tells how many samples there are; 0 is unknown."""
    told = int.from_bytes(region.read(18, 8), "big") & (1 << 36) - 1
    return Header("", told or None)


def _mov(region: Region) -> Header:
    """MP4 and QuickTime: a box that goes on beyond the end was cut."""
    at = 0
    for _ in range(_MAX_CHUNKS):
        head = region.read(at, 16)
        if len(head) < 8:
            break
        size = struct.unpack_from(">I", head)[0]
        if size == 1:
            size = struct.unpack_from(">Q", head, 8)[0]
        if size < 8:  # 0 goes on to the end, whatever that is; anything else is damage.
            break
        if at + size > region.size:
            return Header(cut_short=True)
        at += size
    return Header()


def _matroska(region: Region) -> Header:
    """The segment's size tells where the file should end, unless it was written live."""
    at = 0
    for _ in range(16):
        head = region.read(at, 16)
        name = 9 - head[0].bit_length()
        width = 9 - head[name].bit_length()
        size = int.from_bytes(head[name : name + width], "big") & (1 << 7 * width) - 1
        if size == (1 << 7 * width) - 1:
            break
        after = at + name + width + size
        if head[:4] == b"\x18\x53\x80\x67":
            return Header(cut_short=after > region.size)
        at = after
    return Header()


def _ogg(region: Region) -> Header:
    """The last page of a whole stream says that it is the last."""
    start = max(0, region.size - 2 * _PAGE)
    tail = region.read(start, 2 * _PAGE)
    at = tail.rfind(b"OggS")
    if at < 0 or at + 27 > len(tail):
        return Header(cut_short=True)
    segments = tail[at + 26]
    length = 27 + segments + sum(tail[at + 27 : at + 27 + segments])
    return Header(cut_short=not tail[at + 5] & 4 or at + length > len(tail))


def _avi(region: Region) -> Header:
    size = struct.unpack("<I", region.read(4, 4))[0]
    return Header(cut_short=not _unknown(size) and 8 + size > region.size)


_READERS: dict[str, Callable[[Region], Header]] = {
    "wav": _riff,
    "w64": _w64,
    "aiff": _aiff,
    "caf": _caf,
    "au": _au,
    "flac": _flac,
    "m4a": _mov,
    "mp4": _mov,
    "mkv": _matroska,
    "webm": _matroska,
    "ogg": _ogg,
    "opus": _ogg,
    "avi": _avi,
}
