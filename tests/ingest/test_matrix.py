"""Containers, forms of samples and channels, each decoded bit by bit as libsndfile reads it."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from contracts.ingest import IngestParams, Remark
from kit.arrays import AudioBlock
from services.ingest.decoder import UploadedFile
from services.ingest.dsp import downmix_matrix
from services.ingest.engine import ConfinedFfmpeg
from services.ingest.sniff import sniff
from tests.ingest.uploads import IngestHarness

RATE = 44_100
SAMPLES = 1_000
FORMS = ("PCM_16", "FLOAT", "PCM_S8", "PCM_U8", "PCM_24", "PCM_32", "DOUBLE", "ULAW", "ALAW")
CONTAINERS = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU", "FLAC")


def decode(engine: ConfinedFfmpeg, path: Path, folder: Path) -> tuple[AudioBlock, int]:
    """Return every channel as the engine decodes it, and the mask of their places."""
    folder.mkdir(exist_ok=True)
    upload = UploadedFile(path, path.stat().st_size, sniff(path))
    with engine.run_decoder(upload, bounds=IngestParams(), folder=folder) as decoding:
        blocks = list(decoding.blocks())
        decoding.finish()
        return np.concatenate(blocks, axis=1), decoding.mask


def noise(channels: int, bits: int = 24) -> AudioBlock:
    """Return noise of a few bits, different in every channel."""
    output = np.random.default_rng(channels * 100 + bits).uniform(-0.3, 0.3, (channels, SAMPLES))
    return (np.round(output * 2.0 ** (bits - 1)) / 2.0 ** (bits - 1)).astype(np.float32)


def reference(path: Path) -> AudioBlock:
    audio, _ = soundfile.read(path, dtype="float32", always_2d=True)
    return np.ascontiguousarray(audio.T)


def forms(container: str) -> Iterator[tuple[str, int]]:
    for form in FORMS:
        if soundfile.check_format(container, form):
            for channels in range(1, 9) if form in ("PCM_16", "FLOAT") else (1, 2, 5):
                yield form, channels


@pytest.mark.parametrize("container", CONTAINERS)
def test_decoded_as_libsndfile_reads_it(
    container: str, engine: ConfinedFfmpeg, tmp_path: Path
) -> None:
    agreed: dict[str, list[int]] = {}
    wrong = []
    for form, channels in forms(container):
        path = tmp_path / f"{form}-{channels}"
        soundfile.write(path, noise(channels).T, RATE, format=container, subtype=form)
        output, mask = decode(engine, path, tmp_path / "sandbox")
        # libsndfile labels the channels of WAVEX alone; FLAC's are defined by their number.
        right_places = container in ("WAVEX", "RF64", "FLAC") or mask == 0
        if right_places and np.array_equal(output, reference(path)):
            agreed.setdefault(form, []).append(channels)
        else:
            wrong.append((form, channels))
    print(f"\n{container}: bit-exact for {agreed}")
    assert wrong == []
    assert agreed


def _riff_form(size: int, valid: int, channels: int, *, tag: int, kind: str) -> bytes:
    """Return the body of a `fmt ` chunk: `plain`, or `extended` with a mask of 0."""
    block = size * channels
    bits = valid if kind == "plain" else 8 * size
    form = struct.pack("<HHIIHH", tag, channels, RATE, RATE * block, block, bits)
    if kind == "plain":
        return form
    guid = struct.pack("<IHH", tag, 0, 0x10) + bytes.fromhex("800000aa00389b71")
    return struct.pack("<H", 0xFFFE) + form[2:] + struct.pack("<HHI", 22, valid, 0) + guid


def _riff(form: bytes, data: bytes, *, order: str = "<", name: bytes = b"RIFF") -> bytes:
    body = b"WAVE"
    if name == b"RF64":
        body += b"ds64" + struct.pack("<IQQQI", 28, 0, len(data), 0, 0)
    stated = 0xFFFFFFFF if name == b"RF64" else len(data)
    body += b"fmt " + struct.pack(order + "I", len(form)) + form
    body += b"data" + struct.pack(order + "I", stated) + data + bytes(len(data) % 2)
    return name + struct.pack(order + "I", 0xFFFFFFFF if name == b"RF64" else len(body)) + body


def _rifx(form: bytes, data: bytes, size: int) -> bytes:
    """Turn a little-endian WAV's parts into a big-endian one."""
    swapped = struct.pack(">HHIIHH", *struct.unpack("<HHIIHH", form))
    samples = np.frombuffer(data, np.uint8).reshape(-1, size)[:, ::-1].tobytes()
    return _riff(swapped, samples, order=">", name=b"RIFX")


