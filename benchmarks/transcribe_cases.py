"""Recordings that `benchmarks/transcribe.py` measures, and how it compares words."""

import csv
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.environments import ROOT
from kit.audio.encode import Encoder

QUICK = ("Fantasma_-_Los_Rombos", "monkey_shines")
"""The songs that the short run measures with."""
UNSUNG = (
    "onset_beat_tempo/madmom/sample.wav",
    "onset_beat_tempo/loops/shared/loop_*.flac",
    "onset_beat_tempo/librosa_unlabelled/*.ogg",
    "key_chords/librosa/*.ogg",
    "key_chords/sonic_pi/*.flac",
    "audio_midi/madmom_piano/*.flac",
    "audio_midi/filosax/*/*.flac",
    "drum_transcription/mdb/*/drum_only.flac",
)
"""More recordings in which nobody sings."""
LONGEST = 60
# What `multilingual.mp3` reads until it changes to German, of which nobody wrote the words down.
_LICENCE_UNTIL = 29.28
_LICENCE = """
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files, to deal in the software without restriction, including without
limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the software, and to permit persons to whom the software is furnished to do so, subject
to the following conditions: The above copyright notice and this permission notice shall be
included in all copies or substantial portions of the software.
"""
_UNITS = {
    0: "zero", 1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven",
    8: "eight", 9: "nine", 10: "ten", 11: "eleven", 12: "twelve", 13: "thirteen", 14: "fourteen",
    15: "fifteen", 16: "sixteen", 17: "seventeen", 18: "eighteen", 19: "nineteen",
}  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


@dataclass(frozen=True, slots=True)
class Case:
    """A recording whose words are known; of songs, with the time at which each begins."""

    name: str
    material: str
    path: Path
    language: str
    words: tuple[str, ...]
    starts: tuple[float, ...] = ()
    until: float | None = None
    """Seconds; what comes after is cut off."""


def plain(text: str) -> list[str]:
    """Return words as they are compared: lower case, no punctuation, numerals spelled out."""
    parts = re.sub(r"[^\w' ]", " ", text.casefold().replace("’", "'")).replace("_", " ").split()
    return [word for part in parts for word in _spelled(part)]


