"""What is heard: words with times, in lines."""

from dataclasses import dataclass

RATE = 16_000
"""Samples a second of what the network hears."""


NOTHING = -1.5
"""The least that the network's log mel spectrum, (log10 of the power + 4) / 4, can be."""
SPAN = 2.0
"""How far below the window's loudest the spectrum reaches: 80 dB."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word as it is written, punctuation included."""

    text: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Segment:
    """What the network took for one line."""

    words: tuple[Word, ...]
    log_probability: float
    """Mean over its tokens."""
    no_speech: float
    """How likely nothing was said in its window."""
    compression: float
    """How much shorter its window's text becomes by gzip; loops are above 2.4."""
    confirmed: bool = False
    """Whether its words were heard again, at the same times, in another cut of the audio."""
    refuted: bool = False
    """Whether they were listened for in another cut and not heard again."""

    @property
    def text(self) -> str:
        """Its words as written."""
        return "".join(word.text for word in self.words).strip()

    @property
    def start(self) -> float:
        """Seconds."""
        return self.words[0].start

    @property
    def end(self) -> float:
        """Seconds."""
        return self.words[-1].end


def key(word: Word) -> str:
    """Return what two words have in common that differ in case and punctuation only."""
    return "".join(letter for letter in word.text.casefold() if letter.isalnum())


@dataclass(frozen=True, slots=True)
class WindowTranscript:
    """What the network made of a window."""

    segments: list[Segment]
    until: float
    """Seconds; what comes after is to be heard with the next window."""
