"""The engine's own promises: the same text every time, and memory's end by its name."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kit.audio.decode import read
from kit.worker.engines import EngineContext
from kit.worker.outcomes import OutOfMemory
from services.transcribe.engine import Engine, load_engine, memory_watched
from services.transcribe.lines import RATE

VOICE = Path(__file__).parents[2] / "embedded" / "song" / "voice.flac"


def test_the_same_audio_gives_the_same_words(engine: Engine) -> None:
    audio = read(VOICE, RATE, mono=True)[0][: 8 * RATE]
    hearing = engine.open("whisper-base")
    first = hearing.hear(audio, language="en", beam=2)
    assert hearing.hear(audio, language="en", beam=2) == first
    assert first[0].text.lower().startswith("open up the crate")
    assert all(0 <= word.start <= word.end <= 8.1 for line in first for word in line.words)


def test_a_language_is_told(engine: Engine) -> None:
    audio = read(VOICE, RATE, mono=True)[0]
    told = engine.open("whisper-base").tell_language(audio)
    assert max(told, key=lambda code: told[code]) == "en"
    assert sum(told.values()) == pytest.approx(1, abs=0.01)


def test_a_small_device_follows_fewer_readings(weights: dict[str, Path]) -> None:
    small = load_engine(EngineContext(weights=weights, threads=2, segment=0.25))
    audio = read(VOICE, RATE, mono=True)[0][: 4 * RATE]
    hearing, whole = small.open("whisper-base"), load_engine(EngineContext(weights=weights))
    greedy = whole.open("whisper-base").hear(audio, language="en", beam=1)
    assert hearing.hear(audio, language="en", beam=5) == greedy


def failing(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA failed with error out of memory"),
        MemoryError(),
        RuntimeError("bad_alloc"),
    ],
)
def test_the_end_of_memory_has_its_name(error: Exception) -> None:
    with pytest.raises(OutOfMemory), memory_watched():
        failing(error)()


def test_other_faults_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="unsupported"), memory_watched():
        failing(RuntimeError("unsupported compute type"))()
