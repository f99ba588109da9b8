"""Malicious files: decompression bombs, false headers, playlists with a wrong suffix (T17)."""

import io
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kit.audio.encode import AudioForm, Encoder
from services.ingest.engine import ConfinedFfmpeg
from tests.ingest.uploads import convert
from tests.support import signals


@dataclass(frozen=True, slots=True)
class FileFactory:
    """What the functions that write malicious files need."""

    folder: Path
    engine: ConfinedFfmpeg
    port: int
    """The loopback port of a canary listener."""

    @property
    def url(self) -> str:
        """A URL that nothing may request."""
        return f"http://127.0.0.1:{self.port}/canary"


Maker = Callable[[FileFactory, Path], None]


def _crc8(content: bytes) -> int:
    crc = 0
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc


def _table16() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x8005) & 0xFFFF if crc & 0x8000 else crc << 1
        table.append(crc)
    return table


def _crc16(content: bytes, table: list[int]) -> int:
    crc = 0
    for byte in content:
        crc = (crc << 8 & 0xFFFF) ^ table[crc >> 8 ^ byte]
    return crc


def _flac_number(number: int) -> bytes:
    """Return a frame number as FLAC writes it, like a long form of UTF-8."""
    if number < 0x80:
        return bytes([number])
    count = 2 if number < 0x800 else 3 if number < 0x10000 else 4
    tail = [0x80 | number >> 6 * place & 0x3F for place in reversed(range(count - 1))]
    return bytes([(0xFF << 8 - count & 0xFF) | number >> 6 * (count - 1), *tail])


def silent_flac(factory: FileFactory, path: Path) -> None:
    """24 hours of silence at 8 kHz in an eighth of a megabyte."""
    block, rate, hours = 65_535, 8_000, 24
    frames = hours * 3600 * rate // block
    packed = rate << 44 | 15 << 36 | frames * block
    info = struct.pack(">HH", block, block) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    table = _table16()
    with path.open("wb") as file:
        file.write(b"fLaC" + b"\x80" + len(info).to_bytes(3, "big") + info)
        for number in range(frames):
            header = b"\xff\xf8\x74\x08" + _flac_number(number) + struct.pack(">H", block - 1)
            header += bytes([_crc8(header)])
            frame = header + bytes(3)
            file.write(frame + struct.pack(">H", _crc16(frame, table)))


def silent_alac(factory: FileFactory, path: Path) -> None:
    """Four hours of silence at 8 kHz as ALAC."""
    _encoded(factory, path, 4 * 3600, "-c:a", "alac", "-f", "mov")


def silent_opus(factory: FileFactory, path: Path) -> None:
    """A quarter of an hour of Opus that says nothing."""
    arguments = ("-c:a", "libopus", "-b:a", "6k", "-frame_duration", "60", "-f", "ogg")
    _encoded(factory, path, 900, *arguments)


def _encoded(factory: FileFactory, path: Path, seconds: int, *arguments: str) -> None:
    second = factory.folder / "second.wav"
    with Encoder(second, 8_000, channels=1, form=AudioForm.WAV_16) as encoder:
        encoder.write(signals.silence(1.0, 8_000))
    loop = ("-filter_complex", f"aloop=loop={seconds}:size=8000")
    convert(factory.engine, second, path, *loop, *arguments)


def _wav(
    *, channels: int = 2, rate: int = 44_100, size: int | None = None, data: bytes = b""
) -> bytes:
    """Return a 16-bit WAV whose header says what it likes."""
    frame = min(65_535, 2 * channels)
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * 2 & 0xFFFFFFFF, frame, 16)
    stated = len(data) if size is None else size
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", stated) + data
    return b"RIFF" + struct.pack("<I", (36 + stated) & 0xFFFFFFFF) + body


def many_chunks(factory: FileFactory, path: Path) -> None:
    """A million chunks, and nothing in them."""
    chunk = b"junk\x00\x00\x00\x00"
    path.write_bytes(_wav()[:36] + chunk * 1_000_000)


def large_tags(factory: FileFactory, path: Path) -> None:
    """An MP3 whose tags take 256 MiB."""
    with path.open("wb") as file:
        file.write(b"ID3\x03\x00\x00\x7f\x7f\x7f\x7f")
        file.truncate((1 << 28) + 4096)


def cover_flood(factory: FileFactory, path: Path) -> None:
    """A FLAC with three hundred covers of a megabyte each."""
    sound = factory.folder / "sound.flac"
    with Encoder(sound, 44_100, channels=1) as encoder:
        encoder.write(signals.sine(440.0, 1.0))
    content = sound.read_bytes()
    picture = struct.pack(">II", 3, 9) + b"image/png" + struct.pack(">6I", 0, 1, 1, 24, 0, 1 << 20)
    picture += bytes(1 << 20)
    block = b"\x06" + len(picture).to_bytes(3, "big") + picture
    info = bytes([content[4] & 0x7F]) + content[5:42]
    path.write_bytes(b"fLaC" + info + block * 300 + b"\x81\x00\x00\x00")


