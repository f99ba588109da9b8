"""Detect the format of an upload from its bytes, never from its name, or reject it."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from contracts.ingest import MAX_TAG_BYTES, RejectionReason
from kit.worker.outcomes import Rejected
from services.ingest.headers import Header, Region, read_header

HEAD = 64 << 10
"""Bytes that are examined."""

SUPPORTED_FORMATS = (
    "WAV, W64, AIFF, CAF, AU, FLAC, WavPack, TTA, MP3, OGG, Opus, M4A/AAC, WMA and AC-3, and the "
    "sound of MP4, MOV, MKV, WebM, AVI and MPEG-TS videos"
)
"""Supported formats, for messages."""

_MAX_ZEROS = 1 << 30
"""Maximum zeros to skip before the audio."""
_VIDEO = ("mp4", "mkv", "webm", "avi", "ts")
_WHOLE = ("mp4", "m4a")
"""Containers with absolute file positions."""


@dataclass(frozen=True, slots=True)
class Sniffed:
    """The detected format of an upload."""

    container: str
    """Name of the container, such as `wav`."""
    demuxer: str
    """Name of the demuxer to use."""
    header: Header = field(default_factory=Header)
    """The parsed file header."""
    part: tuple[int, int] | None = None
    """First byte and one past the last, if there are tags or zeros around the stream."""

    @property
    def may_hold_video(self) -> bool:
        """Whether the stated duration may be that of a video track."""
        return self.container in _VIDEO


_PLAYLISTS = re.compile(
    rb"#EXTM3U|#EXT-X-|ffconcat\s+version|\[playlist\]|<playlist\b|<asx\b|<MPD\b|<smil\b|"
    rb"<\?wpl|v=0\r?\n(?s:.{0,400}?)\n(?:o|s|m)=|\[Reference\]|<SmoothStreamingMedia",
    re.IGNORECASE,
)
_REFERENCES = re.compile(rb"^(?:file|https?|rtsp|rtmp|rtp|udp|tcp|data|concat|crypto|ftp):", re.I)
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"MThd", "a MIDI file (notes without sound: render it to audio first)"),
    (b"MAC ", "Monkey's Audio"),
    (b"tBaK", "TAK"),
    (b"MPCK", "Musepack"),
    (b"MP+", "Musepack"),
    (b"OFR ", "OptimFROG"),
    (b"DSD ", "DSD audio"),
    (b"FRM8", "DSD audio"),
    (b"#!AMR", "AMR speech"),
    (b"ADIF", "AAC in ADIF form"),
    (b".RMF", "RealMedia"),
    (b"FLV\x01", "Flash video"),
    (b"\x00\x00\x01\xba", "an MPEG program stream"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"BM", "a picture"),
    (b"%PDF", "a PDF document"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)
_PLAIN = {
    b"fLaC": ("flac", "flac"),
    b"caff": ("caf", "caf"),
    b"wvpk": ("wv", "wv"),
    b"TTA1": ("tta", "tta"),
    b".snd": ("au", "au"),
}
"""Containers that four bytes identify, and their demuxers."""
_ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
_MP4_ATOMS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_MP3_BITRATES = {
    (3, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MP3_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def sniff(path: Path) -> Sniffed:
    """Detect a file's format, and the part of it that contains the audio.

    Raises
    ------
    Rejected
        The file is empty, a playlist, an archive, has too many tags, or is not supported; the
        message says which.
    """
    size = path.stat().st_size
    if size == 0:
        raise Rejected(RejectionReason.EMPTY, "The file is empty (0 bytes). Upload it again.")
    with path.open("rb") as file:
        tags = _after_id3(file, size)
        start = _after_zeros(file, tags)
        file.seek(start)
        head = file.read(HEAD)
        detected = _magic(head) or _mpeg(head)
        if detected is None and (not tags or not any(head) or _refused_as(head)):
            raise _refusal(head)
        # An MP3 may have any bytes between its tags and its first frame.
        container, demuxer = detected or ("mp3", "mp3")
        if start and container in _WHOLE:
            raise Rejected(
                RejectionReason.UNSUPPORTED,
                f"There is other data before the {container} data in this file. Upload the "
                f"{container} file alone.",
            )
        end = _before_tags(file, start, size) if container in ("flac", "wv", "tta") else size
        if container == "flac":
            _check_flac_metadata(file, start, end)
        header = read_header(container, Region(file, start, end))
    if head[:4] == b"RIFX" and not header.decoder:
        raise Rejected(
            RejectionReason.UNSUPPORTED,
            "This kind of big-endian WAV (RIFX) is not supported. Export it as an ordinary WAV.",
        )
    part = None if (start, end) == (0, size) else (start, end)
    return Sniffed(container, demuxer, header, part)


def _after_id3(file: BinaryIO, size: int) -> int:
    """Return the position after any ID3v2 tags."""
    offset = 0
    for _ in range(16):
        file.seek(offset)
        header = file.read(10)
        if len(header) < 10 or header[:3] != b"ID3" or any(byte & 0x80 for byte in header[6:]):
            break
        length = header[6] << 21 | header[7] << 14 | header[8] << 7 | header[9]
        offset += 10 + length + (10 if header[5] & 0x10 else 0)
        if offset >= size:
            raise Rejected(
                RejectionReason.EMPTY,
                "The file ends inside its tags, after 0.0 s of audio. Export it again.",
            )
    return offset


def _after_zeros(file: BinaryIO, start: int) -> int:
    """Return the position of the first byte that is not zero; `start` if there is none."""
    file.seek(start)
    at = start
    while at - start < _MAX_ZEROS and (part := file.read(1 << 20)):
        rest = part.lstrip(b"\0")
        if rest:
            # MP4 and some other formats begin with a zero byte.
            skipped = at + len(part) - len(rest)
            return skipped if skipped - start >= 16 else start
        at += len(part)
    return start


def _before_tags(file: BinaryIO, start: int, size: int) -> int:
    """Return the end of the stream before ID3v1 and APEv2 tags, which confuse decoders."""
    end = size
    for _ in range(4):
        file.seek(max(start, end - 128))
        tail = file.read(end - max(start, end - 128))
        if len(tail) == 128 and tail[:3] == b"TAG":
            end -= 128
        elif tail[-32:-24] == b"APETAGEX":
            length = int.from_bytes(tail[-20:-16], "little")
            with_header = tail[-9] & 0x80
            end = max(start, end - length - (32 if with_header else 0))
        else:
            break
    return end


def _check_flac_metadata(file: BinaryIO, start: int, end: int) -> None:
    """Walk the metadata blocks without reading them, and reject too large ones.

    The decoder keeps all of them in its limited memory.
    """
    at, total = start + 4, 0
    while at + 4 <= end:
        file.seek(at)
        header = file.read(4)
        length = int.from_bytes(header[1:4], "big")
        total += length
        if total > MAX_TAG_BYTES:
            raise Rejected(
                RejectionReason.TAGS,
                f"The tags and pictures in this file exceed {MAX_TAG_BYTES >> 20} MiB. "
                "Remove the cover art and upload it again.",
            )
        at += 4 + length
        if header[0] & 0x80 or header[0] & 0x7F == 0x7F:
            return


def _magic(head: bytes) -> tuple[str, str] | None:
    """Return container and demuxer by a file's first bytes, if supported."""
    start, form = head[:4], head[8:12]
    if start in (b"RIFF", b"RF64", b"BW64", b"RIFX") and form == b"WAVE":
        return "wav", "wav"
    if start == b"RIFF" and form == b"AVI ":
        return "avi", "avi"
    if start == b"riff" and head[24:40] == b"wave\xf3\xac\xd3\x11\x8c\xd1\x00\xc0O\x8e\xdb\x8a":
        return "w64", "w64"
    if start == b"OggS":
        return ("opus" if b"OpusHead" in head[:128] else "ogg"), "ogg"
    if start == b"FORM" and form in (b"AIFF", b"AIFC"):
        return "aiff", "aiff"
    if start == b"\x1aE\xdf\xa3":
        return ("webm" if b"webm" in head[:64] else "mkv"), "matroska"
    if start[:2] == b"\x0b\x77" and len(head) > 5:
        # The bitstream version distinguishes E-AC-3.
        return "ac3", "eac3" if head[5] >> 3 > 10 else "ac3"
    if head[:16] == b"0&\xb2u\x8ef\xcf\x11\xa6\xd9\x00\xaa\x00b\xcel":
        return "wma", "asf"
    if _is_transport_stream(head):
        return "ts", "mpegts"
    if head[4:8] in _MP4_ATOMS:
        brand = head[8:12] if head[4:8] == b"ftyp" else b""
        return ("m4a" if brand[:3] in (b"M4A", b"M4B") else "mp4"), "mov"
    return _PLAIN.get(start)


