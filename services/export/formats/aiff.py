"""Samples as AIFF with markers, root note and loop.

Source: Apple's "Audio Interchange File Format", version 1.3 (1989).
"""

import struct
from collections.abc import Iterable, Iterator

import numpy as np

from kit.arrays import AudioBlock
from kit.audio.encode import quantise
from services.export.bundle import Sample
from services.export.formats.wav import BYTES, Chunk
from services.export.pitch import nearest_note

_MIDDLE_C = 60
_NO_LOOP, _FORWARD = 0, 1
_MAX_MARKERS = 2**15 - 1
_MAX_FORM = 2**32 - 1
_BIAS = 16_383
"""Of the exponent of an 80-bit number."""


def aiff(sample: Sample, blocks: Iterable[AudioBlock]) -> Iterator[bytes]:
    """Yield a sample as an AIFF file of 24 bits at its own rate, with `MARK` and `INST`.

    Parameters
    ----------
    sample
        Its cue points become markers named by their numbers; the first 32,765 of them. The ends of
        its loop are two more markers, which `INST` refers to. `INST` also holds the root note, and
        the tuning that corrects the pitch. AIFF has no field for a tempo.
    blocks
        Its audio, `[channels, samples]` each, as many samples as `sample.audio` says.

    Raises
    ------
    ValueError
        The file would be longer than 4 GiB.
    """
    facts = sample.audio
    data = facts.samples * facts.channels * BYTES
    common = struct.pack(">hIh", facts.channels, facts.samples, 8 * BYTES)
    chunks = [(b"COMM", common + _extended(facts.sample_rate)), *_sampler_chunks(sample)]
    body = b"".join(_chunk(id_, content) for id_, content in chunks)
    size = 4 + len(body) + 16 + data + data % 2
    if size > _MAX_FORM:
        raise ValueError(f"{sample.name} is too long for AIFF, whose files have at most 4 GiB")
    yield struct.pack(">4sI4s", b"FORM", size, b"AIFF") + body
    yield struct.pack(">4sIII", b"SSND", data + 8, 0, 0)
    for block in blocks:
        whole = np.ascontiguousarray(quantise(block, 8 * BYTES).T).astype(">i4")
        yield np.ascontiguousarray(whole.view(np.uint8).reshape(-1, 4)[:, :BYTES]).tobytes()
    yield b"\0" * (data % 2)


def _sampler_chunks(sample: Sample) -> list[Chunk]:
    """Return `MARK`, if there are markers, and `INST`."""
    cues = [cue for cue in sample.cues if cue < sample.audio.samples]
    markers = [(str(number), cue) for number, cue in enumerate(cues, 1)][: _MAX_MARKERS - 2]
    loop = (_NO_LOOP, 0, 0)
    if sample.loop is not None:
        loop = (_FORWARD, len(markers) + 1, len(markers) + 2)
        # A marker lies between two samples, so the end needs no correction.
        markers += zip(("loop start", "loop end"), sample.loop, strict=True)
    instrument = (b"INST", _inst(sample, loop))
    return [(b"MARK", _mark(markers)), instrument] if markers else [instrument]


def _mark(markers: list[tuple[str, int]]) -> bytes:
    """Return the content of `MARK`; identifiers count from 1."""
    content = struct.pack(">H", len(markers))
    for identifier, (name, at) in enumerate(markers, 1):
        text = bytes([len(name)]) + name.encode("ascii")
        # The string and its length byte together are padded to an even length.
        content += struct.pack(">hI", identifier, at) + text + b"\0" * (len(text) % 2)
    return content


def _inst(sample: Sample, loop: tuple[int, int, int]) -> bytes:
    """Return the content of `INST`: 20 bytes; every key and velocity plays the sample."""
    note, cents = (_MIDDLE_C, 0.0) if sample.pitch is None else nearest_note(sample.pitch)
    detune = min(50, max(-50, round(-cents)))
    return struct.pack(">6bh3h3h", note, detune, 0, 127, 1, 127, 0, *loop, _NO_LOOP, 0, 0)


def _extended(rate: int) -> bytes:
    """Return a positive whole number as an 80-bit IEEE 754 extended number."""
    exponent = rate.bit_length() - 1
    return struct.pack(">HQ", _BIAS + exponent, rate << (63 - exponent))


def _chunk(id_: bytes, content: bytes) -> bytes:
    return struct.pack(">4sI", id_, len(content)) + content + b"\0" * (len(content) % 2)
