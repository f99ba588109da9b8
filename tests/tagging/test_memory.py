import tracemalloc
from pathlib import Path

import pytest

from contracts.items import ItemKind
from contracts.tagging import TaggingParams
from kit.audio.encode import Encoder
from services.tagging.handler import handle
from tests.support import signals
from tests.support.single_job import audio_input, single_job
from tests.tagging.jobs import KnownEngine


def peak_of(folder: Path, minutes: int, kind: ItemKind) -> int:
    """Return the peak of traced memory, in bytes, over so much audio."""
    folder.mkdir()
    path = folder / "song.flac"
    minute = signals.noise(60.0)
    with Encoder(path, 44_100, channels=1) as encoder:
        for _ in range(minutes):
            encoder.write(minute)
    job = single_job(folder, [audio_input(path)], kind=kind)
    engine = KnownEngine(({"kick": 1.0},) if kind is ItemKind.SAMPLE else ())
    tracemalloc.start()
    try:
        handle(TaggingParams(), job, engine)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", [ItemKind.TRACK, ItemKind.SAMPLE])
def test_memory_does_not_grow_with_the_audio(tmp_path: Path, kind: ItemKind) -> None:
    short, long = (peak_of(tmp_path / str(minutes), minutes, kind) for minutes in (1, 5))
    # 4 minutes more are 42 MB of samples.
    assert long - short < 1_000_000
