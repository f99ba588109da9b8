"""Transcribe audio of any length in windows of at most 30 s, in bounded memory."""

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
from services.transcribe.engine import SpeechNetwork
from services.transcribe.lines import RATE, Segment, WindowTranscript

WINDOW = 30 * RATE
"""Maximum samples of a window."""
EARLIEST_CUT = 20 * RATE
"""A window ends at its quietest place after this many samples."""
AUDIBLE = 45.0
"""Windows whose loudest 0.1 s is this many dB below the loudest 0.1 s of the whole recording, both
by `LevelEnvelope`, are skipped."""

MIN_DB = -120.0
"""Windows below this level are skipped however quiet the recording is: it is 16-bit noise."""
SHORTEST_STEP = 5 * RATE
"""The untranscribed rest of a window is only carried over if the network got at least this far."""
SHORTEST_REST = RATE
"""A shorter rest is not carried over."""

_TAIL_S = 0.2
_TAIL_CONFIDENCE = 0.5
_SURE = 0.95
_WINDOWS_FOR_LANGUAGE = 3


@dataclass(slots=True)
class SpeechTranscriber:
    """Transcribes a stream: feed audio, get segments with times from the start of the stream.

    Parameters
    ----------
    language
        Language code; if `None`, it is detected on the first audible windows.
    beam
        Beam size of the decoder.
    loudest_db
        Level of the loudest 0.1 s of the whole recording by `LevelEnvelope`; of the mix, if a stem
        is transcribed and the mix is known.
    rechecks
        Whether to transcribe suspicious windows again; without it they have no words.
    """

    network: SpeechNetwork
    language: str | None
    beam: int
    loudest_db: float
    rechecks: bool = True
    loudness: LevelEnvelope = field(default_factory=LevelEnvelope)
    _audio: Mono = field(default_factory=lambda: np.zeros(0, np.float32))
    _mix: Mono = field(default_factory=lambda: np.zeros(0, np.float32))
    _position: int = 0
    _votes: dict[str, float] = field(default_factory=dict)
    _voted: int = 0
    _carried: bool = False

    def feed(self, audio: Mono, mix: F32 | None = None) -> Iterator[Segment]:
        """Process `[samples]` at `RATE`, and as much of the mix if known; yield segments."""
        if mix is not None:
            self._mix = np.concatenate([self._mix, mix])
        self.loudness.feed(audio)
        self._audio = np.concatenate([self._audio, audio])
        while len(self._audio) > WINDOW:
            cut = quietest(self._audio[:WINDOW], EARLIEST_CUT)
            yield from self._transcribe_window(cut)

    def finish(self) -> Iterator[Segment]:
        """Transcribe the rest of the audio."""
        while len(self._audio):
            yield from self._transcribe_window(len(self._audio))

    @property
    def detected(self) -> tuple[str, float] | None:
        """Language code and confidence (0 to 1); `None` before the first audible window."""
        if self.language is not None:
            return self.language, 1.0
        if not self._votes:
            return None
        best = max(self._votes, key=lambda code: self._votes[code])
        return best, min(1.0, self._votes[best] / self._voted)

    def _transcribe_window(self, cut: int) -> Iterator[Segment]:
        audio, offset = self._audio[:cut], self._position / RATE
        if not self._audible(audio):
            self._leave(cut)
            self._carried = False
            return
        language = self._language_of(audio)
        transcript = self.network.run(audio, language=language, beam=self.beam)
        if looks_invented(transcript.segments):
            transcript = (
                self._recheck(transcript, audio, language)
                if self.rechecks
                else replace(transcript, segments=[])
            )
        until = round(transcript.until * RATE)
        # A short or silent rest has no words; and every window must make progress.
        rest = audio[until:] if until > SHORTEST_STEP else audio[:0]
        carried = len(rest) > SHORTEST_REST and self._audible(rest)
        end = offset + len(audio) / RATE
        segments = _without_tail(transcript.segments) if self._carried else transcript.segments
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
        min_level = max(self.loudest_db - AUDIBLE, MIN_DB)
        return loudest_level(loudness.levels()) >= min_level

    def _recheck(
        self, transcript: WindowTranscript, audio: Mono, language: str
    ) -> WindowTranscript:
        """Verify the suspicious text of a window, and replace it if it is refuted.

        A second transcription in two pieces confirms real text. A loop that it does not confirm is
        replaced by the best alternative: the pieces, a seeded sample, or the mix that the voice
        comes from.
        """

        def transcribe(part: Mono, temperature: float = 0.0) -> WindowTranscript:
            return self.network.run(
                part, language=language, beam=self.beam, temperature=temperature
            )

        pieces: list[Segment] = []
        for first, last in _pieces(audio):
            part = audio[first:last]
            if self._audible(part):
                pieces += _shifted(transcribe(part).segments, first / RATE)
        marked = confirm(transcript.segments, pieces)
        if not looks_looped(marked):
            return replace(transcript, segments=marked)
        if all(segment.confirmed for segment in marked):
            # The refrain is real: use the transcription that has more of it.
            if _count(pieces) <= _count(marked):
                return replace(transcript, segments=marked)
            segments = [replace(segment, confirmed=True) for segment in pieces]
            return WindowTranscript(segments, len(audio) / RATE)
        readings = [pieces, transcribe(audio, TEMPERATURE).segments]
        mix = self._mix[: len(audio)]
        if len(mix) == len(audio):
            readings.append(transcribe(mix).segments)
        best = best_reading(readings)
        if best is None:
            return replace(transcript, segments=marked)
        return WindowTranscript(best, len(audio) / RATE)

    def _leave(self, samples: int) -> None:
        self._audio = self._audio[samples:].copy()
        self._mix = self._mix[samples:].copy()
        self._position += samples

    def _language_of(self, audio: Mono) -> str:
        """Return the language by the votes of the first windows, including this one."""
        detected = self.detected
        has_enough_votes = self._voted >= _WINDOWS_FOR_LANGUAGE or (
            detected is not None and detected[1] >= _SURE
        )
        if detected is not None and has_enough_votes:
            return detected[0]
        for code, probability in self.network.run_language(audio).items():
            self._votes[code] = self._votes.get(code, 0.0) + probability
        self._voted += 1
        detected = self.detected
        return detected[0] if detected else "en"


def _without_tail(segments: list[Segment]) -> list[Segment]:
    """Drop a spurious first word that is the tail of the previous window's last word.

    A carried-over window starts at the end of that word, which the network estimates only to some
    tenths of a second. Its tail may be transcribed as a word that begins with the window, is short
    and has low confidence.
    """
    if not segments:
        return segments
    word, *others = segments[0].words
    if word.start > 0 or word.end > _TAIL_S or word.confidence > _TAIL_CONFIDENCE:
        return segments
    rest = [replace(segments[0], words=tuple(others))] if others else []
    return [*rest, *segments[1:]]


def _pieces(audio: Mono) -> list[tuple[int, int]]:
    """Split a window in two at the quietest place of its middle third; return the sample ranges."""
    third = len(audio) // 3
    if third < SHORTEST_REST:
        return [(0, len(audio))]
    cut = quietest(audio[: 2 * third], third)
    return [(0, cut), (cut, len(audio))]


def _count(segments: list[Segment]) -> int:
    return sum(len(segment.words) for segment in segments)


def _shifted(segments: list[Segment], seconds: float) -> list[Segment]:
    """Shift segments by a time in seconds."""
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
