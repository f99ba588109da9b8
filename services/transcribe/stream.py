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

SHORTEST_STEP = 5 * RATE
"""What the network leaves over is only heard again when it went at least this far."""
SHORTEST_REST = RATE
"""A shorter rest is not heard again."""

_TAIL_S = 0.2
_TAIL_CONFIDENCE = 0.5
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
    _carried: bool = False

    def feed(self, audio: Float) -> Iterator[Segment]:
        """Take `[samples]` at `RATE`; yield what is complete."""
        self.loudness.feed(audio)
        self._audio = np.concatenate([self._audio, audio])
        while len(self._audio) > WINDOW:
            cut = quietest(self._audio[:WINDOW], EARLIEST_CUT)
            yield from self._hear(cut)

    def finish(self) -> Iterator[Segment]:
        """Yield what is in the rest."""
        while len(self._audio):
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
        audio, offset = self._audio[:cut], self._position / RATE
        if _loudest_tenth(audio) < AUDIBLE:
            self._leave(cut)
            self._carried = False
            return
        heard = self.hearing.hear(audio, language=self._language_of(audio), beam=self.beam)
        until = round(heard.until * RATE)
        # A rest that is short or silent holds no words, and every window must lead on.
        rest = audio[until:] if until > SHORTEST_STEP else audio[:0]
        carried = len(rest) > SHORTEST_REST and _loudest_tenth(rest) >= AUDIBLE
        end = offset + len(audio) / RATE
        segments = _without_tail(heard.segments) if self._carried else heard.segments
        self._carried = carried
        for segment in segments:
            words = tuple(
                replace(
                    word,
                    start=min(end, offset + max(0.0, word.start)),
                    end=min(end, offset + max(word.start, word.end)),
                )
                for word in segment.words
            )
            yield replace(segment, words=words)
        self._leave(until if carried else cut)

    def _leave(self, samples: int) -> None:
        self._audio = self._audio[samples:].copy()
        self._position += samples

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


def _without_tail(segments: list[Segment]) -> list[Segment]:
    """Return what is heard after a pass that left something over, without the last word's tail.

    The next window begins where that word ends by the network's word, which is right to some
    tenths of a second only. What still sounds of it may be taken for a word of its own: one that
    begins with the window, is short, and is not believed.
    """
    if not segments:
        return segments
    word, *others = segments[0].words
    if word.start > 0 or word.end > _TAIL_S or word.confidence > _TAIL_CONFIDENCE:
        return segments
    rest = [replace(segments[0], words=tuple(others))] if others else []
    return [*rest, *segments[1:]]


def _loudest_tenth(audio: Float) -> float:
    loudness = Loudness()
    loudness.feed(audio)
    levels = loudness.levels()
    return float(np.sort(levels)[-10:].mean()) if len(levels) >= 10 else FLOOR
