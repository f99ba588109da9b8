"""Select the inputs for rhythm and harmony analysis."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from contracts.items import ArtifactKind, AudioFacts
from contracts.music import Stem
from kit.arrays import F32
from kit.audio.decode import BlockSource, read_blocks
from kit.audio.probe import probe
from kit.worker.job import JobInput
from kit.worker.outcomes import Rejected

_TONAL = (Stem.BASS, Stem.OTHER, Stem.GUITAR, Stem.PIANO)
"""Stems used for the key: voices glide, and drums have no pitch."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Audio sources for each kind of analysis."""

    whole: BlockSource
    rhythm: BlockSource
    rhythm_stem: Stem | None
    harmony: BlockSource
    harmony_stems: tuple[Stem, ...]
    facts: AudioFacts
    """Of the whole."""
    whole_files: tuple[JobInput, ...]


def choose(inputs: tuple[JobInput, ...]) -> Sources:
    """Sort a job's inputs into sources: one recording, its stems, or both.

    Raises
    ------
    Rejected
        There is no audio, or the files do not belong together.
    """
    audio = [item for item in inputs if item.kind is not ArtifactKind.ANALYSIS]
    if not audio:
        raise Rejected(
            "input",
            "Analysis needs a recording or its stems, but the job has no audio; submit some.",
        )
    # The item's own audio is the recording, even if the item itself is a stem of a song.
    stems = [
        item
        for item in audio
        if item.stem is not None and (item.kind is not ArtifactKind.CANONICAL or len(audio) == 1)
    ]
    mixes = [item for item in audio if item not in stems]
    if len(mixes) > 1:
        raise Rejected(
            "input",
            f"Analysis accepts one recording with its stems, not {len(mixes)}. Submit only one.",
        )
    facts = {item.path: probe(item.path) for item in audio}
    if len({fact.sample_rate for fact in facts.values()}) > 1:
        raise Rejected(
            "input",
            "The recording and its stems have different sample rates. "
            "Submit stems of this recording.",
        )
    if len({item.stem for item in stems}) < len(stems):
        raise Rejected("input", "The inputs contain the same stem twice. Submit each stem once.")
    whole = mixes or stems
    drums = [item for item in stems if item.stem is Stem.DRUMS]
    tonal = [item for item in stems if item.stem in _TONAL]
    if not tonal:
        tonal = [item for item in stems if item.stem is Stem.ACCOMPANIMENT]
    # A single stem is treated as a recording.
    if len(audio) == 1:
        drums, tonal = [], []
    return Sources(
        whole=_sum(whole),
        rhythm=_sum(drums or whole),
        rhythm_stem=Stem.DRUMS if drums else None,
        harmony=_sum(tonal or whole),
        harmony_stems=tuple(item.stem for item in tonal if item.stem is not None),
        facts=max((facts[item.path] for item in whole), key=lambda fact: fact.samples),
        whole_files=tuple(whole),
    )


def _sum(files: list[JobInput]) -> BlockSource:
    return partial(summed, tuple(files))


def summed(
    files: tuple[JobInput, ...], *, start: int = 0, stop: int | None = None
) -> Iterator[F32]:
    """Yield the sum of files, block by block; shorter files are padded with silence."""
    streams = []
    for item in files:
        length = probe(item.path).samples
        last = length if stop is None else min(stop, length)
        streams.append(read_blocks(item.path, start=min(start, last), stop=last))
    while True:
        blocks = [block for stream in streams if (block := next(stream, None)) is not None]
        if not blocks:
            return
        if len(blocks) == 1:
            yield blocks[0]
            continue
        length = max(block.shape[1] for block in blocks)
        channels = max(block.shape[0] for block in blocks)
        total = np.zeros((channels, length), np.float32)
        for block in blocks:
            total[:, : block.shape[1]] += block
        yield total
