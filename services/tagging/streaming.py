"""Prepare recordings for the networks and the classifier, in constant memory."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contracts.tagging import TagSource
from kit.arrays import F32
from kit.audio.decode import read_blocks, resample_stream
from kit.audio.downmix import downmix
from kit.audio.offset import find_offset, without_offset
from services.tagging.engine import BATCH, Engine
from services.tagging.mel import BANDS, PATCH, RATE, log_mel, patches

SILENCE = 1e-4
"""Audio that never exceeds this (-80 dBFS) is silent."""
HEAD = 12.0
"""Seconds of a sample that its class is based on."""


def head(path: Path, sample_rate: int) -> F32:
    """Return the first seconds of a recording, from the first block that is not silent.

    Parameters
    ----------
    path
        Canonical audio.
    sample_rate
        Of the file, in Hz.

    Returns
    -------
    F32
        `[channels, samples]` without DC offset, at most 12 s; no samples if all of it is silent.
    """
    left = round(HEAD * sample_rate)
    held: list[F32] = []
    offset = find_offset(read_blocks(path), sample_rate)
    for block in without_offset(read_blocks(path), offset):
        if not held and np.abs(block).max(initial=0.0) < SILENCE:
            continue
        held.append(block[:, :left])
        left -= held[-1].shape[1]
        if left <= 0:
            break
    return np.concatenate(held, axis=1) if held else np.zeros((1, 0), np.float32)


def mono(audio: F32, sample_rate: int) -> F32:
    """Downmix `[channels, samples]` to mono, `[samples]`."""
    mixed = list(downmix([audio], sample_rate))
    return np.concatenate(mixed, axis=1)[0] if mixed else np.zeros(0, np.float32)


def spectral_patches(
    path: Path,
    sample_rate: int,
    on_progress: Callable[[int], None],
    listeners: Sequence[Callable[[F32], None]] = (),
) -> Iterator[F32]:
    """Compute log-mel patches of three seconds, `[187, 96]`, of a recording.

    Parameters
    ----------
    path
        Canonical audio.
    sample_rate
        Of the file, in Hz.
    on_progress
        Called with the number of samples of the file that were read, block by block.
    listeners
        Called with the mono audio at 16 kHz that patches are computed from, `[n]`, block by block.
    """

    def blocks() -> Iterator[F32]:
        for block in read_blocks(path):
            yield block
            on_progress(block.shape[1])

    def audio() -> Iterator[F32]:
        for block in resample_stream(downmix(blocks(), sample_rate), sample_rate, RATE):
            for listen in listeners:
                listen(block[0])
            yield block

    empty = True
    for patch in patches(log_mel(audio())):
        yield patch
        empty = False
    if empty:
        # A sound of a few samples can have no sample at 16 kHz.
        yield np.zeros((PATCH, BANDS), np.float32)


class Averager:
    """Averages a network's output over the patches of each recording, in full batches.

    Parameters
    ----------
    engine
        Runs the networks.
    source
        Selects the network.
    count
        Number of recordings.
    kept
        The recording whose tags are also kept by patch.
    """

    def __init__(
        self, engine: Engine, source: TagSource, count: int, *, kept: int | None = None
    ) -> None:
        self._engine = engine
        self._source = source
        self._waiting: list[tuple[int, F32]] = []
        self._tags: NDArray[np.float64] | None = None
        self._embeddings: NDArray[np.float64] | None = None
        self._patch_counts = np.zeros(count, np.int64)
        self._kept = kept
        self.patch_tags: list[F32] = []
        """Tags of each patch of the recording that is kept, `[50]`, once `finish` has returned."""

    def feed(self, recording: int, patch: F32) -> None:
        """Add a patch of a recording, by its number."""
        self._waiting.append((recording, patch))
        if len(self._waiting) == BATCH:
            self._run()

    def finish(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the mean tags, `[count, 50]`, and the mean embedding, `[count, 200]`.

        Raises
        ------
        ValueError
            A recording has no patch.
        """
        if self._waiting:
            self._run()
        if self._tags is None or self._embeddings is None or not self._patch_counts.all():
            raise ValueError("every recording needs a patch at least")
        return self._tags / self._patch_counts[:, None], self._embeddings / self._patch_counts[
            :, None
        ]

    def _run(self) -> None:
        output = self._engine.run_tagger(
            np.stack([patch for _, patch in self._waiting]), self._source
        )
        if self._tags is None or self._embeddings is None:
            self._tags = np.zeros((len(self._patch_counts), output.tags.shape[1]))
            self._embeddings = np.zeros((len(self._patch_counts), output.embedding.shape[1]))
        for (recording, _), tags, embedding in zip(
            self._waiting, output.tags, output.embedding, strict=True
        ):
            self._tags[recording] += tags
            self._embeddings[recording] += embedding
            self._patch_counts[recording] += 1
            if recording == self._kept:
                self.patch_tags.append(tags)
        self._waiting.clear()
