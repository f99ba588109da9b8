"""Damaged files by the thousand: seeded mutants of good ones in every format (T16)."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kit.audio.encode import AudioForm
from services.ingest.engine import ConfinedFfmpeg
from tests.ingest.uploads import convert, write_wav
from tests.support import signals

SEEDS: dict[str, tuple[str, ...]] = {
    "16.wav": ("-c:a", "pcm_s16le"),
    "float.wav": ("-c:a", "pcm_f32le"),
    "adpcm.wav": ("-c:a", "adpcm_ima_wav"),
    "plain.flac": (),
    "plain.mp3": ("-c:a", "libmp3lame"),
    "vorbis.ogg": ("-c:a", "libvorbis"),
    "plain.opus": ("-c:a", "libopus"),
    "speexless.oga": ("-c:a", "flac"),
    "aac.m4a": ("-c:a", "aac"),
    "alac.m4a": ("-c:a", "alac"),
    "adts.aac": ("-c:a", "aac"),
    "plain.aiff": ("-c:a", "pcm_s16be"),
    "plain.w64": ("-c:a", "pcm_s16le"),
    "plain.caf": ("-c:a", "pcm_s16be"),
    "opus.webm": ("-c:a", "libopus"),
    "aac.mkv": ("-c:a", "aac"),
    "plain.wv": (),
    "plain.tta": (),
    "plain.au": ("-c:a", "pcm_s16be"),
    "plain.wma": ("-c:a", "wmav2"),
    "plain.ac3": ("-c:a", "ac3"),
    "plain.avi": ("-c:a", "pcm_s16le"),
    "plain.ts": ("-c:a", "mp2"),
}
_TELLING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def make_seeds(engine: ConfinedFfmpeg, folder: Path) -> list[bytes]:
    """Return one short good file of each format, with tags."""
    audio = np.concatenate(
        (signals.chords([(60, 64, 67)], 0.6), signals.voice("ae", seconds_each=0.3)[:, :26_460])
    )
    wav = write_wav(folder / "source.wav", audio, 44_100, AudioForm.WAV_16)
    tags = ("-metadata", "title=A song", "-metadata", "artist=Somebody")
    return [
        convert(engine, wav, folder / name, *arguments, *tags).read_bytes()
        for name, arguments in SEEDS.items()
    ]


def mutants(seeds: list[bytes], count: int, *, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield damaged files, each with a name that tells what was done; seeded."""
    rng = np.random.default_rng(seed)
    names = list(SEEDS)
    for number in range(count):
        which = number % len(seeds)
        content = bytearray(seeds[which])
        kind = ("flip", "cut", "header", "number", "splice", "remove", "repeat")[
            int(rng.integers(7))
        ]
        size = len(content)
        if kind == "flip":
            for at in rng.integers(0, size, int(rng.integers(1, 40))):
                content[at] ^= 1 << int(rng.integers(8))
        elif kind == "cut":
            del content[int(rng.integers(1, size)) :]
        elif kind == "header":
            for at in rng.integers(0, min(256, size), int(rng.integers(1, 12))):
                content[at] = int(rng.integers(256))
        elif kind == "number":
            # Sizes, rates and channels are numbers of two or four bytes near the start.
            for _ in range(int(rng.integers(1, 4))):
                at = int(rng.integers(0, min(512, size - 4)))
                value = _TELLING[int(rng.integers(len(_TELLING)))]
                form = ("<H", ">H", "<I", ">I")[int(rng.integers(4))]
                struct.pack_into(form, content, at, value & (0xFFFF if "H" in form else 0xFFFFFFFF))
        elif kind == "splice":
            other = seeds[int(rng.integers(len(seeds)))]
            content[int(rng.integers(size)) :] = other[int(rng.integers(len(other))) :]
        elif kind == "remove":
            at = int(rng.integers(size))
            del content[at : at + int(rng.integers(1, 2_000))]
        else:
            at = int(rng.integers(size))
            content[at:at] = content[at : at + int(rng.integers(1, 2_000))] * int(
                rng.integers(1, 9)
            )
        yield f"{number}: {kind} of {names[which]}", bytes(content)