def _w64(form: bytes, data: bytes) -> bytes:
    tail = bytes.fromhex("f3acd3118cd100c04f8edb8a")
    riff = bytes.fromhex("726966662e91cf11a5d628db04c10000")
    body = b"wave" + tail
    for name, content in ((b"fmt ", form), (b"data", data)):
        body += name + tail + struct.pack("<Q", 24 + len(content)) + content
        body += bytes(-len(content) % 8)
    return riff + struct.pack("<Q", 24 + len(body)) + body


def _integers(audio: AudioBlock, size: int, valid: int) -> bytes:
    """Return samples that fill their container from the top, little-endian."""
    whole = np.round(audio.T * 2.0 ** (valid - 1)).astype(np.int64) << (8 * size - valid)
    unsigned = 128 if size == 1 else 0
    return b"".join(
        (int(value) + unsigned).to_bytes(size, "little", signed=size > 1) for value in whole.ravel()
    )


def _wrapped(wrapping: str, form: bytes, data: bytes, size: int) -> bytes:
    if wrapping == "rifx":
        return _rifx(form, data, size)
    if wrapping == "w64":
        return _w64(form, data)
    return _riff(form, data, name=b"RF64" if wrapping == "rf64" else b"RIFF")


VALID = (
    *((4, valid) for valid in (32, 24, 20, 18, 16, 12)),
    *((3, valid) for valid in (24, 20, 18, 16, 12)),
    *((2, valid) for valid in (16, 14, 12, 10)),
    *((1, valid) for valid in (8, 6)),
)


