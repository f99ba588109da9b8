"""Filter hallucinated text: what a network writes where nobody sings.

Whisper was trained on subtitles. Over silence and instruments it writes what subtitles have there
(thanks, credits, `[Music]`), or is caught in a loop. Nothing is deleted: removed text is returned
with its reason.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from contracts.transcribe import RemovalReason
from kit.arrays import F32
from services.transcribe.dsp import FLOOR, loudest, loudest_level
from services.transcribe.lines import Segment, Word, key

SILENT_DB = 36.0
"""A text is silent if the voice is this many dB below its usual level during it."""
INAUDIBLE_DB = 48.0
"""Likewise if it is this many dB below the loudest passage of the recording (the mix, if known)."""

_USUAL_PERCENTILE_DB = 20.0
REPEATS = 4
"""A phrase or a line that is repeated this often in a row may be a loop."""
_LONGEST_PHRASE = 8
_LOOP_COMPRESSION = 2.4
_NOTHING_BUT_LOOP = 5.0
_LOOP_CONFIDENCE = 0.5
_MIN_CONFIDENCE = 0.25
# Correct single words often have low confidence, lines rarely; invented ones have almost none.
_MIN_OF_ONE_WORD = 0.1
_MIN_LOG_PROBABILITY = -1.0
_NO_SPEECH = 0.6
_UNSURE_LOG_PROBABILITY = -0.6
_UNSURE_CONFIDENCE = 0.45
_FASTEST = 30.0

# Credits in subtitles. They are hardly ever sung, and sometimes spoken.
CREDITS = re.compile(
    r"amara\.org|opensubtitles|subtitles? (by|created|provided)|captions? by|captioned by"
    r"|transcri(bed|ption|pt) by|translated by|thank(s| you)( so much)? for (watching|listening)"
    r"|(please )?(like and )?subscribe( to (my|our|the) channel)?[.! ]*$|see you (in the )?next"
    r" (video|time)|untertitel(ung)? (der|von|im auftrag|des|by)|copyright wdr|swr 20\d\d"
    r"|sous-titr(es|age)|merci d'avoir regard|subt[ií]tulos (por|de|realizados)"
    r"|gracias por ver|legendas? (pela|por)|sottotitoli (e revisione|creati|a cura)"
    r"|ondertitel(ing|d)|napisy|субтитр|редактор субтитров|продолжение следует|字幕|ご視聴"
    r"|시청해 주셔서|https?://|www\.\w",
    re.IGNORECASE,
)
# Whole lines that are sometimes sung, but that Whisper also writes if there are no words.
_FILLERS = re.compile(
    r"^(you|thank you( very much)?|thanks|bye( bye)?|okay|so|oh|the end|music|gracias|merci|danke)"
    r"[.!? ]*$",
    re.IGNORECASE,
)
_ANNOTATION = re.compile(r"^\W*([\[(*♪][^\])*]*[\])*♪]?)\W*$")
_LETTER = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Removed:
    """A segment, or a part of one, that was removed as a hallucination."""

    segment: Segment
    reason: RemovalReason


def filter_hallucinations(
    segments: list[Segment], levels: F32, *, separated: bool, loudest_db: float | None = None
) -> tuple[list[Segment], list[Removed]]:
    """Separate credible segments from hallucinated ones.

    Parameters
    ----------
    segments
        In order of time.
    levels
        Levels of their audio in dB, from `dsp.LevelEnvelope.levels`.
    separated
        Whether the audio is the voice alone, so that its level shows when someone sings.
    loudest_db
        Level of the loudest passage of the whole recording, in dB; by default of the audio itself.

    Returns
    -------
    tuple
        Kept and removed segments, both in order of time.
    """
    inaudible = (loudest_level(levels) if loudest_db is None else loudest_db) - INAUDIBLE_DB
    usual = max(_usual(levels), inaudible)
    kept: list[Segment] = []
    removed: list[Removed] = []
    for segment in segments:
        sung, looped = (segment, None) if segment.confirmed else _without_loop(segment)
        if looped is not None and segment.compression > _NOTHING_BUT_LOOP:
            # The window has almost no other text, so the text before the loop is invented too.
            removed.append(Removed(segment, RemovalReason.REPEATED))
            continue
        if looped is not None:
            removed.append(Removed(looped, RemovalReason.REPEATED))
        reason = _verdict(sung, levels, usual, inaudible, separated=separated)
        if reason is not None:
            removed.append(Removed(sung, reason))
        else:
            kept.append(sung)
    kept, echoes = _without_echoes(kept)
    removed += echoes
    return kept, sorted(removed, key=lambda item: item.segment.start)


def confidence(segment: Segment) -> float:
    """Return the mean confidence of a segment's words."""
    return sum(word.confidence for word in segment.words) / len(segment.words)


