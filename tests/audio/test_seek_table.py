"""Long FLAC files have a seek table that decoders use; short ones have none."""

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kit.arrays import AudioBlock
from kit.audio.encode import AudioForm, Encoder
from kit.audio.seek_table import MAX_POINTS, SeekTableFile
from services.ingest.decoder import find_ffmpeg
from tests.support import signals

RATE = 8_000


@dataclass(frozen=True)
class Table:
    audio: int
    """Position of the first frame in the file."""
    points: list[tuple[int, int, int]]
    """Sample, offset and length of each frame."""
    placeholders: int


def read_table(content: bytes) -> Table:
    assert content[:4] == b"fLaC"
    position, points, placeholders, last = 4, [], 0, False
    while not last:
        last, kind = bool(content[position] >> 7), content[position] & 127
        size = int.from_bytes(content[position + 1 : position + 4], "big")
        if kind == 3:
            for at in range(position + 4, position + 4 + size, 18):
                sample = int.from_bytes(content[at : at + 8], "big")
                if sample == 2**64 - 1:
                    placeholders += 1
                    continue
                offset = int.from_bytes(content[at + 8 : at + 16], "big")
                points.append((sample, offset, int.from_bytes(content[at + 16 : at + 18], "big")))
        position += 4 + size
    return Table(position, points, placeholders)


def frame_number(content: bytes, position: int) -> int:
    """Return the number in a frame's header, of at most three bytes (RFC 9639, section 9.1.5)."""
    assert content[position : position + 2] == b"\xff\xf8"
    first, second, third = content[position + 4 : position + 7]
    if first < 0x80:
        return first
    if first < 0xE0:
        return (first & 31) << 6 | second & 63
    return (first & 15) << 12 | (second & 63) << 6 | third & 63


def audio(seconds: float) -> AudioBlock:
    return signals.noise(seconds, sample_rate=RATE, channels=2)


def encode(path: Path, block: AudioBlock, *, step: int = 100_000) -> bytes:
    with Encoder(path, RATE, channels=len(block), form=AudioForm.FLAC_16) as encoder:
        for first in range(0, block.shape[1], step):
            encoder.write(block[:, first : first + step])
    return path.read_bytes()


def test_each_point_is_the_frame_that_holds_its_sample(tmp_path: Path) -> None:
    content = encode(tmp_path / "a.flac", audio(40.0))
    table = read_table(content)
    assert len(table.points) + table.placeholders == MAX_POINTS
    assert table.points[0][:2] == (0, 0)
    steps = {b[0] - a[0] for a, b in zip(table.points, table.points[1:], strict=False)}
    assert steps == {4096}
    for sample, offset, length in table.points:
        assert frame_number(content, table.audio + offset) == sample // 4096
        assert length == min(4096, 40 * RATE - sample)


def test_a_long_file_has_points_further_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    with SeekTableFile(path, RATE, max_points=16) as sink:
        soundfile.write(sink, audio(60.0)[0], RATE, format="FLAC", subtype="PCM_16")
    table = read_table(path.read_bytes())
    assert len(table.points) + table.placeholders == 16
    assert len(table.points) > 8
    steps = {b[0] - a[0] for a, b in zip(table.points, table.points[1:], strict=False)}
    assert steps == {8 * 4096}


def test_decoders_seek_to_the_exact_sample(tmp_path: Path) -> None:
    block = audio(45.0)
    path = tmp_path / "a.flac"
    encode(path, block)
    whole, _ = soundfile.read(path, dtype="int16", always_2d=True)
    assert np.array_equal(whole, np.rint(block.T * 32_768))
    with soundfile.SoundFile(path) as file:
        for first in np.random.default_rng(3).integers(0, 45 * RATE - 50, 30):
            file.seek(int(first))
            assert np.array_equal(file.read(50, dtype="int16"), whole[first : first + 50])
    for second in (41, 3):
        command = [find_ffmpeg(), "-v", "error", "-ss", str(second), "-i", path]
        command += ["-frames:a", "1", "-f", "s16le", "-"]
        output = subprocess.run(command, check=True, capture_output=True, timeout=30).stdout
        decoded = np.frombuffer(output, "<i2").reshape(-1, 2)
        assert len(decoded) > 100
        assert np.array_equal(decoded, whole[second * RATE :][: len(decoded)])


def test_short_files_are_what_the_encoder_wrote(tmp_path: Path) -> None:
    block = audio(29.0)
    content = encode(tmp_path / "a.flac", block)
    table = read_table(content)
    assert (table.points, table.placeholders) == ([], 0)
    soundfile.write(tmp_path / "b.flac", np.rint(block.T * 32_768).astype(np.int16), RATE)
    assert len(content) == (tmp_path / "b.flac").stat().st_size


def test_the_bytes_do_not_depend_on_the_blocks(tmp_path: Path) -> None:
    block = audio(33.0)
    digests = {
        hashlib.sha256(encode(tmp_path / f"{step}.flac", block, step=step)).hexdigest()
        for step in (999, 40_000, 10**6)
    }
    assert len(digests) == 1


def test_a_full_disk_is_an_error_of_the_write() -> None:
    encoder = Encoder(Path("/dev/full"), RATE, channels=1)
    with pytest.raises(OSError, match="No space left"):
        encoder.write(audio(10.0)[:1])
