"""WAV files of 24 bits as a stream: a header of known length, then blocks of samples.

Microsoft, "Multimedia Programming Interface and Data Specifications 1.0", 1991 (RIFF, `cue `,
`LIST adtl`, `LIST INFO`); EBU Tech 3306 (RF64) above 4 GiB.
"""

import struct
from collections.abc import Mapping, Sequence

import numpy as np

from kit.arrays import AudioBlock
from kit.audio.encode import quantise

BYTES = 3
"""Of a sample."""
_PCM = 1
_MAX_RIFF = 2**32 - 1
_FULL_SCALE = np.float32(2**23)
Chunk = tuple[bytes, bytes]
"""The id of a chunk, four characters, and its content."""


def wav_size(*, channels: int, samples: int, chunks: Sequence[Chunk] = ()) -> int:
    """Return the size of a WAV file in bytes."""
    data = samples * channels * BYTES
    return len(wav_header(sample_rate=1, channels=channels, samples=samples, chunks=chunks)) + (
        data + data % 2
    )


def wav_header(
    *, sample_rate: int, channels: int, samples: int, chunks: Sequence[Chunk] = ()
) -> bytes:
    """Return everything of a WAV file of 24 bits that comes before its samples.

    Parameters
    ----------
    sample_rate
        In Hz.
    samples
        Of one channel.
    chunks
        Further chunks, which are written before the samples.
    """
    frame = channels * BYTES
    data = samples * frame
    format_ = struct.pack(
        "<HHIIHH", _PCM, channels, sample_rate, sample_rate * frame, frame, 8 * BYTES
    )
    body = b"".join(_chunk(id_, content) for id_, content in ((b"fmt ", format_), *chunks))
    # `WAVE`, the chunks, the header of `data`, and the samples with their padding.
    size = 4 + len(body) + 8 + data + data % 2
    if size <= _MAX_RIFF:
        head = struct.pack("<4sI4s", b"RIFF", size, b"WAVE")
        return head + body + struct.pack("<4sI", b"data", data)
    sizes = struct.pack("<QQQI", size + 36, data, samples, 0)
    head = struct.pack("<4sI4s", b"RF64", _MAX_RIFF, b"WAVE") + _chunk(b"ds64", sizes)
    return head + body + struct.pack("<4sI", b"data", _MAX_RIFF)


def _chunk(id_: bytes, content: bytes) -> bytes:
    return struct.pack("<4sI", id_, len(content)) + content + b"\0" * (len(content) % 2)


def pack_samples(block: AudioBlock) -> bytes:
    """Return a block `[channels, samples]` as interleaved integers of 24 bits, clipped."""
    whole = np.ascontiguousarray(quantise(block, 8 * BYTES).T).astype("<i4", copy=False)
    octets = whole.view(np.uint8).reshape(-1, 4)
    return np.ascontiguousarray(octets[:, 1:]).tobytes()


def count_clipped(block: AudioBlock) -> int:
    """Return how many samples of a block are beyond the range of 24 bits."""
    if not block.size or (block.max() < 1.0 and block.min() >= -1.0):
        return 0
    rounded = np.rint(block * _FULL_SCALE)
    return int(np.count_nonzero((rounded > _FULL_SCALE - 1) | (rounded < -_FULL_SCALE)))


def cue_chunks(cues: Sequence[tuple[int, str]]) -> list[Chunk]:
    """Return the chunks that mark samples with names, as `cue ` and `LIST adtl`."""
    if not cues:
        return []
    points = [
        struct.pack("<II4sIII", number, sample, b"data", 0, 0, sample)
        for number, (sample, _) in enumerate(cues, start=1)
    ]
    labels = [
        _chunk(b"labl", struct.pack("<I", number) + name.encode() + b"\0")
        for number, (_, name) in enumerate(cues, start=1)
        if name
    ]
    chunks: list[Chunk] = [(b"cue ", struct.pack("<I", len(points)) + b"".join(points))]
    if labels:
        chunks.append((b"LIST", b"adtl" + b"".join(labels)))
    return chunks


_INFO = {
    "title": b"INAM",
    "artist": b"IART",
    "copyright": b"ICOP",
    "comment": b"ICMT",
    "genre": b"IGNR",
    "software": b"ISFT",
}


def info_chunks(tags: Mapping[str, str]) -> list[Chunk]:
    """Return the chunk `LIST INFO` of tags: title, artist, copyright, comment, genre, software."""
    entries = [
        _chunk(id_, tags[name].encode() + b"\0") for name, id_ in _INFO.items() if tags.get(name)
    ]
    return [(b"LIST", b"INFO" + b"".join(entries))] if entries else []
