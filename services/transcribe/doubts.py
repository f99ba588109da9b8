"""Text that looks invented is heard again: a real refrain is there in any cut, a loop is not.

A network caught in a loop believes it: the words that it repeats have the best probabilities of
all. And songs repeat themselves for real, and speakers do thank for listening. What decides is
whether the same words are heard at the same times when the audio is cut in another way.
"""

from collections.abc import Sequence
from dataclasses import replace

from services.transcribe.hallucinations import CREDITS, REPEATS, confidence, phrase_loop
from services.transcribe.lines import Segment, Word, key

TEMPERATURE = 0.4
"""Of the draw that is one of the other readings."""

_PACKED = 2.4
"""The ratio by which Whisper's text is packed in a loop (Radford et al., 2022)."""
_NEAR = 1.5
"""Seconds by which a word may lie elsewhere in another cut."""
_SHARE = 0.7
"""Of the words, heard again."""
_MIN_SURE = 0.5
"""The mean confidence of words that a reading needs to stand for another."""


def looks_looped(segments: Sequence[Segment]) -> bool:
    """Return whether a window's text packs too well, or repeats a phrase four times or more."""
    if any(segment.compression > _PACKED for segment in segments):
        return True
    words = [word for segment in segments for word in segment.words]
    if phrase_loop(words) is not None:
        return True
    lines = [tuple(map(key, segment.words)) for segment in segments]
    return any(
        len(set(lines[first : first + REPEATS])) == 1 for first in range(len(lines) - REPEATS + 1)
    )


def looks_invented(segments: Sequence[Segment]) -> bool:
    """Return whether a window is to be heard again: it looks like a loop, or holds a credit."""
    return looks_looped(segments) or any(CREDITS.search(segment.text) for segment in segments)


def confirm(segments: Sequence[Segment], again: Sequence[Segment]) -> list[Segment]:
    """Mark the segments whose words were heard again in another cut of the same audio.

    Parameters
    ----------
    segments
        What was heard first.
    again
        What was heard in the other cut; times count from the same moment.

    Returns
    -------
    list of Segment
        The same. One is confirmed where seven of ten of its words are heard again within 1.5 s;
        in a window that looks like a loop also only where the other cut holds about as many of
        them, since a loop is caught by another cut at another rate, or not at all.
    """
    others = [word for segment in again for word in segment.words]
    words = [word for segment in segments for word in segment.words]
    matched = _matched(words, others)
    if looks_looped(segments):
        asked = {key(word) for word in words}
        same = sum(key(word) in asked for word in others)
        agreed = sum(matched) >= _SHARE * len(words) and same * _SHARE <= len(words)
        return [replace(segment, confirmed=agreed, refuted=not agreed) for segment in segments]
    marked: list[Segment] = []
    first = 0
    for segment in segments:
        part = matched[first : first + len(segment.words)]
        first += len(segment.words)
        agreed = sum(part) >= _SHARE * len(part)
        marked.append(replace(segment, confirmed=agreed, refuted=not agreed))
    return marked


def best_reading(readings: Sequence[Sequence[Segment]]) -> list[Segment] | None:
    """Return the reading whose words are believed most, of those that look like no loop.

    Returns
    -------
    list of Segment or None
        None where none of them has words that look like sung or said ones.
    """
    fit = [
        list(segments)
        for segments in readings
        if segments and not looks_invented(segments) and _sure(segments) > _MIN_SURE
    ]
    return max(fit, key=_sure, default=None)


def _sure(segments: Sequence[Segment]) -> float:
    counts = [len(segment.words) for segment in segments]
    sums = [confidence(segment) * len(segment.words) for segment in segments]
    return sum(sums) / sum(counts)


def _matched(words: Sequence[Word], others: Sequence[Word]) -> list[bool]:
    """Return for each word whether one of the others, each used once, is the same one."""
    free = list(others)
    found = []
    for word in words:
        near = [
            other
            for other in free
            if abs(other.start - word.start) <= _NEAR and key(other) == key(word)
        ]
        found.append(bool(near))
        if near:
            free.remove(min(near, key=lambda other: abs(other.start - word.start)))
    return found
