"""Segments: their places and weights, and that streaming changes nothing."""

from collections.abc import Iterator

import numpy as np
import pytest

from kit.arrays import F32
from services.separation.dsp import triangle
from services.separation.streaming import separate_stream
from tests.separation.fake_separators import SHARES, Shares, snr


def noise(samples: int, seed: int = 0) -> F32:
    generator = np.random.default_rng(seed)
    return (0.1 + 0.3 * generator.normal(size=(2, samples))).astype(np.float32)


def cut(audio: F32, *lengths: int) -> Iterator[F32]:
    start = 0
    while start < audio.shape[1]:
        for length in lengths:
            yield audio[:, start : start + length]
            start += length


def whole(audio: F32, separator: Shares, *, overlap: float) -> F32:
    """The same by the definition of `demucs.apply`: the whole track in memory, in float64."""
    size, length = separator.segment, audio.shape[1]
    total = np.zeros((separator.sources, 2, length))
    weights = np.zeros(length)
    weight = triangle(size).astype(np.float64)
    for offset in range(0, length, int((1 - overlap) * size)):
        count = min(size, length - offset)
        start = offset - ((size - count) // 2 if separator.centred else 0)
        window = np.zeros((2, size), np.float32)
        low, high = max(0, start), min(length, start + size)
        window[:, low - start : high - start] = audio[:, low:high]
        output = separator.run(window[None])[0][..., offset - start : offset - start + count]
        total[..., offset : offset + count] += weight[:count] * output
        weights[offset : offset + count] += weight[:count]
    return (total / weights).astype(np.float32)


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("length", [1, 700, 1000, 1001, 2250, 10_007])
@pytest.mark.parametrize("centred", [True, False])
def test_a_stream_equals_the_whole_track_at_once(
    length: int, overlap: float, centred: bool
) -> None:
    audio = noise(length)
    expected = whole(audio, Shares(centred=centred), overlap=overlap)
    for lengths in ((length,), (1, 999, 37), (4096,)):
        parts = separate_stream(cut(audio, *lengths), Shares(centred=centred), overlap=overlap)
        output = np.concatenate(list(parts), axis=-1)
        assert output.shape == expected.shape
        assert snr(expected, output) > 120


def test_samples_come_out_as_soon_as_no_later_segment_covers_them() -> None:
    audio = noise(5000)
    separator = Shares()
    stream = separate_stream(cut(audio, 1000), separator, overlap=0.25)
    first = next(stream)
    assert separator.windows == 1
    assert first.shape[-1] == 750


@pytest.mark.parametrize("batch", [2, 3, 8])
@pytest.mark.parametrize("length", [1, 1000, 2250, 10_007])
def test_segments_that_are_taken_together_give_the_same(length: int, batch: int) -> None:
    audio, single, several = noise(length), Shares(), Shares(batch=batch)
    expected, output = (
        np.concatenate(list(separate_stream(cut(audio, 700), s, overlap=0.25)), axis=-1)
        for s in (single, several)
    )
    assert np.array_equal(output, expected)
    assert several.windows == single.windows


def test_shifts_are_undone_and_averaged() -> None:
    audio = noise(90_000)
    separator = Shares(segment=20_000)
    parts = list(separate_stream(cut(audio, 30_000), separator, overlap=0.25, shifts=3))
    output = np.concatenate(parts, axis=-1)
    assert output.shape == (3, 2, 90_000)
    expected = np.float32(SHARES[0] * 1.1) * audio
    assert snr(expected, output[0]) > 20
    single = np.concatenate(
        list(separate_stream(cut(audio, 30_000), separator, overlap=0.25)), axis=-1
    )
    assert not np.array_equal(output, single)


def test_empty_input_gives_empty_output() -> None:
    assert list(separate_stream(iter(()), Shares(), overlap=0.25)) == []


def test_what_is_held_does_not_grow() -> None:
    """The generator's own arrays are bounded; a long track passes through in constant memory."""
    import tracemalloc

    # Large, so that what other threads of this process allocate does not matter.
    block = noise(100_000)

    def peak(count: int) -> int:
        tracemalloc.start()
        stream = separate_stream((block for _ in range(count)), Shares(), overlap=0.25)
        for _ in stream:
            pass
        _, peak_value = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak_value

    assert peak(40) < 1.1 * peak(10)
