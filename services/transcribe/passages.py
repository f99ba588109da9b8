"""Merge the transcripts of a vocal stem and of its song, passage by passage.

A separator takes parts of a voice away, and the instruments of a song cover others: of two
transcripts of the same passage the one is kept that the network is surer of.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from services.transcribe.lines import Segment, Word

_PAUSE = 0.1
"""Seconds without a word in either transcript that separate two passages."""
_MAX_WORD_RATIO = 1.5
"""Maximum words of a passage of the song, relative to those of the stem, beside one more: a loop
has more of them."""


@dataclass(frozen=True, slots=True)
class _LineWord:
    """A word, the line that it is in, and whether it begins it."""

    word: Word
    line: Segment
    begins: bool


def merge_transcripts(
    stem: Sequence[Segment], song: Sequence[Segment]
) -> tuple[list[Segment], int]:
    """Return the lines of two transcripts of one recording, each passage from the surer one.

    Where the stem has no words, nobody sings, so the song's are left out.

    Parameters
    ----------
    stem, song
        Lines in order of time, with times from the same start.

    Returns
    -------
    lines
        In order of time; a line begins where one begins in the transcript that is kept.
    words
        How many of their words are from the song.
    """
    ours, theirs = _line_words(stem), _line_words(song)
    kept: list[_LineWord] = []
    from_song = 0
    for start, end in _passages([each.word for each in (*ours, *theirs)]):
        of_stem, of_song = _between(ours, start, end), _between(theirs, start, end)
        better = _is_better(of_song, of_stem)
        kept += of_song if better else of_stem
        from_song += len(of_song) if better else 0
    return _lines(kept), from_song


def _line_words(segments: Sequence[Segment]) -> list[_LineWord]:
    """Return the words of lines in order of time."""
    words = (
        _LineWord(word, segment, begins=number == 0)
        for segment in segments
        for number, word in enumerate(segment.words)
    )
    return sorted(words, key=_start)


def _passages(words: Sequence[Word]) -> list[tuple[float, float]]:
    """Return the ranges of time between pauses, which together cover all words."""
    if not words:
        return []
    first, *others = sorted(words, key=lambda word: word.start)
    bounds, until = [float("-inf")], first.end
    for word in others:
        if word.start - until >= _PAUSE:
            bounds.append((until + word.start) / 2)
        until = max(until, word.end)
    return list(pairwise([*bounds, float("inf")]))


def _between(words: Sequence[_LineWord], start: float, end: float) -> Sequence[_LineWord]:
    first, last = (bisect_left(words, time, key=_start) for time in (start, end))
    return words[first:last]


def _start(line_word: _LineWord) -> float:
    return line_word.word.start


def _is_better(song: Sequence[_LineWord], stem: Sequence[_LineWord]) -> bool:
    if not song or not stem or len(song) > _MAX_WORD_RATIO * len(stem) + 1:
        return False
    return _confidence(song) > _confidence(stem)


def _confidence(words: Sequence[_LineWord]) -> float:
    return sum(each.word.confidence for each in words) / len(words)


def _lines(words: Sequence[_LineWord]) -> list[Segment]:
    lines: list[Segment] = []
    for each in words:
        if each.begins or not lines:
            lines.append(replace(each.line, words=(each.word,)))
        else:
            lines[-1] = replace(lines[-1], words=(*lines[-1].words, each.word))
    return lines
