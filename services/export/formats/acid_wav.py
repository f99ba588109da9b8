"""Write samples as WAV with tempo, root note, loop and cue points.

Layouts: `smpl` and `inst` as in Microsoft's "New Multimedia Data Types and Data Techniques" (1994),
`cue ` and `LIST adtl` as in the "Multimedia Programming Interface" 1.0 (1991). `acid` has no public
specification; this is the layout that libsndfile reads.
"""

import math
import struct
from pathlib import Path

from kit.audio.decode import read_blocks
from kit.audio.encode import AudioForm, Encoder
from services.export.bundle import Sample
from services.export.formats.iff import append_chunks
from services.export.pitch import nearest_note, tonic

_ONE_SHOT, _ROOT, _STRETCH, _ROOT_ABOVE_60 = 0x01, 0x02, 0x04, 0x10
_MIDDLE_C = 60
_ALWAYS = 0x8000
"""A field of `acid` whose meaning is unknown and that every file has."""
_FORWARD = 0
_FOR_EVER = 0
_SEMITONE = 2**32
"""A semitone in the fraction of `smpl`."""


def write_acid_wav(path: Path, sample: Sample) -> None:
    """Write a sample as a 24-bit WAV at its own rate, and what is known of it as chunks.

    Parameters
    ----------
    path
        Output file.
    sample
        Loops (those with `bars`) get `acid` with tempo and beats; their root is the key's tonic.
        One-shots get `acid` too, marked as such; their root is their pitch. `smpl` holds the exact
        pitch and the sustained loop, `cue ` and `LIST adtl` the numbered cue points. The audio is
        copied, 24-bit sources bit by bit.

    Raises
    ------
    UnreadableAudio
        The sample's file is damaged.
    ValueError
        The file would be longer than 4 GiB.
    """
    facts = sample.audio
    form = AudioForm.WAV_24
    with Encoder(path, facts.sample_rate, channels=facts.channels, form=form) as encoder:
        for block in read_blocks(sample.path):
            encoder.write(block)
        written = encoder.samples
    chunks = [(b"acid", _acid(sample))]
    if sample.pitch is not None or sample.loop is not None:
        chunks.append((b"smpl", _smpl(sample)))
    if cues := [cue for cue in sample.cues if cue < written]:
        chunks += [(b"cue ", _cue(cues)), (b"LIST", _labels(len(cues)))]
    append_chunks(path, chunks)


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


def _cue(cues: list[int]) -> bytes:
    """Return the content of `cue `: 24 bytes for each point, numbered from 1."""
    points = (
        struct.pack("<II4sIII", number, at, b"data", 0, 0, at) for number, at in enumerate(cues, 1)
    )
    return struct.pack("<I", len(cues)) + b"".join(points)


def _labels(count: int) -> bytes:
    """Return the content of `LIST adtl`: the number of each cue point as its name."""
    labels = []
    for number in range(1, count + 1):
        body = struct.pack("<I", number) + str(number).encode() + b"\0"
        labels.append(b"labl" + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2))
    return b"adtl" + b"".join(labels)
