"""Whisper on CTranslate2, through faster-whisper.

The only module that imports them. faster-whisper is given arrays, never files: its decoder, PyAV,
holds codecs under the GPL and stays unused (docs/decisions/0003).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from kit.arrays import Mono
from kit.worker.engines import EngineContext
from services.transcribe.lines import NOTHING, RATE, SPAN, Segment, WindowTranscript, Word
from services.transcribe.memory import memory_watched
from services.transcribe.words import join_words

Features = NDArray[np.float32]
_SEED = 0


def usable_gpus() -> int:
    """Return how many GPUs CTranslate2 sees here; none where it was built without CUDA."""
    count: int = ctranslate2.get_cuda_device_count()
    return count


def with_silent_rest(features: Features) -> Features:
    """Return a window whose rest is silent, where audio is shorter than the window.

    Parameters
    ----------
    features
        `[bands, frames]`, log mel spectrum as the network takes it: (log10 of the power + 4) / 4,
        at least 1e-10 and at most 80 dB below the window's loudest. Frames in which every band is
        0 are those that were filled up: 0 is a power of 1e-4, a noise that can be heard.

    Returns
    -------
    Features
        The same with those frames at the value that silence has. During its training the network
        was given audio filled up with silence (Radford et al., 2022, and `whisper.pad_or_trim`).
    """
    there = features.any(axis=-2, keepdims=True)
    loudest = float(np.max(features, where=there, initial=NOTHING))
    return np.where(there, features, np.float32(max(NOTHING, loudest - SPAN)))


class _SeededNetwork:
    """A network whose random draws are the same for the same audio, whatever was drawn before.

    CTranslate2 seeds a generator once for each of its threads and then goes on drawing from it. A
    draw is therefore made by a fresh instance, in a thread of its own; loading one takes about as
    long as a second of speech, and few windows need it.
    """

    def __init__(self, network: Any, load: Callable[[], Any]) -> None:
        self._network = network
        self._load = load

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def generate(self, *given: Any, **named: Any) -> Any:
        """Return what the network writes."""
        if not named.get("sampling_temperature"):
            return self._network.generate(*given, **named)
        ctranslate2.set_random_seed(_SEED)
        return self._load().generate(*given, **named)


class _PassOver(Exception):
    """The network has written what it could in one go."""


class _OnePass(WhisperModel):  # type: ignore[misc]
    """Ends after one pass, and encodes the same audio once: for its language and for its words.

    Of itself, faster-whisper hears what a pass has left over once more, alone, as the few seconds
    that they often are. They are better heard with what comes after them. What a window is short
    of 30 s it fills with noise, not with the silence that the network learned with.
    """

    written = False
    """Whether this pass has given anything; one that has not may go on."""
    _encoded: tuple[Any, Any] | None = None

    def encode(self, features: Any) -> Any:
        """Return the encoder's output, a kept one where the features are the same."""
        if self.written:
            raise _PassOver
        if self._encoded is None or not np.array_equal(self._encoded[0], features):
            self._encoded = features, super().encode(with_silent_rest(features))
        return self._encoded[1]


class FasterWhisper:
    """One of OpenAI's Whisper networks (Radford et al., 2022), in CTranslate2's format."""

    def __init__(self, name: str, folder: Path, context: EngineContext, *, note: str = "") -> None:
        device = "cuda" if context.device == "cuda" else "cpu"
        # The weights are stored in half precision. Rounded to 8 bit, they mishear more words.
        kind = "float16" if device == "cuda" else "float32"
        self._network = _OnePass(
            str(folder),
            device=device,
            compute_type=kind,
            cpu_threads=context.threads,
            local_files_only=True,
        )
        threads = context.threads

        def load() -> Any:
            return ctranslate2.models.Whisper(
                str(folder), device=device, compute_type=kind, intra_threads=threads
            )

        self._network.model = _SeededNetwork(self._network.model, load)
        # Each reading that is followed takes its share of the device's memory.
        self._share = context.segment
        self.weights = name
        self.description = f"ctranslate2 {ctranslate2.__version__} {device} {kind}" + (
            f" ({note})" if note else ""
        )
        self.languages = frozenset(self._network.supported_languages)

    def run_language(self, audio: Mono) -> Mapping[str, float]:
        """Return the probability of each language."""
        self._network.written = False
        with memory_watched():
            # Without the last frame, as words are heard: so the encoder's output serves for both.
            features = self._network.feature_extractor(audio)[..., :-1]
            _, _, told = self._network.detect_language(features=features)
        return dict(told)

    def run(
        self, audio: Mono, *, language: str, beam: int, temperature: float = 0.0
    ) -> WindowTranscript:
        """Return what is said, as far as one pass went."""
        self._network.written = False
        found: list[Segment] = []
        until = len(audio) / RATE
        with memory_watched():
            told, _ = self._network.transcribe(
                audio,
                language=language,
                beam_size=max(1, int(beam * self._share)),
                # Where the first reading fails, a second one is drawn.
                temperature=(temperature,) if temperature else (0.0, 0.4),
                # What was heard before draws the network into loops more often than it helps.
                condition_on_previous_text=False,
                word_timestamps=True,
                vad_filter=False,
            )
            try:
                for segment in told:
                    self._network.written = True
                    if segment.words:
                        found.append(_line(segment))
            except _PassOver:
                until = found[-1].end if found else until
        return WindowTranscript(found, until)


def _line(segment: Any) -> Segment:
    return Segment(
        words=join_words(
            Word(word.word, float(word.start), float(word.end), float(word.probability))
            for word in segment.words
        ),
        log_probability=float(segment.avg_logprob),
        no_speech=float(segment.no_speech_prob),
        compression=float(segment.compression_ratio),
    )
