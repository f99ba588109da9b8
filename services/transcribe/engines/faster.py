"""Whisper on CTranslate2, through faster-whisper.

The only module that imports them. faster-whisper receives arrays, never files: its decoder, PyAV,
contains codecs under the GPL and stays unused (docs/decisions/0003).
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
    """Return the number of GPUs that CTranslate2 can use; 0 if it was built without CUDA."""
    count: int = ctranslate2.get_cuda_device_count()
    return count


def with_silent_rest(features: Features) -> Features:
    """Replace the padding of a short window by silence.

    Parameters
    ----------
    features
        `[bands, frames]`, log-mel spectrum of the network: (log10 of the power + 4) / 4, with a
        power of at least 1e-10 and at most 80 dB below the window's maximum. Frames with 0 in
        every band are padding: 0 is a power of 1e-4, an audible noise.

    Returns
    -------
    Features
        The same with the value of silence in those frames. In training, short audio was padded with
        silence (Radford et al., 2022, and `whisper.pad_or_trim`).
    """
    there = features.any(axis=-2, keepdims=True)
    loudest = float(np.max(features, where=there, initial=NOTHING))
    return np.where(there, features, np.float32(max(NOTHING, loudest - SPAN)))


class _SeededNetwork:
    """A network whose sampling is deterministic for the same audio.

    CTranslate2 seeds a generator once per thread and then keeps drawing from it. Sampling
    therefore uses a fresh instance with a thread of its own; loading it takes about as long as a
    second of speech, and few windows need it.
    """

    def __init__(self, network: Any, load: Callable[[], Any]) -> None:
        self._network = network
        self._load = load

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def generate(self, *arguments: Any, **named: Any) -> Any:
        """Generate tokens; sample with a fixed seed above a temperature of 0."""
        if not named.get("sampling_temperature"):
            return self._network.generate(*arguments, **named)
        ctranslate2.set_random_seed(_SEED)
        return self._load().generate(*arguments, **named)


class _PassOver(Exception):
    """The network has finished one pass."""


class _OnePass(WhisperModel):  # type: ignore[misc]
    """Stops after one pass, and encodes the same audio once for both language and words.

    By default, faster-whisper transcribes the rest of a pass alone, often a few seconds, with
    worse results than together with the following audio. And it pads windows shorter than 30 s
    with noise instead of the silence that the network was trained with.
    """

    written = False
    """Whether this pass has yielded a segment; otherwise it may continue."""
    _encoded: tuple[Any, Any] | None = None

    def encode(self, features: Any) -> Any:
        """Return the encoder's output, cached for equal features."""
        if self.written:
            raise _PassOver
        if self._encoded is None or not np.array_equal(self._encoded[0], features):
            self._encoded = features, super().encode(with_silent_rest(features))
        return self._encoded[1]


class FasterWhisper:
    """One of OpenAI's Whisper networks (Radford et al., 2022), in CTranslate2's format."""

    def __init__(self, name: str, folder: Path, context: EngineContext, *, note: str = "") -> None:
        device = "cuda" if context.device == "cuda" else "cpu"
        # The weights are stored in half precision; 8-bit quantisation causes more wrong words.
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
        # Each beam takes its share of the device's memory.
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
            # Drop the last frame, as `transcribe` does, so that the encoder's output can be reused.
            features = self._network.feature_extractor(audio)[..., :-1]
            _, _, probabilities = self._network.detect_language(features=features)
        return dict(probabilities)

    def run(
        self, audio: Mono, *, language: str, beam: int, temperature: float = 0.0
    ) -> WindowTranscript:
        """Transcribe one pass."""
        self._network.written = False
        segments: list[Segment] = []
        until = len(audio) / RATE
        with memory_watched():
            pieces, _ = self._network.transcribe(
                audio,
                language=language,
                beam_size=max(1, int(beam * self._share)),
                # If the first decoding fails, a second one is sampled.
                temperature=(temperature,) if temperature else (0.0, 0.4),
                # Conditioning on the previous text causes loops more often than it helps.
                condition_on_previous_text=False,
                word_timestamps=True,
                vad_filter=False,
            )
            try:
                for segment in pieces:
                    self._network.written = True
                    if segment.words:
                        segments.append(_line(segment))
            except _PassOver:
                until = segments[-1].end if segments else until
        return WindowTranscript(segments, until)


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