def _usual(levels: F32) -> float:
    """Return the usual level in dB: the mean of frames within 20 dB of the loudest."""
    if not len(levels):
        return FLOOR
    return float(levels[levels >= levels.max() - _USUAL_PERCENTILE_DB].mean())


def _verdict(
    segment: Segment, levels: F32, usual: float, inaudible: float, *, separated: bool
) -> RemovalReason | None:
    text = segment.text
    if not _LETTER.search(text) or _ANNOTATION.match(text):
        return RemovalReason.ANNOTATION
    if CREDITS.search(text) and not segment.confirmed:
        return RemovalReason.CREDIT
    # The window compresses far too well, and the network itself estimates no speech.
    packed = segment.compression > _LOOP_COMPRESSION and not segment.confirmed
    if packed and segment.no_speech > _NO_SPEECH:
        return RemovalReason.REPEATED
    level = loudest(levels, segment.start, segment.end)
    if level < inaudible or (separated and level < usual - SILENT_DB):
        return RemovalReason.SILENT
    sure = confidence(segment)
    min_confidence = _MIN_CONFIDENCE if len(segment.words) > 1 else _MIN_OF_ONE_WORD
    if segment.log_probability < _MIN_LOG_PROBABILITY or sure < min_confidence:
        return RemovalReason.DOUBTFUL
    unsure = segment.log_probability < _UNSURE_LOG_PROBABILITY or sure < _UNSURE_CONFIDENCE
    if unsure and CREDITS.search(text):
        return RemovalReason.CREDIT
    if unsure and (segment.no_speech > _NO_SPEECH or _FILLERS.match(text)):
        return RemovalReason.DOUBTFUL
    letters = sum(len(word.text.strip()) for word in segment.words)
    if letters > 12 and letters > _FASTEST * max(0.1, segment.end - segment.start):
        return RemovalReason.DOUBTFUL
    return None


def phrase_loop(words: Sequence[Word], *, first: int = 0) -> tuple[int, int, int] | None:
    """Find a phrase of at most eight words that is repeated four times or more in a row.

    Parameters
    ----------
    words
        In order.
    first
        Index of the first word to search from.

    Returns
    -------
    tuple or None
        Indices of the phrase's first word, of the first word of its repetition, and of the first
        word after the loop.
    """
    keys = [key(word) for word in words]
    for start in range(first, len(keys)):
        for length in range(1, _LONGEST_PHRASE + 1):
            phrase = keys[start : start + length]
            times = 1
            while keys[start + times * length : start + (times + 1) * length] == phrase:
                times += 1
            if times >= REPEATS:
                return start, start + length, start + times * length
    return None


def _without_loop(segment: Segment) -> tuple[Segment, Segment | None]:
    """Split a segment into its text without the loop, and the repetitions of the loop.

    Songs have repetitions too, so a repetition counts as a loop only if it is faster than can be
    sung, if its words have low confidence, or if other cuts of the audio refute it
    (`doubts.confirm`).
    """
    words = segment.words
    first = 0
    while (loop := phrase_loop(words, first=first)) is not None:
        start, again, end = loop
        echoes = words[again:end]
        sure = sum(word.confidence for word in echoes) / len(echoes)
        rushed = echoes[-1].end - echoes[0].start < 0.1 * len(echoes)
        if rushed or sure < _LOOP_CONFIDENCE or segment.refuted:
            left = words[:again] + words[end:]
            return replace(segment, words=left), replace(segment, words=echoes)
        first = start + 1
    return segment, None


def _without_echoes(segments: list[Segment]) -> tuple[list[Segment], list[Removed]]:
    """Remove doubtful lines that follow three equal lines."""
    kept: list[Segment] = []
    removed: list[Removed] = []
    run: list[Segment] = []
    for segment in segments:
        if run and _line(segment) != _line(run[-1]):
            run = []
        run.append(segment)
        unsure = confidence(segment) < _LOOP_CONFIDENCE
        doubted = unsure or segment.refuted or segment.compression > _LOOP_COMPRESSION
        if len(run) >= REPEATS and doubted and not segment.confirmed:
            removed.append(Removed(segment, RemovalReason.REPEATED))
        else:
            kept.append(segment)
    return kept, removed


def _line(segment: Segment) -> tuple[str, ...]:
    return tuple(key(word) for word in segment.words)
