"""Read canonical audio as a stream of blocks; resample and downmix it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import tee
from pathlib import Path

import numpy as np
import soundfile
import soxr

from kit.arrays import AudioBlock

BLOCK = 65_536
"""Default number of samples in a block."""
BlockSource = Callable[[], Iterator[AudioBlock]]
"""Opens a recording at its beginning, as blocks `[channels, samples]`."""


class UnreadableAudio(Exception):
    """The file is damaged, or is not audio that a service of this project wrote."""


@contextmanager
def open_audio(path: Path) -> Iterator[soundfile.SoundFile]:
    """Open a file for reading.

    Raises
    ------
    UnreadableAudio
        The file is missing, damaged or not audio; also raised while reading.
    """
    try:
        with soundfile.SoundFile(path) as file:
            yield file
    except soundfile.LibsndfileError as error:
        raise UnreadableAudio(
            f"{path.name} cannot be read as audio ({error.error_string}); "
            "submit a canonical audio file, or a file that a service produced"
        ) from error


def read_blocks(
    path: Path, block: int = BLOCK, *, start: int = 0, stop: int | None = None
) -> Iterator[AudioBlock]:
    """Yield the audio of a file, or a part of it, block by block.

    Parameters
    ----------
    path
        A file that libsndfile reads: canonical FLAC, WAV, OGG, MP3.
    block
        Samples in a block, at least 1; only the last one may be shorter, and none is empty.
    start, stop
        First sample, and one past the last one; `None` is the end of the file.

    Yields
    ------
    NDArray[float32]
        `[channels, samples]`, contiguous; the caller owns the array.

    Raises
    ------
    UnreadableAudio
        See `open_audio`.
    ValueError
        `block`, `start` or `stop` is out of range for this file.
    """
    if block < 1:
        raise ValueError(f"a block holds at least one sample, not {block}")
    with open_audio(path) as file:
        end = file.frames if stop is None else stop
        if not 0 <= start <= end <= file.frames:
            raise ValueError(
                f"samples {start} to {end} are not in {path.name}, which has {file.frames}"
            )
        if start:
            file.seek(start)
        left = end - start
        while left > 0:
            read = file.read(min(block, left), dtype="float32", always_2d=True)
            if not len(read):
                raise UnreadableAudio(f"{path.name} ends {left} samples before its stated length")
            left -= len(read)
            yield np.ascontiguousarray(read.T)


def mono_blocks(blocks: Iterable[AudioBlock]) -> Iterator[AudioBlock]:
    """Yield each block's mean over channels, `[1, samples]`."""
    for block in blocks:
        yield block if len(block) == 1 else block.mean(axis=0, keepdims=True, dtype=np.float32)


_END = object()
Measure = Callable[[Iterator[AudioBlock], int], Iterator[object]]
"""Measures a stream of blocks at a sample rate; yields from time to time so it can be paused."""


def read_measured(path: Path, measure: Measure | None) -> Iterator[AudioBlock]:
    """Yield the blocks of a file while a second consumer measures them, reading the file once.

    Parameters
    ----------
    path
        See `read_blocks`.
    measure
        Receives the same blocks in lockstep with the caller, so that memory stays bounded; all of
        them by the end.
    """
    if measure is None:
        yield from read_blocks(path)
        return
    with open_audio(path) as file:
        rate = int(file.samplerate)
    ours, theirs = tee(read_blocks(path))
    taken = 0

    def counted() -> Iterator[AudioBlock]:
        nonlocal taken
        for block in theirs:
            taken += 1
            yield block

    measuring = measure(counted(), rate)
    for done, block in enumerate(ours, 1):
        yield block
        while taken < done and next(measuring, _END) is not _END:
            pass
    for _ in measuring:
        pass


def resample_stream(
    blocks: Iterable[AudioBlock], source: int, target: int, *, quality: str = "HQ"
) -> Iterator[AudioBlock]:
    """Resample a stream with the SoX resampler (`libsoxr`, linear phase).

    Parameters
    ----------
    blocks
        Float32 `[channels, samples]`; every block has the same channels.
    source, target
        Rates in Hz, at least 1.
    quality
        A recipe of soxr: `QQ`, `LQ`, `MQ`, `HQ` or `VHQ`.

    Yields
    ------
    NDArray[float32]
        `[channels, samples]`, in blocks of varying length, `round(samples · target / source)`
        samples in total; sample `n` lies at time `n / target` of the source, because the filter's
        delay is removed.
    """
    if source < 1 or target < 1:
        raise ValueError(f"a rate is at least 1 Hz, not {min(source, target)}")
    if source == target:
        yield from blocks
        return
    stream: soxr.ResampleStream | None = None
    channels = 0
    for block in blocks:
        if stream is None:
            channels = len(block)
            stream = soxr.ResampleStream(source, target, channels, "float32", quality)
        elif len(block) != channels:
            raise ValueError(f"a block has {len(block)} channels, those before had {channels}")
        resampled = stream.resample_chunk(np.ascontiguousarray(block.T, dtype=np.float32))
        if len(resampled):
            yield np.ascontiguousarray(resampled.T)
    if stream is not None:
        rest = stream.resample_chunk(np.zeros((0, channels), np.float32), last=True)
        if len(rest):
            yield np.ascontiguousarray(rest.T)


def read(
    path: Path,
    sample_rate: int | None = None,
    *,
    mono: bool = False,
    start: int = 0,
    stop: int | None = None,
) -> AudioBlock:
    """Return the audio of a file, or a part of it, in one array.

    Parameters
    ----------
    path
        See `read_blocks`.
    sample_rate
        In Hz; `None` keeps the file's own.
    mono
        Average the channels.
    start, stop
        Samples of the file, before resampling.

    Returns
    -------
    NDArray[float32]
        `[channels, samples]`; all of it is in memory, so prefer `read_blocks` for long files.

    Raises
    ------
    UnreadableAudio, ValueError
        See `read_blocks`.
    """
    with open_audio(path) as file:
        source, channels = int(file.samplerate), 1 if mono else int(file.channels)
    blocks = read_blocks(path, start=start, stop=stop)
    if mono:
        blocks = mono_blocks(blocks)
    if sample_rate is not None:
        blocks = resample_stream(blocks, source, sample_rate)
    parts = list(blocks)
    return np.concatenate(parts, axis=1) if parts else np.zeros((channels, 0), np.float32)
