"""Parse file headers: sample format, number of samples, and whether the file is truncated.

The decoder guesses the sample format from the valid bits and does not report truncated files, so
both are read here. All numbers are untrusted: implausible ones are treated as unknown.
"""

import struct
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import BinaryIO

_MAX_CHUNKS = 4096
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_SUBFORMAT = bytes.fromhex("800000aa00389b71")
"""End of the GUIDs that contain a classic format tag."""
_SPREAD = {1, 2, 3, 4, 8}
"""Valid sizes of a sample in bytes."""
_PAGE = 65_307
"""The largest page of an Ogg stream, in bytes."""


@dataclass(frozen=True, slots=True)
class Header:
    """Audio properties from a file header."""

    decoder: str = ""
    """The decoder of its samples, if the default of `ffmpeg` may be wrong."""
    frames: int | None = None
    """Exact number of samples of each channel; `None` if unknown."""
    cut_short: bool = False
    """Whether the file is shorter than its header states."""


@dataclass(frozen=True, slots=True)
class Region:
    """The part of a file with the audio stream, without tags around it."""

    file: BinaryIO
    start: int
    end: int

    def read(self, at: int, count: int) -> bytes:
        """Return bytes at a position counted from the start; fewer where the region ends."""
        # A damaged header may point further than a file can be.
        if not 0 <= at < self.size:
            return b""
        self.file.seek(self.start + at)
        return self.file.read(min(count, self.size - at))

    @property
    def size(self) -> int:
        """In bytes."""
        return self.end - self.start


def read_header(container: str, region: Region) -> Header:
    """Parse a file's header by container; an empty `Header` if it is damaged."""
    reader = _READERS.get(container)
    try:
        return reader(region) if reader else Header()
    except (struct.error, IndexError, OverflowError):
        return Header()


def _pcm(
    tag: int, channels: int, block: int, bits: int, *, endian: str, signed_bytes: bool
) -> tuple[str, int]:
    """Return decoder and bytes per sample of uncompressed samples; ("", 0) for others.

    Samples are left-justified, so the valid bits do not matter, only the container size, which
    follows from the block of all channels.
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
    """Return the number of frames at a position, and whether the header states more."""
    there = max(0, region.size - at)
    whole = there if stated is None else min(there, stated)
    cut = stated is not None and stated - there >= max(1, frame)
    return (whole // frame if frame else None), cut


def _unknown(size: int) -> bool:
    """Return whether a 32-bit size is a placeholder of programs that stream."""
    return size == 0 or size >= 0xFFFFF000 or 0x7FFFF000 <= size <= 0x80001000


def _form(body: bytes, order: str) -> tuple[str, int]:
    """Return decoder and bytes per frame from a `fmt ` chunk."""
    tag, channels, _, _, block, bits = struct.unpack_from(f"{order}HHIIHH", body)
    # `ffmpeg` does not support this format in a big-endian file.
    if tag == _EXTENSIBLE and order == "<" and body[32:40] == _SUBFORMAT:
        tag = struct.unpack_from("<I", body, 24)[0]
    endian = "be" if order == ">" else "le"
    decoder, size = _pcm(tag, channels, block, bits, endian=endian, signed_bytes=False)
    return decoder, size * channels


@dataclass(frozen=True, slots=True)
class _Chunks:
    """The chunk layout of a format; each chunk begins with a name of four bytes."""

    head: int
    """Bytes before the content."""
    size: str
    """Format of the size, which ends the head."""
    whole: Callable[[int], int]
    """Distance to the next chunk in bytes, by the stated size."""

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


def riff_chunks(region: Region, names: Collection[bytes]) -> dict[bytes, bytes]:
    """Return the first 64 bytes of a WAV file's chunks by name, of each name the first chunk."""
    chunks: dict[bytes, bytes] = {}
    if region.read(0, 4) not in (b"RIFF", b"RF64", b"BW64") or region.read(8, 4) != b"WAVE":
        return chunks
    for name, size, at in _RIFF.walk(region, 12):
        if name in names:
            chunks.setdefault(name, region.read(at, min(size, 64)))
        if len(chunks) == len(names):
            break
    return chunks


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
    """Read the number of samples from STREAMINFO; 0 is unknown."""
    samples = int.from_bytes(region.read(18, 8), "big") & (1 << 36) - 1
    return Header("", samples or None)


def _mov(region: Region) -> Header:
    """MP4 and QuickTime: a box that extends beyond the end means truncation."""
    at = 0
    for _ in range(_MAX_CHUNKS):
        head = region.read(at, 16)
        if len(head) < 8:
            break
        size = struct.unpack_from(">I", head)[0]
        if size == 1:
            size = struct.unpack_from(">Q", head, 8)[0]
        if size < 8:  # 0 extends to the end of the file; anything else is damage.
            break
        if at + size > region.size:
            return Header(cut_short=True)
        at += size
    return Header()


def _matroska(region: Region) -> Header:
    """The segment's size gives the end of the file, unless it was streamed."""
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
    """A complete stream ends with a page that has the end-of-stream flag."""
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
