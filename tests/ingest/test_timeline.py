"""Sound starts where its time line says; gaps are silence; times that run back lose nothing."""

import os
from pathlib import Path

import numpy as np
import pytest

from contracts.ingest import Remark
from kit.arrays import AudioBlock
from kit.worker.engines import EngineContext
from services.ingest.engine import ConfinedFfmpeg, load_engine
from services.ingest.timeline import FirstFrame
from tests.ingest.uploads import IngestHarness, convert, on_grid, write_wav

RATE = 48_000
LATE = RATE // 2
VIDEO = ("-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=4", "-map", "0:a", "-map", "1:v")
MPEG4 = (*VIDEO, "-c:v", "mpeg4")
CASES: dict[str, tuple[str, tuple[str, ...], int]] = {
    "late aac.mp4": ("0.5", (*MPEG4, "-c:a", "aac", "-b:a", "192k"), LATE),
    "late flac.mkv": ("0.5", (*MPEG4, "-c:a", "flac"), LATE),
    "late aac.mkv": ("0.5", (*MPEG4, "-c:a", "aac"), LATE),
    "late mp3.mkv": ("0.5", (*MPEG4, "-c:a", "libmp3lame"), LATE),
    "late pcm.mov": ("0.5", (*MPEG4, "-c:a", "pcm_s16le"), LATE),
    "late opus.webm": ("0.5", (*VIDEO, "-c:v", "libvpx", "-c:a", "libopus"), LATE),
    "late.m4a": ("0.5", ("-c:a", "aac", "-b:a", "192k"), LATE),
    "late alac.m4a": ("0.5", ("-c:a", "alac"), LATE),
    "late.mka": ("0.5", ("-c:a", "flac"), LATE),
    "late.ts": ("0.5", (*VIDEO, "-c:v", "mpeg2video", "-c:a", "mp2"), LATE),
    "late.wmv": ("0.5", (*VIDEO, "-c:v", "wmv2", "-c:a", "wmav2"), LATE),
    "much later.mp4": ("2.75", (*MPEG4, "-c:a", "aac"), 132_000),
    "early.mp4": ("-0.5", (*MPEG4, "-c:a", "aac"), -LATE),
    "early.mov": ("-0.5", (*MPEG4, "-c:a", "pcm_s16le"), -LATE),
    "dash.mp4": ("0", ("-c:a", "aac", "-movflags", "+dash+delay_moov"), 0),
    "plain.m4a": ("0", ("-c:a", "aac"), 0),
    "plain.mp4": ("0", (*MPEG4, "-c:a", "aac"), 0),
    "plain aac.mkv": ("0", (*MPEG4, "-c:a", "aac"), 0),
    "plain opus.webm": ("0", ("-c:a", "libopus"), 0),
}


@pytest.fixture(scope="module")
def noise() -> AudioBlock:
    output = np.random.default_rng(7).standard_normal((2, 3 * RATE)) * 0.1
    return on_grid(output.astype(np.float32), 16)


@pytest.fixture
def wav(noise: AudioBlock, tmp_path: Path) -> Path:
    return write_wav(tmp_path / "sound.wav", noise, RATE)


def lag(later: AudioBlock, first: AudioBlock) -> int:
    """Return how many samples later a signal comes."""
    size = 1 << 19
    spectrum = np.fft.rfft(later[0], size) * np.conj(np.fft.rfft(first[0], size))
    at = int(np.fft.irfft(spectrum, size).argmax())
    return at if at < size // 2 else at - size


def check(
    name: str, engine: ConfinedFfmpeg, harness: IngestHarness, folder: Path, noise: AudioBlock
) -> None:
    offset, arguments, right = CASES[name]
    wav = write_wav(folder / "sound.wav", noise, RATE)
    path = convert(harness.engine, wav, folder / name, *arguments, before=("-itsoffset", offset))
    taken = IngestHarness(engine, harness.folder).take(path)
    came = lag(taken.audio, noise)
    print(f"{name}: {came} samples late, right is {right}")
    # Times in these containers are of a millisecond; WebM's start is rounded to one.
    assert abs(came - right) < 60
    assert (Remark.DELAYED in taken.result.remarks) == (right > 0)
    assert Remark.TRUNCATED not in taken.result.remarks
    if right > 0:
        # Silence stands in front of the sound; the few samples before it are an encoder's own.
        assert not taken.audio[:, : right - 5_000].any()
        assert taken.result.source.start == pytest.approx(right / RATE, abs=0.1)