def reference_movie(factory: FileFactory, path: Path) -> None:
    """A QuickTime file whose samples lie at an address."""
    movie = factory.folder / "movie.mov"
    sound = factory.folder / "sound.wav"
    with Encoder(sound, 44_100, channels=1, form=AudioForm.WAV_16) as encoder:
        encoder.write(signals.sine(440.0, 1.0))
    convert(factory.engine, sound, movie, "-c:a", "pcm_s16le")
    content = bytearray(movie.read_bytes())
    at = content.rindex(b"dref") - 4
    size = struct.unpack_from(">I", content, at)[0]
    address = factory.url.encode() + b"\0"
    entry = struct.pack(">I4sI", 12 + len(address), b"url ", 0) + address
    reference = struct.pack(">I4sII", 16 + len(entry), b"dref", 0, 1) + entry
    content[at : at + size] = reference
    for name in (b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        where = content.rindex(name, 0, at) - 4
        old = struct.unpack_from(">I", content, where)[0]
        struct.pack_into(">I", content, where, old + len(reference) - size)
    # The samples are gone and lie beyond the file's end: sound could only come from the address.
    struct.pack_into(">I", content, content.rindex(b"stco") + 12, 1 << 24)
    samples = content.index(b"mdat") - 4
    path.write_bytes(bytes(content[:samples]) + bytes(content[content.index(b"moov") - 4 :]))


def _zip(*entries: tuple[str, bytes], link: bool = False) -> bytes:
    archive_bytes = io.BytesIO()
    with zipfile.ZipFile(archive_bytes, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name)
            if link:
                info.external_attr = 0o120777 << 16
            archive.writestr(info, content)
    return archive_bytes.getvalue()


def _text(text: str, *, head: bytes = b"") -> Maker:
    def make(factory: FileFactory, path: Path) -> None:
        path.write_bytes(head + text.format(url=factory.url, port=factory.port).encode())

    return make


def _bytes(content: bytes) -> Maker:
    def make(factory: FileFactory, path: Path) -> None:
        path.write_bytes(content)

    return make


_HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{url}\n#EXT-X-ENDLIST\n"
_HLS_FILE = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
_SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0\r\n"
)
_XSPF = (
    '<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList><track>'
    "<location>{url}</location></track></trackList></playlist>"
)
_DASH = '<?xml version="1.0"?><MPD><Period><BaseURL>{url}</BaseURL></Period></MPD>'
_ID3 = b"ID3\x03\x00\x00\x00\x00\x00\x0a" + bytes(10)

HOSTILE: dict[str, Maker] = {
    "silence_24h.flac": silent_flac,
    "silence_4h.m4a": silent_alac,
    "silence_15min.opus": silent_opus,
    "says_4_gib.wav": _bytes(_wav(size=0xFFFFFFFF)),
    "channels_65535.wav": _bytes(_wav(channels=65_535, data=bytes(1 << 18))),
    "channels_9.wav": _bytes(_wav(channels=9, data=bytes(18 * 4_000))),
    "rate_1_hz.wav": _bytes(_wav(rate=1, data=bytes(4_000))),
    "rate_4_ghz.wav": _bytes(_wav(rate=0xFFFFFFFF, data=bytes(4_000))),
    "chunks_1e6.wav": many_chunks,
    "tags_256_mib.mp3": large_tags,
    "cover_flood.flac": cover_flood,
    "hls_http.mp3": _text(_HLS),
    "hls_file.mp3": _text(_HLS_FILE),
    "hls_after_tags.mp3": _text(_HLS, head=_ID3),
    "hls_data.mp3": _text("#EXTM3U\n#EXTINF:1,\ndata:audio/wav;base64,UklGRg==\n"),
    "concat.mp3": _text("ffconcat version 1.0\nfile /etc/passwd\nfile {url}\n"),
    "concat_url.mp3": _text("concat:/etc/passwd|{url}"),
    "sdp.mp3": _text(_SDP),
    "xspf.mp3": _text(_XSPF),
    "dash.mp3": _text(_DASH),
    "pls.mp3": _text("[playlist]\nFile1={url}\nNumberOfEntries=1\n"),
    "asx.mp3": _text('<asx version="3.0"><entry><ref href="{url}"/></entry></asx>'),
    "wav_around_hls.wav": _text(_HLS, head=b"RIFF\xff\xff\x00\x00WAVE"),
    "reference_movie.mov": reference_movie,
    "zip_slip.mp3": _bytes(_zip(("../../../../tmp/slipped", b"x"), ("/etc/slipped", b"x"))),
    "zip_link.mp3": _bytes(_zip(("link", b"/etc/passwd"), link=True)),
    "zip_of_zips.mp3": _bytes(
        _zip(*((f"{n}.zip", _zip(("0", bytes(1 << 20)))) for n in range(16)))
    ),
    "zip_of_many.mp3": _bytes(_zip(*((str(n), b"") for n in range(10_000)))),
    "gzip.mp3": _bytes(b"\x1f\x8b\x08" + bytes(200)),
    "noise.mp3": _bytes(np.random.default_rng(5).bytes(1 << 16).replace(b"\xff", b"\xfe")),
}
