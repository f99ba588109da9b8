"""Recordings that `benchmarks/transcribe.py` measures with, and how words are compared."""

import csv
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

QUICK = ("synthetic", "jfk", "sonnet1", "Fantasma_-_Los_Rombos", "monkey_shines")
"""What the short run measures with."""
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


@dataclass(frozen=True, slots=True)
class Case:
    """A recording whose words are known; of songs, with the time at which each begins."""

    name: str
    material: str
    path: Path
    language: str
    words: tuple[str, ...]
    starts: tuple[float, ...] = ()


def plain(text: str) -> list[str]:
    """Return words as they are compared: lower case, without punctuation."""
    return re.sub(r"[^\w' ]", " ", text.casefold().replace("’", "'")).replace("_", " ").split()


def aligned(truth: Sequence[str], heard: Sequence[str]) -> tuple[int, list[tuple[int, int]]]:
    """Return the word edit distance, and the pairs of equal words on the best path."""
    cost = np.zeros((len(truth) + 1, len(heard) + 1), int)
    cost[:, 0], cost[0] = np.arange(len(truth) + 1), np.arange(len(heard) + 1)
    for i, word in enumerate(truth, 1):
        for j, other in enumerate(heard, 1):
            step = cost[i - 1, j - 1] + (word != other)
            cost[i, j] = min(step, cost[i - 1, j] + 1, cost[i, j - 1] + 1)
    pairs, i, j = [], len(truth), len(heard)
    while i and j:
        if truth[i - 1] == heard[j - 1] and cost[i, j] == cost[i - 1, j - 1]:
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
    song = ROOT / "embedded" / "song"
    truth = json.loads((song / "truth.json").read_text(encoding="utf-8"))
    text = " ".join(line["text"] for line in truth["lyrics"])
    yield Case("synthetic", "synthetic", song / "voice.flac", "en", tuple(plain(text)))
    speech = data / "speech"
    text = (speech / "jfk.txt").read_text(encoding="utf-8")
    yield Case("jfk", "speech", speech / "jfk.flac", "en", tuple(plain(text)))
    with (speech / "sonnet1.lines.csv").open(encoding="utf-8") as file:
        text = " ".join(row["text"] for row in csv.DictReader(file))
    # The reader says the number that is printed as a digit.
    text = text.replace('"', "")
    yield Case("sonnet1", "speech", speech / "sonnet1.mp3", "en", tuple(plain(text)))
    for folder in sorted((data / "vocals_lyrics").glob("*/shared/*")):
        yield from _song(folder)


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
        told = json.loads((folder / "info.json").read_text(encoding="utf-8"))
        language = _language(told)
    else:
        texts, starts = [row["word"] for row in rows], [float(row["start"]) for row in rows]
    words: list[str] = []
    times: list[float] = []
    for text, start in zip(texts, starts, strict=False):
        for word in plain(text):
            words.append(word)
            times.append(start)
    yield Case(folder.name, "songs", audio, language, tuple(words), tuple(times))


def _language(told: dict[str, Any]) -> str:
    named = str(told.get("language", told.get("Language", "English"))).casefold()
    return {"english": "en", "french": "fr", "german": "de", "spanish": "es"}.get(named, named[:2])


def canonical(source: Path, target: Path) -> Path:
    """Write a recording as ingest would."""
    audio, rate = soundfile.read(source, dtype="float32", always_2d=True)
    scale = max(1.0, float(np.abs(audio).max()))
    with Encoder(target, rate, channels=audio.shape[1]) as encoder:
        encoder.write(np.ascontiguousarray(audio.T / scale))
    return target


def unsung(data: Path, scratch: Path) -> Iterator[tuple[str, float, Path]]:
    """Yield more recordings without a voice, at most a minute of each, likewise."""
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