def _spelled(word: str) -> list[str]:
    """Return a numeral up to 9999 as English words, years in pairs; any other word as it is."""
    if not word.isdecimal() or int(word) > 9999:
        return [word]
    number = int(word)
    pair = 1100 <= number < 2000 and not 0 < number % 100 < 10
    words: list[str] = []
    for size, name in ((100, "hundred"),) if pair else ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            words += _below_hundred(number // size)
            words += [] if pair and number % size else [name]
            number %= size
    return [*words, *(_below_hundred(number) if number or not words else [])]


def _below_hundred(number: int) -> list[str]:
    if number < 20:
        return [_UNITS[number]]
    return [_TENS[number // 10 - 2], *([_UNITS[number % 10]] if number % 10 else [])]


def aligned(truth: Sequence[str], hypothesis: Sequence[str]) -> tuple[int, list[tuple[int, int]]]:
    """Return the word edit distance, and the pairs of equal words on the best path."""
    cost = np.zeros((len(truth) + 1, len(hypothesis) + 1), int)
    cost[:, 0], cost[0] = np.arange(len(truth) + 1), np.arange(len(hypothesis) + 1)
    for i, word in enumerate(truth, 1):
        for j, other in enumerate(hypothesis, 1):
            step = cost[i - 1, j - 1] + (word != other)
            cost[i, j] = min(step, cost[i - 1, j] + 1, cost[i, j - 1] + 1)
    pairs, i, j = [], len(truth), len(hypothesis)
    while i and j:
        if truth[i - 1] == hypothesis[j - 1] and cost[i, j] == cost[i - 1, j - 1]:
            pairs.append((i - 1, j - 1))
            i, j = i - 1, j - 1
        elif cost[i, j] == cost[i - 1, j - 1] + 1:
            i, j = i - 1, j - 1
        elif cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return int(cost[-1, -1]), pairs[::-1]


def cases(data: Path) -> Iterator[Case]:
    """Yield the recordings that are there."""
    song = ROOT / "examples" / "song"
    truth = json.loads((song / "truth.json").read_text(encoding="utf-8"))
    text = " ".join(line["text"] for line in truth["lyrics"])
    yield Case("synthetic", "synthetic", song / "voice.flac", "en", tuple(plain(text)))
    yield from _speech(data / "speech")
    for folder in sorted((data / "vocals_lyrics").glob("*/shared/*")):
        yield from _song(folder)


def _speech(folder: Path) -> Iterator[Case]:
    def spoken(file: str, text: str, until: float | None = None) -> Case:
        name = file.split(".")[0].replace("/", " ")
        return Case(name, "speech", folder / file, "en", tuple(plain(text)), until=until)

    yield spoken("jfk.flac", (folder / "jfk.txt").read_text(encoding="utf-8"))
    with (folder / "sonnet1.lines.csv").open(encoding="utf-8") as file:
        yield spoken("sonnet1.mp3", " ".join(row["text"] for row in csv.DictReader(file)))
    yield spoken("multilingual.mp3", _LICENCE, _LICENCE_UNTIL)
    with (folder / "transcripts_shared.csv").open(encoding="utf-8") as file:
        rows = [(row["file"].split("#")[0], row["text"]) for row in csv.DictReader(file)]
    for name, parts in itertools.groupby(rows, key=lambda row: row[0]):
        yield spoken(name, " ".join(text for _, text in parts))
    for path in sorted((folder / "numbers").glob("*.wav")):
        # Each file is named after its spoken number.
        yield spoken(f"numbers/{path.name}", path.stem)


def _song(folder: Path) -> Iterator[Case]:
    audio = next((p for p in folder.iterdir() if p.stem == "audio"), None)
    table = folder / "words.csv"
    if audio is None or not table.is_file():
        return
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    language = "en"
    if "word_start" in rows[0]:
        texts = (folder / "lyrics.words.txt").read_text(encoding="utf-8").split("\n")
        texts = [text for text in texts if text.strip()]
        starts = [float(row["word_start"]) for row in rows]
        info = json.loads((folder / "info.json").read_text(encoding="utf-8"))
        language = _language(info)
    else:
        texts, starts = [row["word"] for row in rows], [float(row["start"]) for row in rows]
    words: list[str] = []
    times: list[float] = []
    for text, start in zip(texts, starts, strict=False):
        for word in plain(text):
            words.append(word)
            times.append(start)
    yield Case(folder.name, "songs", audio, language, tuple(words), tuple(times))


def _language(info: dict[str, Any]) -> str:
    named = str(info.get("language", info.get("Language", "English"))).casefold()
    return {"english": "en", "french": "fr", "german": "de", "spanish": "es"}.get(named, named[:2])


def canonical(source: Path, target: Path, until: float | None = None) -> Path:
    """Write a recording, up to a time if one is given, as ingest would."""
    audio, rate = soundfile.read(source, dtype="float32", always_2d=True)
    audio = audio[: None if until is None else round(until * rate)]
    scale = max(1.0, float(np.abs(audio).max()))
    with Encoder(target, rate, channels=audio.shape[1]) as encoder:
        encoder.write(np.ascontiguousarray(audio.T / scale))
    return target


def unsung(data: Path, scratch: Path) -> Iterator[tuple[str, float, Path]]:
    """Yield further recordings without a voice, at most a minute of each."""
    for number, path in enumerate(sorted(p for pattern in UNSUNG for p in data.glob(pattern))):
        place = scratch / f"unsung-{number}"
        place.mkdir()
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
        audio = audio[: LONGEST * rate]
        soundfile.write(place / "cut.wav", audio, rate, subtype="FLOAT")
        canonical(place / "cut.wav", place / "band.flac")
        yield f"{path.parent.name} {path.stem}", len(audio) / rate, place


def instrumentals(data: Path, scratch: Path) -> Iterator[tuple[str, float, Path]]:
    """Yield songs without their voice, from true stems, as `band.flac` in a folder each."""
    for folder in sorted((data / "separation").glob("*/*")):
        parts = [soundfile.read(folder / f"{name}.flac") for name in ("drums", "bass", "other")]
        rate = parts[0][1]
        place = scratch / f"instrumental-{folder.name}"
        place.mkdir()
        band = sum(audio for audio, _ in parts)
        soundfile.write(place / "sum.wav", band, rate, subtype="FLOAT")
        canonical(place / "sum.wav", place / "band.flac")
        yield folder.name, len(band) / rate, place
