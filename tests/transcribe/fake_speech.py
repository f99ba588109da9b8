"""Synthetic segments, noise bursts as a voice, and a fake network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kit.arrays import F32, Mono
from services.transcribe.engine import SpeechNetwork
from services.transcribe.lines import RATE, Segment, WindowTranscript, Word


def line(
    text: str,
    start: float = 1.0,
    *,
    each: float = 0.4,
    confidence: float = 0.9,
    log_probability: float = -0.3,
    no_speech: float = 0.1,
    compression: float = 1.2,
) -> Segment:
    """A segment whose words follow each other."""
    words = tuple(
        Word(f" {word}", start + number * each, start + (number + 1) * each, confidence)
        for number, word in enumerate(text.split())
    )
    return Segment(words, log_probability, no_speech, compression)


def bursts(*times: tuple[float, float], seconds: float, level: float = 0.2) -> F32:
    """Noise that sounds between given times and is silent elsewhere, `[samples]`."""
    audio = np.zeros(round(seconds * RATE), np.float32)
    noise = np.random.default_rng(7).standard_normal(len(audio)).astype(np.float32)
    for start, end in times:
        part = slice(round(start * RATE), round(end * RATE))
        audio[part] = level * noise[part]
    return audio


@dataclass
class FakeNetwork:
    """A network that returns one word per second and records the lengths of its inputs."""

    probabilities: Sequence[Mapping[str, float]] = ({"en": 0.9, "de": 0.1},)
    weights: str = "fake"
    description: str = "by hand"
    languages: frozenset[str] = frozenset({"en", "de"})
    lengths: list[int] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    languages_run: int = 0
    max_seconds: float = 1e9
    """Maximum seconds of one pass."""

    def run_language(self, audio: Mono) -> Mapping[str, float]:
        self.languages_run += 1
        return self.probabilities[min(self.languages_run, len(self.probabilities)) - 1]

    def run(
        self, audio: Mono, *, language: str, beam: int, temperature: float = 0.0
    ) -> WindowTranscript:
        self.lengths.append(len(audio))
        self.spoken.append(language)
        until = min(len(audio) / RATE, self.max_seconds)
        seconds = int(until)
        segments = [line(f"word{n}", float(n), each=0.5) for n in range(seconds)]
        return WindowTranscript(segments, until)

    def open(self, weights: str) -> SpeechNetwork:
        return self
