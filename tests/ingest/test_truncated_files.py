"""What was cut short is remarked, nothing else is; tags around the sound are no damage."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from contracts.ingest import IngestParams, RejectionReason, Remark
from kit.arrays import AudioBlock
from kit.audio.encode import AudioForm
from services.ingest.engine import ConfinedFfmpeg
from tests.ingest.uploads import IngestHarness, convert, cpu_seconds, on_grid, write_wav
from tests.support import signals

RATE = 44_100
VIDEO = ("-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=6", "-map", "0:a", "-map", "1:v")
CONVERSIONS: dict[str, tuple[str, ...]] = {
    "a.wav": ("-c:a", "pcm_s16le"),
    "float.wav": ("-c:a", "pcm_f32le"),
    "adpcm.wav": ("-c:a", "adpcm_ms"),
    "rf64.wav": ("-c:a", "pcm_s16le", "-rf64", "always"),
    "a.w64": ("-c:a", "pcm_s24le"),
    "a.aiff": ("-c:a", "pcm_s16be"),
    "a.caf": ("-c:a", "pcm_s16be"),
    "a.au": ("-c:a", "pcm_s16be"),
    "a.flac": (),
    "a.ogg": ("-c:a", "libvorbis"),
    "a.opus": ("-c:a", "libopus"),
    "a.oga": ("-c:a", "flac"),
    "a.mp3": ("-c:a", "libmp3lame"),
    "a.wv": (),
    "a.tta": (),
    "front.m4a": ("-c:a", "aac", "-movflags", "+faststart"),
    "front.mp4": (*VIDEO, "-c:v", "mpeg4", "-c:a", "aac", "-movflags", "+faststart"),
    "a.mkv": (*VIDEO, "-c:v", "mpeg4", "-c:a", "flac"),
    "a.webm": ("-c:a", "libopus"),
    "a.avi": (*VIDEO, "-c:v", "mpeg4", "-c:a", "pcm_s16le"),
    "back.mov": (*VIDEO, "-c:v", "mpeg4", "-c:a", "pcm_s16le"),
    "a.wma": ("-c:a", "wmav2"),
    "a.ac3": ("-c:a", "ac3"),
    "a.ts": (*VIDEO, "-c:v", "mpeg2video", "-c:a", "mp2"),
    "a.aac": ("-c:a", "aac"),
}
SILENT_ABOUT_IT = ("back.mov", "a.wma", "a.ac3", "a.ts", "a.aac")
"""These do not tell how long they should be, or cannot be read at all without their end."""


@pytest.fixture(scope="module")
def song() -> AudioBlock:
    return on_grid(signals.noise(4.0, channels=2, amplitude=0.2), 16)


@pytest.fixture
def wav(song: AudioBlock, tmp_path: Path) -> Path:
    return write_wav(tmp_path / "source.wav", song, RATE, AudioForm.WAV_16)


@pytest.mark.parametrize("name", CONVERSIONS)
def test_only_what_was_cut_short_is_remarked(
    name: str, wav: Path, engine: ConfinedFfmpeg, harness: IngestHarness, tmp_path: Path
) -> None:
    path = convert(engine, wav, tmp_path / name, *CONVERSIONS[name])
    whole = harness.take(path)
    # A picture that goes on longer than the sound is no cut.
    assert whole.result.remarks == ()
    assert whole.result.audio.duration == pytest.approx(4.0, abs=0.1)
    if name in SILENT_ABOUT_IT:
        return
    content = path.read_bytes()
    for share in (0.5, 0.9):
        path.write_bytes(content[: int(len(content) * share)])
        assert Remark.TRUNCATED in harness.take(path).result.remarks, share


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF - 36])
def test_a_wav_that_was_written_live_is_not_cut_short(
    size: int, wav: Path, song: AudioBlock, harness: IngestHarness, tmp_path: Path
) -> None:
    content = bytearray(wav.read_bytes())
    struct.pack_into("<I", content, content.index(b"data") + 4, size)
    path = tmp_path / "live.wav"
    path.write_bytes(content)
    taken = harness.take(path)
    assert taken.result.remarks == ()
    np.testing.assert_array_equal(taken.audio, song)


def ape(text: bytes) -> bytes:
    item = struct.pack("<II", len(text), 0) + b"Title\0" + text
    tail = struct.pack("<8sIIII8x", b"APETAGEX", 2000, len(item) + 32, 1, 1 << 31)
    head = struct.pack("<8sIIII8x", b"APETAGEX", 2000, len(item) + 32, 1, 1 << 31 | 1 << 29)
    return head + item + tail


ID3V1 = b"TAG" + bytes(125)
ID3V2 = b"ID3\x03\0\0\0\0\x01\0" + bytes(128)


@pytest.mark.parametrize("name", ["a.flac", "a.wv", "a.tta", "a.mp3"])
@pytest.mark.parametrize("tail", [ID3V1, ape(b"x"), ape(b"x") + ID3V1], ids=["id3", "ape", "both"])
@pytest.mark.parametrize("front", [b"", ID3V2], ids=["nothing", "id3v2"])
def test_tags_around_the_sound_are_no_damage(
    name: str,
    tail: bytes,
    front: bytes,
    wav: Path,
    song: AudioBlock,
    engine: ConfinedFfmpeg,
    harness: IngestHarness,
    tmp_path: Path,
) -> None:
    content = convert(engine, wav, tmp_path / name, *CONVERSIONS[name]).read_bytes()
    path = tmp_path / "tagged"
    path.write_bytes(front + content + tail)
    taken = harness.take(path)
    assert taken.result.remarks == ()
    if name != "a.mp3":
        np.testing.assert_array_equal(taken.audio, song)


def test_real_damage_before_a_tail_is_still_remarked(
    wav: Path, engine: ConfinedFfmpeg, harness: IngestHarness, tmp_path: Path
) -> None:
    content = bytearray(convert(engine, wav, tmp_path / "a.flac").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200] = bytes(200)
    path = tmp_path / "damaged"
    path.write_bytes(bytes(content) + ID3V1)
    assert Remark.DAMAGED in harness.take(path).result.remarks


def test_zeros_before_an_mp3_are_skipped(
    wav: Path, engine: ConfinedFfmpeg, harness: IngestHarness, tmp_path: Path
) -> None:
    content = convert(engine, wav, tmp_path / "a.mp3").read_bytes()
    path = tmp_path / "behind"
    for zeros in (100, 70_000, 3_000_000):
        path.write_bytes(bytes(zeros) + content)
        taken = harness.take(path)
        assert taken.result.source.container == "mp3"
        assert taken.result.audio.duration == pytest.approx(4.0, abs=0.1)
        assert taken.result.remarks == ()


def test_a_format_that_is_not_taken_is_named_behind_tags_too(
    harness: IngestHarness, tmp_path: Path
) -> None:
    path = tmp_path / "upload"
    path.write_bytes(ID3V2 + b"MAC \x96\x0f\0\0" + bytes(5_000))
    reason, message = harness.refusal(path)
    assert reason is RejectionReason.UNSUPPORTED
    assert "Monkey's Audio" in message
    assert "Supported formats: WAV, W64, AIFF" in message


PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(12 << 20)


def id3_cover() -> bytes:
    body = b"\0image/png\0\x03\0" + PICTURE
    frame = b"APIC" + struct.pack(">IH", len(body), 0) + body
    return b"ID3\x03\0\0" + bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0)) + frame


def with_cover_picture(name: str, content: bytes) -> bytes:
    """Return a file with a picture of 12 MiB in it."""
    if name == "a.flac":
        image = struct.pack(">II", 3, 9) + b"image/png" + bytes(4) + struct.pack(">4I", 1, 1, 24, 0)
        image += struct.pack(">I", len(PICTURE)) + PICTURE
        return content[:42] + b"\x06" + len(image).to_bytes(3, "big") + image + content[42:]
    if name in ("a.wav", "a.aiff"):
        order, chunk = ("<", b"id3 ") if name == "a.wav" else (">", b"ID3 ")
        tags = id3_cover() + bytes(len(id3_cover()) % 2)
        grown = content + chunk + struct.pack(order + "I", len(tags)) + tags
        return grown[:4] + struct.pack(order + "I", len(grown) - 8) + grown[8:]
    if name == "front.m4a":
        data = b"data" + struct.pack(">II", 14, 0) + PICTURE
        data = struct.pack(">I", len(data) + 4) + data
        output = content
        for box in (b"covr", b"ilst"):
            data = struct.pack(">I", len(data) + 8) + box + data
        handler = b"hdlr" + bytes(8) + b"mdirappl" + bytes(9)
        meta = bytes(4) + struct.pack(">I", len(handler) + 4) + handler + data
        for box in (b"meta", b"udta"):
            meta = struct.pack(">I", len(meta) + 8) + box + meta
        # At the end of the movie's box, which is the last one of the file.
        at = output.rindex(b"moov") - 4
        size = struct.unpack_from(">I", output, at)[0]
        return output[:at] + struct.pack(">I", size + len(meta)) + output[at + 4 :] + meta
    return id3_cover() + content


@pytest.mark.parametrize("name", ["a.mp3", "a.flac", "a.wav", "a.aiff", "a.aac", "front.m4a"])
def test_a_cover_of_any_size_is_skipped(
    name: str, wav: Path, engine: ConfinedFfmpeg, harness: IngestHarness, tmp_path: Path
) -> None:
    arguments = ("-c:a", "aac") if name == "front.m4a" else CONVERSIONS[name]
    content = convert(engine, wav, tmp_path / name, *arguments).read_bytes()
    path = tmp_path / "covered"
    path.write_bytes(with_cover_picture(name, content))
    result = harness.take(path).result
    assert result.audio.duration == pytest.approx(4.0, abs=0.1)
    assert result.remarks == ()


def test_only_flat_tops_are_clipped(harness: IngestHarness, tmp_path: Path) -> None:
    loud = signals.sine(110.0, 2.0, amplitude=1.9)
    round_tops = harness.take(write_wav(tmp_path / "a.wav", loud, RATE)).result
    assert round_tops.levels.clipped_samples == 0
    assert round_tops.remarks == (Remark.SCALED,)
    for form in (AudioForm.WAV_16, AudioForm.WAV_FLOAT):
        flat = write_wav(tmp_path / "b.wav", np.clip(loud, -1, 1), RATE, form)
        assert harness.take(flat).result.levels.clipped_samples > RATE
    higher = write_wav(tmp_path / "c.wav", np.clip(loud, -1.5, 1.5), RATE)
    assert harness.take(higher).result.levels.clipped_samples > RATE // 2


@pytest.mark.parametrize(
    ("channels", "rate", "reason"),
    [(8, 384_000, RejectionReason.TOO_LARGE), (1, 8_000, RejectionReason.TOO_LONG)],
)
def test_what_the_header_tells_is_refused_before_it_is_decoded(
    channels: int, rate: int, reason: RejectionReason, harness: IngestHarness, tmp_path: Path
) -> None:
    path = tmp_path / "a.flac"
    silence = np.zeros((rate, channels), np.int16)
    with soundfile.SoundFile(path, "w", rate, channels, "PCM_16", format="FLAC") as file:
        for _ in range(3):
            file.write(silence)
    content = bytearray(path.read_bytes())
    # As long as a header may say that it is: five hours.
    stated = int.from_bytes(content[18:26], "big") >> 36 << 36 | 5 * 3600 * rate
    content[18:26] = stated.to_bytes(8, "big")
    path.write_bytes(content)
    began = cpu_seconds()
    bounds = IngestParams(
        max_duration=6 * 3600.0 if reason is RejectionReason.TOO_LARGE else 4 * 3600.0
    )
    assert harness.refusal(path, bounds)[0] is reason
    assert cpu_seconds() - began < 1.0
    assert not list(tmp_path.rglob("canonical.flac"))


def test_a_silent_track_is_no_bomb(harness: IngestHarness, tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    with soundfile.SoundFile(path, "w", RATE, 2, "PCM_24", format="FLAC") as file:
        for _ in range(600):
            file.write(np.zeros((RATE, 2), np.int32))
    assert harness.take(path).result.remarks == (Remark.SILENT,)
