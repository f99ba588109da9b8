import tracemalloc
from collections.abc import Iterator
from pathlib import Path

from contracts.slicing import SlicingParams
from kit.arrays import F32
from kit.audio.encode import Encoder
from kit.worker.engines import EngineContext
from services.slicing.engine import load_engine
from services.slicing.handler import handle
from tests.support import signals
from tests.support.single_job import audio_input, single_job


def long_loop(bars: int) -> Iterator[F32]:
    bar = signals.drum_loop(120.0, 1).audio
    for _ in range(bars):
        yield bar


def peak_of(folder: Path, bars: int) -> tuple[int, int]:
    """Return the peak of traced memory in bytes, and the one-shots found, of 2 s a bar."""
    folder.mkdir()
    path = folder / "song.flac"
    with Encoder(path, 44_100, channels=1) as encoder:
        for bar in long_loop(bars):
            encoder.write(bar)
    job = single_job(folder, [audio_input(path)])
    tracemalloc.start()
    try:
        result = handle(
            SlicingParams(max_one_shots=0, loops=False), job, load_engine(EngineContext())
        )
        return tracemalloc.get_traced_memory()[1], result.one_shots
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_audio(tmp_path: Path) -> None:
    short, few = peak_of(tmp_path / "short", 10)
    long, many = peak_of(tmp_path / "long", 50)
    assert many == 5 * few
    # 80 s more are 14 MB of samples; what may grow is the curve and the onsets.
    assert long - short < 5_000_000
