"""Audio of any length in windows of at most 30 s, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from services.transcribe.dsp import FLOOR, Loudness, quietest
from services.transcribe.engine import Hearing
from services.transcribe.lines import RATE, Float, Segment

WINDOW = 30 * RATE
"""Samples that the network hears at once."""
EARLIEST_CUT = 20 * RATE
"""A window is cut at the quietest place after this."""
AUDIBLE = -62.0
"""dB of `Loudness`; windows whose loudest tenth of a second is below are not heard at all."""

_SURE = 0.95
_WINDOWS_FOR_LANGUAGE = 3


@dataclass(slots=True)
class Listener:
    """Feed it audio, take segments with times from the beginning of the stream.

    Parameters
    ----------
    language
        What is sung; detected on the first windows that can be heard when `None`.
    """

    hearing: Hearing
    language: str | None
    beam: int
    loudness: Loudness = field(default_factory=Loudness)
    _audio: Float = field(default_factory=lambda: np.zeros(0, np.float32))
    _position: int = 0
    _votes: dict[str, float] = field(default_factory=dict)
    _voted: int = 0

    def feed(self, audio: Float) -> Iterator[Segment]:
        """Take `[samples]` at `RATE`; yield what is complete."""
        self.loudness.feed(audio)
        self._audio = np.concatenate([self._audio, audio])
        while len(self._audio) > WINDOW:
            cut = quietest(self._audio[:WINDOW], EARLIEST_CUT)
            yield from self._hear(cut)

    def finish(self) -> Iterator[Segment]:
        """Yield what is in the rest."""
        if len(self._audio):
            yield from self._hear(len(self._audio))

    @property
    def detected(self) -> tuple[str, float] | None:
        """The language and how sure that is; nothing before something could be heard."""
        if self.language is not None:
            return self.language, 1.0
        if not self._votes:
            return None
        best = max(self._votes, key=lambda code: self._votes[code])
        return best, min(1.0, self._votes[best] / self._voted)

    def _hear(self, cut: int) -> Iterator[Segment]:
        audio, self._audio = self._audio[:cut], self._audio[cut:].copy()
        offset = self._position / RATE
        self._position += cut
        if _loudest_tenth(audio) < AUDIBLE:
            return
        language = self._language_of(audio)
        for segment in self.hearing.hear(audio, language=language, beam=self.beam):
            end = offset + len(audio) / RATE
            words = tuple(
                replace(
                    word,
                    start=min(end, offset + max(0.0, word.start)),
                    end=min(end, offset + max(word.start, word.end)),
                )
                for word in segment.words
            )
            yield replace(segment, words=words)

    def _language_of(self, audio: Float) -> str:
        """Return the language by the votes of the first windows, this one's among them."""
        told = self.detected
        settled = self._voted >= _WINDOWS_FOR_LANGUAGE or (told is not None and told[1] >= _SURE)
        if told is not None and settled:
            return told[0]
        for code, probability in self.hearing.tell_language(audio).items():
            self._votes[code] = self._votes.get(code, 0.0) + probability
        self._voted += 1
        told = self.detected
        return told[0] if told else "en"


def _loudest_tenth(audio: Float) -> float:
    loudness = Loudness()
    loudness.feed(audio)
    levels = loudness.levels()
    return float(np.sort(levels)[-10:].mean()) if len(levels) >= 10 else FLOOR
