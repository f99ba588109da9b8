"""Verify suspicious text by a second transcription: a refrain is in any cut, a loop is not.

A network caught in a loop is confident: repeated words have the highest probabilities of all. But
songs do have refrains, and speakers do thank for listening. The test is whether the same words are
transcribed at the same times if the audio is cut differently.
"""

from collections.abc import Sequence
from dataclasses import replace

from services.transcribe.hallucinations import CREDITS, REPEATS, confidence, phrase_loop
from services.transcribe.lines import Segment, Word, key

TEMPERATURE = 0.4
"""Sampling temperature of one of the alternative transcriptions."""

_PACKED = 2.4
"""Compression ratio of Whisper's text above which it is a loop (Radford et al., 2022)."""
_NEAR = 1.5
"""Maximum time difference of a word between two cuts, in seconds."""
_SHARE = 0.7
"""Minimum share of confirmed words."""
_MIN_SURE = 0.5
"""Minimum mean confidence of a transcription that replaces another."""


def looks_looped(segments: Sequence[Segment]) -> bool:
    """Return whether a window's text compresses too well or repeats a phrase four times or more."""
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
    """Return whether a window needs a second transcription: it looks like a loop or a credit."""
    return looks_looped(segments) or any(CREDITS.search(segment.text) for segment in segments)


def confirm(segments: Sequence[Segment], again: Sequence[Segment]) -> list[Segment]:
    """Mark the segments whose words also occur in another cut of the same audio.

    Parameters
    ----------
    segments
        The first transcription.
    again
        The transcription of the other cut, with the same time origin.

    Returns
    -------
    list of Segment
        The same segments. A segment is confirmed if 70 % of its words occur again within 1.5 s. A
        window that looks like a loop must also have about as many of them in the other cut,
        because a loop repeats at another rate there, or not at all.
    """
    others = [word for segment in again for word in segment.words]
    words = [word for segment in segments for word in segment.words]
    matched = _matched(words, others)
    if looks_looped(segments):
        first_keys = {key(word) for word in words}
        same = sum(key(word) in first_keys for word in others)
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
    """Return the transcription with the highest mean confidence among those without loops.

    Returns
    -------
    list of Segment or None
        None if no transcription has credible words.
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
    """Match each word to another equal word nearby, each used once; return which have a match."""
    free = list(others)
    matches = []
    for word in words:
        near = [
            other
            for other in free
            if abs(other.start - word.start) <= _NEAR and key(other) == key(word)
        ]
        matches.append(bool(near))
        if near:
            free.remove(min(near, key=lambda other: abs(other.start - word.start)))
    return matches
