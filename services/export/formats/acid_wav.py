"""Samples as WAV with tempo, root note, loop and cue points.

Layouts: `smpl` as in Microsoft's "New Multimedia Data Types and Data Techniques" (1994). `acid` has
no public specification; this is the layout that libsndfile reads.
"""

import math
import struct
from collections.abc import Iterable, Iterator

from kit.arrays import AudioBlock
from services.export.bundle import Sample
from services.export.formats.wav import BYTES, Chunk, cue_chunks, pack_samples, wav_header
from services.export.pitch import nearest_note, tonic

_ONE_SHOT, _ROOT, _STRETCH, _ROOT_ABOVE_60 = 0x01, 0x02, 0x04, 0x10
_MIDDLE_C = 60
_ALWAYS = 0x8000
"""A field of `acid` whose meaning is unknown and that every file has."""
_FORWARD = 0
_FOR_EVER = 0
_SEMITONE = 2**32
"""A semitone in the fraction of `smpl`."""


def acid_wav(sample: Sample, blocks: Iterable[AudioBlock]) -> Iterator[bytes]:
    """Yield a sample as a WAV file of 24 bits at its own rate, with what is known of it as chunks.

    Parameters
    ----------
    sample
        See `acid_chunks`.
    blocks
        Its audio, `[channels, samples]` each, as many samples as `sample.audio` says.
    """
    facts = sample.audio
    yield wav_header(
        sample_rate=facts.sample_rate,
        channels=facts.channels,
        samples=facts.samples,
        chunks=acid_chunks(sample),
    )
    for block in blocks:
        yield pack_samples(block)
    yield b"\0" * (facts.samples * facts.channels * BYTES % 2)


def acid_chunks(sample: Sample) -> list[Chunk]:
    """Return the chunks that describe a sample.

    Loops (those with `bars`) get `acid` with tempo and beats; their root is the key's tonic.
    One-shots get `acid` too, marked as such; their root is their pitch. `smpl` holds the exact
    pitch and the sustained loop, `cue ` and `LIST adtl` the numbered cue points.
    """
    chunks: list[Chunk] = [(b"acid", _acid(sample))]
    if sample.pitch is not None or sample.loop is not None:
        chunks.append((b"smpl", _smpl(sample)))
    cues = [cue for cue in sample.cues if cue < sample.audio.samples]
    return chunks + cue_chunks([(cue, str(number)) for number, cue in enumerate(cues, 1)])


def _acid(sample: Sample) -> bytes:
    """Return the content of `acid`: 24 bytes."""
    flags, root = (_ONE_SHOT, 0) if sample.bars is None else (_STRETCH, 0)
    if sample.bars is None and sample.pitch is not None:
        root = _MIDDLE_C + nearest_note(sample.pitch)[0] % 12
    elif sample.bars is not None and sample.key is not None:
        root = _MIDDLE_C + tonic(sample.key)
    if root:
        flags |= _ROOT | _ROOT_ABOVE_60
    beats = 0 if sample.bars is None else sample.bars * sample.beats_per_bar
    tempo = sample.bpm or 0.0
    meter = (4, sample.beats_per_bar)
    return struct.pack("<IHHfIHHf", flags, root, _ALWAYS, 0.0, beats, *meter, tempo)


def _smpl(sample: Sample) -> bytes:
    """Return the content of `smpl`: a header of 36 bytes, and 24 for the loop."""
    note, cents = (_MIDDLE_C, 0.0) if sample.pitch is None else nearest_note(sample.pitch)
    # The fraction counts upwards only.
    exact = min(127.0, max(0.0, note + cents / 100))
    note, fraction = math.floor(exact), int((exact % 1) * _SEMITONE)
    nanoseconds = round(1e9 / sample.audio.sample_rate)
    loops = 0 if sample.loop is None else 1
    head = struct.pack("<9I", 0, 0, nanoseconds, note, fraction, 0, 0, loops, 0)
    if sample.loop is None:
        return head
    start, end = sample.loop
    return head + struct.pack("<6I", 0, _FORWARD, start, end - 1, 0, _FOR_EVER)
