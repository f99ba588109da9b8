"""Transcribed words with times, in lines."""

from dataclasses import dataclass

RATE = 16_000
"""Sample rate of the network's input, in Hz."""


NOTHING = -1.5
"""Minimum of the network's log-mel spectrum, (log10 of the power + 4) / 4."""
SPAN = 2.0
"""Range of the log-mel spectrum below the window's maximum: 80 dB."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word as written, with punctuation, and its times in seconds."""

    text: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A line of words, as segmented by the network."""

    words: tuple[Word, ...]
    log_probability: float
    """Mean log-probability of its tokens."""
    no_speech: float
    """Probability that its window has no speech."""
    compression: float
    """Gzip compression ratio of its window's text; loops are above 2.4."""
    confirmed: bool = False
    """Whether its words also occur, at the same times, in another cut of the audio."""
    refuted: bool = False
    """Whether its words do not occur in another cut of the audio."""

    @property
    def text(self) -> str:
        """Its words as written."""
        return "".join(word.text for word in self.words).strip()

    @property
    def start(self) -> float:
        """Start in seconds."""
        return self.words[0].start

    @property
    def end(self) -> float:
        """End in seconds."""
        return self.words[-1].end


def key(word: Word) -> str:
    """Normalise a word for comparison: case-folded, without punctuation."""
    return "".join(letter for letter in word.text.casefold() if letter.isalnum())


@dataclass(frozen=True, slots=True)
class WindowTranscript:
    """The transcript of a window."""

    segments: list[Segment]
    until: float
    """End of the transcribed part in seconds; the next window must start here."""
