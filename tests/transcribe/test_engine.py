"""The engine's own promises: the same text every time, and memory's end by its name."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor

from kit.audio.decode import read
from kit.settings import child_environment
from kit.worker.engines import EngineContext
from kit.worker.outcomes import OutOfMemory, Rejected
from services.transcribe.engine import Engine, load_engine
from services.transcribe.engines.faster import FasterWhisper, with_silent_rest
from services.transcribe.lines import RATE
from services.transcribe.memory import memory_watched

VOICE = Path(__file__).parents[2] / "examples" / "song" / "voice.flac"


def test_the_same_audio_gives_the_same_words(engine: Engine) -> None:
    audio = read(VOICE, RATE, mono=True)[0][: 8 * RATE]
    hearing = engine.open("whisper-base")
    first = hearing.run(audio, language="en", beam=2)
    assert hearing.run(audio, language="en", beam=2) == first
    assert first.segments[0].text.lower().startswith("open up the crate")
    words = [word for line in first.segments for word in line.words]
    assert all(0 <= word.start <= word.end <= 8.1 for word in words)
    assert words[-1].end <= first.until <= 8


def test_a_draw_is_the_same_whatever_was_drawn_before(engine: Engine) -> None:
    audio = read(VOICE, RATE, mono=True)[0][: 8 * RATE]
    hearing = engine.open("whisper-base")
    # So hot that two draws which are not seeded hardly ever agree.
    first, second = (hearing.run(audio, language="en", beam=1, temperature=1.0) for _ in range(2))
    assert first == second
    assert first != hearing.run(audio, language="en", beam=1)


def test_a_language_is_detected(engine: Engine) -> None:
    audio = read(VOICE, RATE, mono=True)[0]
    probabilities = engine.open("whisper-base").run_language(audio)
    assert max(probabilities, key=lambda code: probabilities[code]) == "en"
    assert sum(probabilities.values()) == pytest.approx(1, abs=0.01)


def test_one_pass_ends_with_its_last_word(engine: Engine) -> None:
    # The next window takes the rest: nothing is transcribed twice or alone.
    audio = read(VOICE, RATE, mono=True)[0][: round(9.2 * RATE)]
    output = engine.open("whisper-base").run(audio, language="en", beam=1)
    assert output.until in (pytest.approx(9.2), output.segments[-1].end)
    silent = engine.open("whisper-base").run(audio[:RATE] * 0, language="en", beam=1)
    assert silent.until == pytest.approx(1.0)


def test_a_window_is_encoded_once_for_its_language_and_its_words(
    weights: dict[str, Path],
) -> None:
    class Counting:
        """CTranslate2's network, and how often its encoder ran."""

        def __init__(self, inner: Any) -> None:
            self.inner = inner
            self.encoded = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def encode(self, *inputs: Any, **named: Any) -> Any:
            self.encoded += 1
            return self.inner.encode(*inputs, **named)

    hearing = FasterWhisper("whisper-base", weights["whisper-base"], EngineContext(threads=2))
    counting = hearing._network.model = Counting(hearing._network.model)
    audio = read(VOICE, RATE, mono=True)[0][: 8 * RATE]
    before = hearing.run_language(audio)
    hearing.run(audio, language="en", beam=1)
    assert hearing.run_language(audio) == before
    assert counting.encoded == 1
    hearing.run(audio[: 6 * RATE], language="en", beam=1)
    assert counting.encoded == 2


def test_a_small_device_follows_fewer_readings(weights: dict[str, Path], engine: Engine) -> None:
    small = load_engine(EngineContext(weights=weights, threads=2, segment=0.25))
    audio = read(VOICE, RATE, mono=True)[0][: 4 * RATE]
    transcript = small.open("whisper-base").run(audio, language="en", beam=5)
    greedy = engine.open("whisper-base").run(audio, language="en", beam=1)
    assert [line.text for line in transcript.segments] == [line.text for line in greedy.segments]
    sure = [line.log_probability for line in transcript.segments]
    assert sure == pytest.approx([line.log_probability for line in greedy.segments], abs=1e-3)


def test_a_file_of_openais_own_needs_their_program(
    tmp_path: Path, weights: dict[str, Path]
) -> None:
    official = tmp_path / "tiny.pt"
    official.write_bytes(b"")
    engine = load_engine(EngineContext(weights={**weights, "tiny": official}, threads=2))
    with pytest.raises(Rejected, match="TRANSCRIBE_ENGINE=openai"):
        engine.open("tiny")


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


def test_what_a_window_is_short_of_is_as_silent_as_silence_is() -> None:
    extractor = FeatureExtractor()
    speech = read(VOICE, RATE, mono=True)[0][: 8 * RATE]
    output = extractor(speech)[..., :800]
    filled = with_silent_rest(np.pad(output, ((0, 0), (0, 2200))))
    padded = extractor(np.pad(speech, (0, 22 * RATE)))[..., :3000]
    # But for the frame over which the audio ends, it is what the network learned with.
    assert filled[:, 802:] == pytest.approx(padded[:, 802:], abs=1e-6)
    assert np.array_equal(filled[:, :800], output)
    assert with_silent_rest(np.zeros((80, 3000), np.float32)) == pytest.approx(-1.5)
    full = padded + np.float32(3)
    assert np.array_equal(with_silent_rest(full), full)


def test_the_processor_works_in_single_precision(engine: Engine) -> None:
    assert engine.open("whisper-base").description.endswith("cpu float32")


@pytest.mark.skipif(sys.platform != "linux", reason="CTranslate2 brings GNU's OpenMP on Linux only")
def test_waiting_threads_leave_the_processors_to_others() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import services.transcribe.engines.faster"],
        env=child_environment(2) | {"OMP_DISPLAY_ENV": "VERBOSE"},
        cwd=VOICE.parents[2],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "GOMP_SPINCOUNT = '1000'" in done.stderr
