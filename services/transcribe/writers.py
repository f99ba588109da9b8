"""Lyrics as files: JSON (canonical), LRC, enhanced LRC, SRT, VTT and plain text."""

import html
import json
from dataclasses import dataclass
from pathlib import Path

from services.transcribe.hallucinations import Removed, confidence
from services.transcribe.lines import Segment, Word

_LONGEST_CUE = 7.0
_MIN_CUE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Lyrics:
    """Lyrics and their metadata, as written to files."""

    title: str
    language: str
    duration: float
    lines: list[Segment]
    removed: list[Removed]
    engine: str
    weights: str


def write_json(path: Path, lyrics: Lyrics) -> None:
    """Write all fields as JSON; times are seconds of the canonical audio."""
    content = {
        "format": "cratedig-lyrics",
        "version": 1,
        "language": lyrics.language,
        "duration": round(lyrics.duration, 3),
        "engine": lyrics.engine,
        "weights": lyrics.weights,
        "lines": [_line(line) for line in lyrics.lines],
        "removed": [
            {**_line(item.segment), "reason": item.reason.value} for item in lyrics.removed
        ],
    }
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def write_lrc(path: Path, lyrics: Lyrics, *, words: bool = False) -> None:
    """Write LRC with a time for each line; with `words`, enhanced LRC with a time for each word."""
    rows = [f"[ti:{_plain(lyrics.title)}]", f"[length:{_lrc(lyrics.duration)}]"]
    for line in lyrics.lines:
        if words:
            sung = "".join(_timed(word) for word in line.words).lstrip()
            rows.append(f"[{_lrc(line.start)}] {sung} <{_lrc(line.end)}>")
        else:
            rows.append(f"[{_lrc(line.start)}]{_plain(line.text)}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def write_srt(path: Path, lyrics: Lyrics) -> None:
    """Write SubRip subtitles."""
    cues = [
        f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{_plain(text)}\n"
        for number, (start, end, text) in enumerate(_cues(lyrics), start=1)
    ]
    path.write_text("\n".join(cues), encoding="utf-8")


def write_vtt(path: Path, lyrics: Lyrics) -> None:
    """Write WebVTT subtitles."""
    cues = [
        f"{_clock(start, '.')} --> {_clock(end, '.')}\n{html.escape(_plain(text), quote=False)}\n"
        for start, end, text in _cues(lyrics)
    ]
    path.write_text("\n".join(["WEBVTT\n", *cues]), encoding="utf-8")


def write_text(path: Path, lyrics: Lyrics) -> None:
    """Write the lines alone."""
    path.write_text("".join(f"{line.text}\n" for line in lyrics.lines), encoding="utf-8")


def _cues(lyrics: Lyrics) -> list[tuple[float, float, str]]:
    """Return (start, end, text) of subtitles: long lines split, no overlaps, a minimum duration."""
    parts = [part for line in lyrics.lines for part in _parted(line.words)]
    cues = []
    for number, part in enumerate(parts):
        start = part[0].start
        following = parts[number + 1][0].start if number + 1 < len(parts) else float("inf")
        end = min(max(part[-1].end, start + _MIN_CUE), following)
        cues.append((start, max(end, start + 0.001), "".join(word.text for word in part).strip()))
    return cues


def _parted(words: tuple[Word, ...]) -> list[tuple[Word, ...]]:
    """Split a line that is shown for too long, at its longest pause."""
    if len(words) < 2 or words[-1].end - words[0].start <= _LONGEST_CUE:
        return [words]
    pauses = [words[n].start - words[n - 1].end for n in range(1, len(words))]
    middle = len(words) / 2
    # Of equal pauses, choose the one nearest to the middle.
    cut = max(range(1, len(words)), key=lambda n: (round(pauses[n - 1], 1), -abs(n - middle)))
    return [*_parted(words[:cut]), *_parted(words[cut:])]


def _line(segment: Segment) -> dict[str, object]:
    return {
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "text": segment.text,
        "confidence": round(confidence(segment), 4),
        "words": [
            {
                "text": word.text.strip(),
                "space_before": word.text[:1].isspace(),
                "start": round(word.start, 3),
                "end": round(word.end, 3),
                "confidence": round(word.confidence, 4),
            }
            for word in segment.words
        ],
    }


def _timed(word: Word) -> str:
    """Return a word with its time; spaces only where the word has one before it."""
    space = " " if word.text[:1].isspace() else ""
    return f"{space}<{_lrc(word.start)}>{space}{_plain(word.text)}"


def _plain(text: str) -> str:
    """Return text on one line, without characters that delimit times or cues."""
    text = " ".join(text.split()).replace("-->", "→")
    return text.replace("[", "(").replace("]", ")").replace("<", "‹").replace(">", "›")


def _lrc(seconds: float) -> str:
    hundredths = round(seconds * 100)
    return f"{hundredths // 6000:02d}:{hundredths // 100 % 60:02d}.{hundredths % 100:02d}"


def _clock(seconds: float, point: str) -> str:
    thousandths = round(seconds * 1000)
    hours, rest = divmod(thousandths, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}{point}{rest % 1000:03d}"