@pytest.mark.parametrize("wrapping", ["plain", "extended", "rf64", "rifx", "w64"])
@pytest.mark.parametrize(("size", "valid"), VALID)
def test_valid_bits_fewer_than_the_container_has(
    wrapping: str, size: int, valid: int, engine: ConfinedFfmpeg, tmp_path: Path
) -> None:
    for channels in (1, 2, 5):
        audio = noise(channels, min(valid, 24))
        data = _integers(audio, size, valid)
        kind = "plain" if wrapping in ("plain", "rifx") else "extended"
        form = _riff_form(size, valid, channels, tag=1, kind=kind)
        path = tmp_path / f"{channels}.wav"
        path.write_bytes(_wrapped(wrapping, form, data, size))
        output, mask = decode(engine, path, tmp_path / "sandbox")
        np.testing.assert_array_equal(output, audio)
        assert mask == 0
        # libsndfile looks at the stated bits of a plain header alone, not at the block's size.
        if not (kind == "plain" and (valid + 7) // 8 != size):
            np.testing.assert_array_equal(output, reference(path))


@pytest.mark.parametrize("kind", ["plain", "extended"])
@pytest.mark.parametrize("size", [4, 8])
def test_floats_of_a_wav(kind: str, size: int, engine: ConfinedFfmpeg, tmp_path: Path) -> None:
    audio = noise(5)
    form = _riff_form(size, 8 * size, 5, tag=3, kind=kind)
    path = tmp_path / "a.wav"
    path.write_bytes(_riff(form, audio.T.astype(f"<f{size}").tobytes()))
    output, _ = decode(engine, path, tmp_path / "sandbox")
    np.testing.assert_array_equal(output, audio)
    np.testing.assert_array_equal(output, reference(path))


@pytest.mark.parametrize(("size", "bits"), [(2, 10), (2, 12), (3, 18), (3, 20), (4, 28)])
def test_an_aiff_of_odd_bits(size: int, bits: int, engine: ConfinedFfmpeg, tmp_path: Path) -> None:
    audio = noise(3, min(bits, 24))
    whole = np.round(audio.T * 2.0 ** (bits - 1)).astype(np.int64) << (8 * size - bits)
    data = b"".join(int(value).to_bytes(size, "big", signed=True) for value in whole.ravel())
    rate = struct.pack(">HQ", 16383 + 15, RATE << 48)
    common = struct.pack(">HIH", 3, SAMPLES, bits) + rate
    body = b"AIFFCOMM" + struct.pack(">I", len(common)) + common
    body += b"SSND" + struct.pack(">III", 8 + len(data), 0, 0) + data
    path = tmp_path / "a.aiff"
    path.write_bytes(b"FORM" + struct.pack(">I", len(body)) + body)
    output, mask = decode(engine, path, tmp_path / "sandbox")
    np.testing.assert_array_equal(output, audio)
    np.testing.assert_array_equal(output, reference(path))
    assert mask == 0


@pytest.mark.parametrize("endian", ["big", "little"])
@pytest.mark.parametrize(("size", "bits"), [(4, 24), (4, 20), (3, 20), (3, 24), (2, 12)])
def test_a_caf_of_padded_samples(
    size: int, bits: int, endian: str, engine: ConfinedFfmpeg, tmp_path: Path
) -> None:
    audio = noise(4, bits)
    data = _integers(audio, size, bits)
    if endian == "big":
        data = np.frombuffer(data, np.uint8).reshape(-1, size)[:, ::-1].tobytes()
    desc = struct.pack(">d4sIIIII", RATE, b"lpcm", 2 * (endian == "little"), 4 * size, 1, 4, bits)
    path = tmp_path / "a.caf"
    path.write_bytes(
        b"caff\0\1\0\0desc" + struct.pack(">q", len(desc)) + desc
        + b"data" + struct.pack(">qI", 4 + len(data), 0) + data
    )  # fmt: skip
    output, mask = decode(engine, path, tmp_path / "sandbox")
    np.testing.assert_array_equal(output, audio)
    assert mask == 0


@pytest.mark.parametrize("channels", range(3, 9))
@pytest.mark.parametrize("container", ["WAV", "W64", "AIFF", "CAF", "AU"])
def test_no_channel_without_a_label_is_lost(
    container: str, channels: int, harness: IngestHarness, tmp_path: Path
) -> None:
    audio = noise(channels)
    path = tmp_path / "upload"
    soundfile.write(path, audio.T, RATE, format=container, subtype="PCM_24")
    taken = harness.take(path)
    assert taken.result.source.channels == channels
    assert taken.result.remarks == (Remark.DOWNMIXED,)
    sides = [audio[side::2].mean(axis=0, dtype=np.float64) for side in (0, 1)]
    np.testing.assert_allclose(taken.audio, sides, atol=2.0**-22)


@pytest.mark.parametrize("channels", [3, 5, 6, 8])
def test_channels_of_a_flac_have_places_by_their_number(
    channels: int, engine: ConfinedFfmpeg, tmp_path: Path
) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, noise(channels).T, RATE, subtype="PCM_24")
    _, mask = decode(engine, path, tmp_path / "sandbox")
    assert mask.bit_count() == channels
    assert not np.array_equal(downmix_matrix(channels, mask), downmix_matrix(channels, 0))


def test_a_chunk_that_ends_further_than_a_file_can_be_ends_the_header(tmp_path: Path) -> None:
    path = tmp_path / "a.caf"
    desc = struct.pack(">d4sIIIII", RATE, b"lpcm", 0, 4, 1, 2, 16)
    path.write_bytes(
        b"caff\0\1\0\0desc" + struct.pack(">q", len(desc)) + desc
        + b"info" + struct.pack(">q", 1 << 61) + bytes(64)
    )  # fmt: skip
    assert sniff(path).header.frames is None
