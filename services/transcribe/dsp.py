"""Level envelope of the voice, cut points, and alignment of word starts."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F32, Mono
from services.transcribe.lines import RATE, Segment, Word

HOP = 160
"""Samples from one level to the next: 10 ms at `RATE`."""
FLOOR = -140.0
"""Lower limit of levels, in dB."""

_WIDTH = 2 * HOP
# Search range after a word's stated start, as far as Whisper can be early.
_LATEST = 0.30
_EARLIEST = 0.02
_RISE_DB = 18.0
_PAUSE_DB = 24.0
_LASTING = 5
_STEP = 4
_ATTACK_DB = 6.0
_SHORTEST = 0.04


class LevelEnvelope:
    """Level envelope of a stream: one value every 10 ms, so an hour takes 1.4 MB.

    Notes
    -----
    The level is the mean square of the audio's first difference over 20 ms, in dB: the difference
    weighs speech's consonants against a voice's, and an accompaniment's, low end.
    """

    def __init__(self) -> None:
        self._pending = np.zeros(1, np.float32)
        self._levels: list[NDArray[np.float32]] = []

    def feed(self, audio: Mono) -> None:
        """Process more audio, `[samples]` at `RATE`."""
        joined = np.concatenate([self._pending, audio])
        frames = max(0, (len(joined) - 1 - _WIDTH) // HOP + 1)
        if frames:
            squares = np.diff(joined[: (frames - 1) * HOP + _WIDTH + 1]).astype(np.float64) ** 2
            halves = squares.reshape(-1, HOP).mean(axis=1)
            power = (halves[:-1] + halves[1:]) / 2
            self._levels.append((10 * np.log10(np.maximum(power, 1e-14))).astype(np.float32))
            joined = joined[frames * HOP :]
        self._pending = joined.copy()

    def levels(self) -> F32:
        """Return the levels so far in dB, `[frames]`; frame n is centred at (n + 1) · 10 ms."""
        return np.concatenate(self._levels) if self._levels else np.zeros(0, np.float32)


def frame_at(seconds: float) -> int:
    """Return the index of the level whose centre is nearest to a time."""
    return max(0, round(seconds * RATE / HOP) - 1)


def loudest(levels: F32, start: float, end: float) -> float:
    """Return the 90th percentile of the levels between two times, in dB."""
    first = frame_at(start)
    part = levels[first : max(first + 1, frame_at(end) + 1)]
    return float(np.percentile(part, 90)) if len(part) else FLOOR


def loudest_level(levels: F32) -> float:
    """Return the mean of the ten highest levels, a tenth of a second, in dB."""
    return float(np.sort(levels)[-10:].mean()) if len(levels) >= 10 else FLOOR


def quietest(audio: Mono, earliest: int) -> int:
    """Return the best cut point after `earliest`: the middle of the quietest 0.2 s.

    Parameters
    ----------
    audio
        `[samples]` at `RATE`, at least 0.2 s after `earliest`.
    """
    part = np.diff(audio[earliest:], prepend=audio[earliest]).astype(np.float64) ** 2
    width = RATE // 5
    sums = np.concatenate([[0.0], np.cumsum(part)])
    energy = sums[width:] - sums[:-width]
    # Of equally quiet places, the last one gives the longest window.
    best = len(energy) - 1 - int(np.argmin(energy[::-1]))
    return earliest + best + width // 2


def voice_start(levels: F32, start: float, end: float) -> float:
    """Align a word's start to the onset of the voice in the level envelope, in seconds.

    Parameters
    ----------
    levels
        dB for every 10 ms, `LevelEnvelope.levels`.
    start, end
        Seconds. Whisper's starts are early, by half a second after a pause.

    Returns
    -------
    float
        Seconds, from 0.02 s before `start` to 0.3 s after it, or up to `end` if `start` lies in a
        pause; `start` itself without a level rise.

    Notes
    -----
    After a pause, the onset is where the level comes within 18 dB of the word's maximum. In
    connected singing it is the steepest rise, of at least 6 dB in 40 ms.
    """
    first = frame_at(max(0.0, start - _EARLIEST))
    end_frame = min(len(levels) - 1, frame_at(end - _SHORTEST))
    last = min(end_frame, frame_at(start + _LATEST))
    if last <= first:
        return start
    peak = float(levels[first : min(len(levels), frame_at(end) + 1)].max())
    pause = float(levels[first : first + _STEP + 1].max()) < peak - _PAUSE_DB
    window = levels[first : (end_frame if pause else last) + 1]
    sounds = window > peak - _RISE_DB
    if float(window[:3].mean()) < peak - _RISE_DB:
        # Skip clicks and breaths, which are short: the voice lasts.
        lasting = np.convolve(sounds, np.ones(_LASTING), mode="full")[_LASTING - 1 :]
        begins = np.flatnonzero(sounds & (lasting >= _LASTING - 1))
        return _time_of(first + int(begins[0])) if len(begins) else start
    if len(window) <= _STEP:
        return start
    rises = window[_STEP:] - window[:-_STEP]
    best = int(np.argmax(rises))
    if rises[best] < _ATTACK_DB:
        return start
    return _time_of(first + best + _STEP // 2)


def correct_starts(segments: list[Segment], levels: F32) -> list[Segment]:
    """Align word starts to the voice; words stay in order and disjoint."""
    corrected: list[Segment] = []
    before = 0.0
    for segment in segments:
        words: list[Word] = []
        for number, word in enumerate(segment.words):
            start = max(before, voice_start(levels, word.start, word.end))
            end = max(word.end, start + _SHORTEST)
            if number and words[-1].end > start:
                words[-1] = replace(words[-1], end=start)
            words.append(replace(word, start=start, end=end))
            before = start
        corrected.append(replace(segment, words=tuple(words)))
        before = words[-1].start
    return corrected


def part_at_pauses(segments: list[Segment], longest: float = 1.0) -> list[Segment]:
    """Split segments at pauses, because the network sometimes joins two lines.

    Parameters
    ----------
    longest
        Longest pause within a line, in seconds.
    """
    parted: list[Segment] = []
    for segment in segments:
        first = 0
        words = segment.words
        for number in range(1, len(words)):
            if words[number].start - words[number - 1].end > longest:
                parted.append(replace(segment, words=words[first:number]))
                first = number
        parted.append(replace(segment, words=words[first:]))
    return parted


def _time_of(frame: int) -> float:
    return (frame + 1) * HOP / RATE
