"""Write samples as AIFF with markers, root note and loop.

Source: Apple's "Audio Interchange File Format", version 1.3 (1989), chunks `MARK` and `INST`.
"""

import struct
from pathlib import Path

from kit.audio.decode import read_blocks
from kit.audio.encode import AudioForm, Encoder
from services.export.bundle import Sample
from services.export.formats.iff import append_chunks
from services.export.pitch import nearest_note

_MIDDLE_C = 60
_NO_LOOP, _FORWARD = 0, 1
_MAX_MARKERS = 2**15 - 1


def write_aiff(path: Path, sample: Sample) -> None:
    """Write a sample as a 24-bit AIFF at its own rate, with `MARK` and `INST`.

    Parameters
    ----------
    path
        Output file.
    sample
        Its cue points become markers named by their numbers; the first 32,765 of them. The ends of
        its loop are two more markers, which `INST` refers to. `INST` also holds the root note, and
        the tuning that corrects the pitch. AIFF has no field for a tempo.

    Raises
    ------
    UnreadableAudio
        The sample's file is damaged.
    ValueError
        The file would be longer than 4 GiB.
    """
    facts = sample.audio
    form = AudioForm.AIFF_24
    with Encoder(path, facts.sample_rate, channels=facts.channels, form=form) as encoder:
        for block in read_blocks(sample.path):
            encoder.write(block)
        written = encoder.samples
    markers = [(str(number), cue) for number, cue in enumerate(sample.cues, 1) if cue < written]
    markers = markers[: _MAX_MARKERS - 2]
    loop = (_NO_LOOP, 0, 0)
    if sample.loop is not None:
        loop = (_FORWARD, len(markers) + 1, len(markers) + 2)
        # A marker lies between two samples, so the end needs no correction.
        markers += zip(("loop start", "loop end"), sample.loop, strict=True)
    chunks = [(b"INST", _inst(sample, loop))]
    if markers:
        chunks.insert(0, (b"MARK", _mark(markers)))
    append_chunks(path, chunks)


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