@pytest.mark.parametrize("name", CASES)
def test_sound_starts_where_the_time_line_says(
    name: str, engine: ConfinedFfmpeg, harness: IngestHarness, tmp_path: Path, noise: AudioBlock
) -> None:
    check(name, engine, harness, tmp_path, noise)


@pytest.mark.skipif("CRATEDIG_TEST_FFMPEG" not in os.environ, reason="no other ffmpeg is named")
@pytest.mark.parametrize("name", CASES)
def test_another_ffmpeg_gives_the_same_start(
    name: str,
    harness: IngestHarness,
    tmp_path: Path,
    noise: AudioBlock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = Path(os.environ["CRATEDIG_TEST_FFMPEG"]).resolve()
    folder = tmp_path / "path"
    folder.mkdir()
    (folder / "ffmpeg").symlink_to(other)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    check(name, load_engine(EngineContext(prefer="system")), harness, tmp_path, noise)


@pytest.mark.parametrize(
    ("name", "codec"), [("gap.mkv", "flac"), ("gap.webm", "libopus"), ("gap.mp4", "aac")]
)
def test_a_gap_is_silence(
    name: str, codec: str, harness: IngestHarness, tmp_path: Path, wav: Path, noise: AudioBlock
) -> None:
    frame = 1024 if codec == "aac" else 480
    cut = f"asetnsamples={frame}:p=0,aselect='not(between(t,1,1.999))'"
    path = convert(harness.engine, wav, tmp_path / name, "-af", cut, "-c:a", codec)
    audio = harness.take(path).audio
    assert abs(lag(audio[:, 110_000:], noise[:, 110_000:])) < 60
    assert not audio[:, 55_000:90_000].any()


def test_times_that_run_back_lose_nothing(
    harness: IngestHarness, tmp_path: Path, wav: Path, noise: AudioBlock
) -> None:
    content = convert(harness.engine, wav, tmp_path / "a.mka", "-c:a", "flac").read_bytes()
    segment = content.index(bytes.fromhex("18538067")) + 4
    clusters = content.index(bytes.fromhex("1f43b675")), content.rindex(bytes.fromhex("1c53bb6b"))
    again = content[slice(*clusters)]
    # A live segment of unknown size, in which the song comes twice, each from time 0.
    head = content[:segment] + b"\x01" + b"\xff" * 7 + content[segment + 8 : clusters[1]]
    (tmp_path / "b.mka").write_bytes(head + again)
    audio = harness.take(tmp_path / "b.mka").audio
    np.testing.assert_array_equal(audio, np.concatenate((noise, noise), axis=1))


@pytest.mark.parametrize(
    ("demuxer", "earliest", "first", "video", "start"),
    [
        ("mov", "0.500000", 24_000, False, 0.5),
        ("matroska", "0.000000", 24_000, True, 0.5),
        # Cut out of a longer stream: its own start counts.
        ("matroska", "3600.000000", 3_600 * 48_000 + 24_000, True, 0.5),
        ("mpegts", "1.400000", 91_200, True, 0.5),
        ("mpegts", "1.400000", 91_200, False, 0.0),
        ("mov", "-0.500000", -24_000, True, -0.5),
    ],
)
def test_the_start_is_read_of_the_first_frame(
    demuxer: str, earliest: str, first: int, *, video: bool, start: float
) -> None:
    listing = (
        f"#software: x\n#tb 0: 1/48000\n#media_type 0: audio\n0, 0, {first}, 1024, 8192, 0x1\n"
    )
    log = f"[info]   Duration: 00:00:04.00, start: {earliest}, bitrate: 18 kb/s\n"
    log += "[info]   Stream #0:0: Video: mpeg4\n" if video else ""
    assert FirstFrame(listing, log).start(demuxer) == pytest.approx(start, abs=1e-9)


def test_without_a_first_frame_the_start_is_zero() -> None:
    assert FirstFrame("", "").start("mov") == 0.0
    assert FirstFrame("#tb 0: 1/0\n0, 0, 5, 1, 1, 0x0\n", "").start("mov") == 0.0