def _is_transport_stream(head: bytes) -> bool:
    """Return whether there are consecutive packets of 188 bytes, or 192 with time stamps."""
    return any(
        len(head) > first + 4 * size and all(head[first + n * size] == 0x47 for n in range(5))
        for first, size in ((0, 188), (4, 192))
    )


def mpeg_frame(head: bytes, at: int) -> tuple[str, int] | None:
    """Return `mp3` or `aac` and the length of the frame at a position, if one starts there."""
    if at + 7 > len(head) or head[at] != 0xFF or head[at + 1] & 0xE0 != 0xE0:
        return None
    version, layer = head[at + 1] >> 3 & 3, head[at + 1] >> 1 & 3
    if layer == 0:
        if head[at + 1] & 0xF6 != 0xF0 or head[at + 2] >> 2 & 15 > 12:
            return None
        length = (head[at + 3] & 3) << 11 | head[at + 4] << 3 | head[at + 5] >> 5
        return ("aac", length) if length >= 7 else None
    bitrate, rate = head[at + 2] >> 4, head[at + 2] >> 2 & 3
    if version == 1 or bitrate in (0, 15) or rate == 3:
        return None
    layer = 4 - layer
    kbits = _MP3_BITRATES[3 if version == 3 else 2, layer][bitrate - 1]
    hertz, padding = _MP3_RATES[version][rate], head[at + 2] >> 1 & 1
    if layer == 1:
        return "mp3", (12_000 * kbits // hertz + padding) * 4
    per_frame = 72_000 if layer == 3 and version != 3 else 144_000
    return "mp3", per_frame * kbits // hertz + padding


def _mpeg(head: bytes) -> tuple[str, str] | None:
    """Search for consecutive MP3 or ADTS AAC frames, also after garbage."""
    at = head.find(b"\xff")
    while at >= 0:
        frame = mpeg_frame(head, at)
        if frame is not None:
            kind, after, count = frame[0], at + frame[1], 1
            while count < 3 and (following := mpeg_frame(head, after)) and following[0] == kind:
                after, count = after + following[1], count + 1
            # At the very start, fewer frames suffice if they reach the end of the bytes read.
            if count == 3 or (at == 0 and after >= len(head)):
                return kind, kind
        at = head.find(b"\xff", at + 1)
    return None


def _refused_as(head: bytes) -> Rejected | None:
    """Return the rejection of a known but unsupported format."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n\x00")
    if _PLAYLISTS.search(head[:4096]) or _REFERENCES.match(text):
        return Rejected(
            RejectionReason.PLAYLIST,
            "This is a playlist, not audio: it refers to other files, which are never opened. "
            "Upload the audio files themselves.",
        )
    if head.startswith(_ARCHIVES) or head[257:262] == b"ustar":
        return Rejected(
            RejectionReason.ARCHIVE,
            "This is an archive, not audio. Unpack it and upload the audio files in it.",
        )
    for magic, name in _OTHERS:
        if head.startswith(magic):
            return Rejected(
                RejectionReason.UNSUPPORTED,
                f"This is {name}, which is not supported. Supported formats: {SUPPORTED_FORMATS}.",
            )
    return None


def _refusal(head: bytes) -> Rejected:
    """Return the rejection of an unsupported file."""
    if known := _refused_as(head):
        return known
    if not any(head):
        return Rejected(
            RejectionReason.EMPTY, "The file contains only zeros and no audio. Export it again."
        )
    what = "text" if _is_text(head) else "not an audio file of a known format"
    return Rejected(
        RejectionReason.UNSUPPORTED, f"This is {what}. Supported formats: {SUPPORTED_FORMATS}."
    )


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        head[:4096].decode()
    except UnicodeDecodeError as error:
        return error.start > 4000
    return True
