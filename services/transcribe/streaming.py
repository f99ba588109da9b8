"""Audio of any length in windows of at most 30 s, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from kit.arrays import F32, Mono
from services.transcribe.doubts import (
    TEMPERATURE,
    best_reading,
    confirm,
    looks_invented,
    looks_looped,
)
from services.transcribe.dsp import LevelEnvelope, loudest_level, quietest
from services.transcribe.engine import Hearing
from services.transcribe.lines import RATE, Segment, WindowTranscript

WINDOW = 30 * RATE
"""Samples that the network hears at once."""
EARLIEST_CUT = 20 * RATE
"""A window is cut at the quietest place after this."""
AUDIBLE = 45.0
"""dB below the loudest tenth of a second of the whole recording, both by `LevelEnvelope`; windows
whose loudest tenth of a second is lower are not heard at all."""

MIN_DB = -120.0
"""Nothing is heard below this, however quiet the recording is: it is the noise of 16 bits."""
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
    beam
        Readings that are followed at once.
    loudest_db
        The level of the loudest tenth of a second of the whole recording, by `LevelEnvelope`: of
        the mix where a stem of it is listened to and the mix is known.
    """

    hearing: Hearing
    language: str | None
    beam: int
    loudest_db: float
    loudness: LevelEnvelope = field(default_factory=LevelEnvelope)
    _audio: Mono = field(default_factory=lambda: np.zeros(0, np.float32))
    _mix: Mono = field(default_factory=lambda: np.zeros(0, np.float32))
    _position: int = 0
    _votes: dict[str, float] = field(default_factory=dict)
    _voted: int = 0
    _carried: bool = False

    def feed(self, audio: Mono, mix: F32 | None = None) -> Iterator[Segment]:
        """Take `[samples]` at `RATE`, and as much of the mix if known; yield what is complete."""
        if mix is not None:
            self._mix = np.concatenate([self._mix, mix])
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
        if not self._audible(audio):
            self._leave(cut)
            self._carried = False
            return
        language = self._language_of(audio)
        heard = self.hearing.run(audio, language=language, beam=self.beam)
        if looks_invented(heard.segments):
            heard = self._heard_again(heard, audio, language)
        until = round(heard.until * RATE)
        # A rest that is short or silent holds no words, and every window must lead on.
        rest = audio[until:] if until > SHORTEST_STEP else audio[:0]
        carried = len(rest) > SHORTEST_REST and self._audible(rest)
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

    def _audible(self, audio: Mono) -> bool:
        loudness = LevelEnvelope()
        loudness.feed(audio)
        least = max(self.loudest_db - AUDIBLE, MIN_DB)
        return loudest_level(loudness.levels()) >= least

    def _heard_again(self, heard: WindowTranscript, audio: Mono, language: str) -> WindowTranscript:
        """Return a window whose text looked invented, confirmed, replaced or refuted.

        It is heard once more in two pieces, which confirms what is really there. A loop that this
        does not confirm gives way to the best of the other readings: the pieces, a seeded draw, and
        the mix that the voice was taken from.
        """

        def hear(part: Mono, temperature: float = 0.0) -> WindowTranscript:
            return self.hearing.run(
                part, language=language, beam=self.beam, temperature=temperature
            )

        pieces: list[Segment] = []
        for first, last in _pieces(audio):
            part = audio[first:last]
            if self._audible(part):
                pieces += _shifted(hear(part).segments, first / RATE)
        marked = confirm(heard.segments, pieces)
        if not looks_looped(marked):
            return replace(heard, segments=marked)
        if all(segment.confirmed for segment in marked):
            # A refrain is really there; the reading that passed over none of it is taken.
            if _count(pieces) <= _count(marked):
                return replace(heard, segments=marked)
            found = [replace(segment, confirmed=True) for segment in pieces]
            return WindowTranscript(found, len(audio) / RATE)
        readings = [pieces, hear(audio, TEMPERATURE).segments]
        mix = self._mix[: len(audio)]
        if len(mix) == len(audio):
            readings.append(hear(mix).segments)
        best = best_reading(readings)
        if best is None:
            return replace(heard, segments=marked)
        return WindowTranscript(best, len(audio) / RATE)

    def _leave(self, samples: int) -> None:
        self._audio = self._audio[samples:].copy()
        self._mix = self._mix[samples:].copy()
        self._position += samples

    def _language_of(self, audio: Mono) -> str:
        """Return the language by the votes of the first windows, this one's among them."""
        told = self.detected
        settled = self._voted >= _WINDOWS_FOR_LANGUAGE or (told is not None and told[1] >= _SURE)
        if told is not None and settled:
            return told[0]
        for code, probability in self.hearing.run_language(audio).items():
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


def _pieces(audio: Mono) -> list[tuple[int, int]]:
    """Return where a window is cut in two, at the quietest place of its middle third."""
    third = len(audio) // 3
    if third < SHORTEST_REST:
        return [(0, len(audio))]
    cut = quietest(audio[: 2 * third], third)
    return [(0, cut), (cut, len(audio))]


def _count(segments: list[Segment]) -> int:
    return sum(len(segment.words) for segment in segments)


def _shifted(segments: list[Segment], seconds: float) -> list[Segment]:
    """Return segments later by a time."""
    return [
        replace(
            segment,
            words=tuple(
                replace(word, start=word.start + seconds, end=word.end + seconds)
                for word in segment.words
            ),
        )
        for segment in segments
    ]
