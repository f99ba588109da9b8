"""Recordings as the networks and the classifier hear them; memory does not grow with length."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contracts.tagging import TagSource
from kit.audio.decode import read_blocks, resample_stream
from kit.signal.spectra import Array
from services.tagging.engine import BATCH, Engine
from services.tagging.mel import BANDS, PATCH, RATE, log_mel, patches

SILENCE = 1e-4
"""Audio that never exceeds this (-80 dBFS) is silent."""
HEAD = 12.0
"""Seconds of a sample that its class is judged by."""
_CANCELLED = 0.01
"""Share of the channels' power below which their mean is no fold of them."""

Weights = NDArray[np.float32]


def head(path: Path, sample_rate: int) -> Array:
    """Return the first seconds of a recording from where it begins to sound.

    Parameters
    ----------
    path
        Canonical audio.
    sample_rate
        Of the file.

    Returns
    -------
    Array
        `[channels, samples]`, 12 s at most; no samples where all of it is silent.
    """
    left = round(HEAD * sample_rate)
    held: list[Array] = []
    for block in read_blocks(path):
        if not held and np.abs(block).max(initial=0.0) < SILENCE:
            continue
        held.append(block[:, :left])
        left -= held[-1].shape[1]
        if left <= 0:
            break
    return np.concatenate(held, axis=1) if held else np.zeros((1, 0), np.float32)


def folding(audio: Array) -> Weights:
    """Return the weight of each channel in the mono that is listened to.

    The mean, as the networks learnt it; but the louder channel alone where the mean would cancel
    the channels out.

    Parameters
    ----------
    audio
        `[channels, samples]`.
    """
    channels = len(audio)
    power = np.mean(audio.astype(np.float64) ** 2, axis=1) if audio.shape[1] else np.zeros(channels)
    folded = float(np.mean(audio.mean(axis=0, dtype=np.float64) ** 2)) if audio.shape[1] else 0.0
    if folded >= _CANCELLED * float(power.mean()):
        return np.full(channels, 1.0 / channels, np.float32)
    alone = np.zeros(channels, np.float32)
    alone[int(np.argmax(power))] = 1.0
    return alone


def fold(audio: Array, weights: Weights) -> Array:
    """Return the mono `[1, samples]` of `[channels, samples]`."""
    return np.asarray(weights[None] @ audio, np.float32)


def spectral_patches(
    path: Path, sample_rate: int, weights: Weights, told: Callable[[int], None]
) -> Iterator[Array]:
    """Yield a recording as patches of three seconds, `[187, 96]`.

    Parameters
    ----------
    path
        Canonical audio.
    sample_rate
        Of the file.
    weights
        Of its channels.
    told
        Is told the samples of the file that were read, block by block.
    """

    def mono() -> Iterator[Array]:
        for block in read_blocks(path):
            yield fold(block, weights)
            told(block.shape[1])

    empty = True
    for patch in patches(log_mel(resample_stream(mono(), sample_rate, RATE))):
        yield patch
        empty = False
    if empty:
        # A sound of a few samples can be none at 16 kHz.
        yield np.zeros((PATCH, BANDS), np.float32)


class Averager:
    """Feeds the patches of many recordings to a network in full batches; keeps each one's mean.

    Parameters
    ----------
    engine
        Runs the networks.
    source
        Which network.
    count
        How many recordings.
    """

    def __init__(self, engine: Engine, source: TagSource, count: int) -> None:
        self._engine = engine
        self._source = source
        self._waiting: list[tuple[int, Array]] = []
        self._tags: NDArray[np.float64] | None = None
        self._embeddings: NDArray[np.float64] | None = None
        self._heard = np.zeros(count, np.int64)

    def feed(self, recording: int, patch: Array) -> None:
        """Take a patch of a recording, by its number."""
        self._waiting.append((recording, patch))
        if len(self._waiting) == BATCH:
            self._run()

    def finish(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the mean tags, `[count, 50]`, and the mean embedding, `[count, 200]`.

        Raises
        ------
        ValueError
            A recording gave no patch.
        """
        if self._waiting:
            self._run()
        if self._tags is None or self._embeddings is None or not self._heard.all():
            raise ValueError("every recording gives a patch at least")
        return self._tags / self._heard[:, None], self._embeddings / self._heard[:, None]

    def _run(self) -> None:
        found = self._engine.hear(np.stack([patch for _, patch in self._waiting]), self._source)
        if self._tags is None or self._embeddings is None:
            self._tags = np.zeros((len(self._heard), found.tags.shape[1]))
            self._embeddings = np.zeros((len(self._heard), found.embedding.shape[1]))
        for (recording, _), tags, embedding in zip(
            self._waiting, found.tags, found.embedding, strict=True
        ):
            self._tags[recording] += tags
            self._embeddings[recording] += embedding
            self._heard[recording] += 1
        self._waiting.clear()
