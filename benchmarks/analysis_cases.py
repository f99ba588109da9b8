"""Cases to score slicing and analysis on: annotated recordings and rendered harmony."""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from kit.arrays import Mono

RATE = 44_100
NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_STEMS = {"Reggae": "mdb_stems", "Hendrix": "mdb_stems", "Rock": "mdb_stems", "Country1": "mdb_raw"}
HELD_OUT_SEED = 1001
"""Of the rendered songs; the constants were chosen on other seeds."""


@dataclass(frozen=True, slots=True)
class Case:
    """One recording and its annotations."""

    name: str
    group: str
    audio: Mono
    rate: int = RATE
    onsets: list[float] = field(default_factory=list)
    beats: list[float] = field(default_factory=list)
    downbeats: list[float] = field(default_factory=list)
    metre: int | None = None
    bpm: float | None = None
    key: str | None = None
    chords: list[tuple[float, float, str]] = field(default_factory=list)
    loop: bool = False


def read_mono(path: Path) -> tuple[Mono, int]:
    """Return the mean of the channels, and the rate."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return audio.mean(axis=1, dtype=np.float32), int(rate)


def read_times(path: Path) -> list[float]:
    """Return the first column of an annotation."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return sorted(float(line.split()[0]) for line in lines if line.strip() and line[0] != "#")


def merged(times: list[float], *, within: float) -> list[float]:
    """Return onsets without those that follow another one too closely."""
    kept: list[float] = []
    for time in times:
        if not kept or time - kept[-1] > within:
            kept.append(time)
    return kept


def drum_tracks(data: Path) -> Iterator[Case]:
    """Yield the drum tracks of MDB Drums, with onsets and beats."""
    for folder in sorted((data / "drum_transcription" / "mdb").iterdir()):
        audio, rate = read_mono(folder / "drum_only.flac")
        beats = read_times(folder / "beats.txt")
        yield Case(
            folder.name,
            "drum tracks",
            audio,
            rate,
            onsets=read_times(folder / "class.txt"),
            beats=beats,
            downbeats=_downbeats(folder / "beats.txt"),
            metre=4,
            bpm=60.0 / float(np.median(np.diff(beats))),
        )


def _downbeats(path: Path) -> list[float]:
    """Return the first column of the rows whose second is 1, the position in the bar."""
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    return [float(row[0]) for row in rows if len(row) > 1 and float(row[1]) == 1.0]


def mixes(data: Path) -> Iterator[Case]:
    """Yield mixes of MDB songs with beats."""
    for name, kind in _STEMS.items():
        folder = data / "separation" / kind / name
        audio, rate = read_mono(folder / "mixture.flac")
        info = folder / "info.json"
        shift = float(json.loads(info.read_text())["offset_s"]) if info.is_file() else 0.0
        beats = read_times(data / "drum_transcription" / "mdb" / name / "beats.txt")
        span = (shift, shift + audio.size / rate)
        beats, downbeats = (
            [time - shift for time in times if span[0] <= time < span[1]]
            for times in (
                beats,
                _downbeats(data / "drum_transcription" / "mdb" / name / "beats.txt"),
            )
        )
        bpm = 60.0 / float(np.median(np.diff(beats)))
        yield Case(name, "mixes", audio, rate, beats=beats, downbeats=downbeats, metre=4, bpm=bpm)


def varispeed(case: Case, factor: float) -> Case:
    """Return a recording played slower or faster, as a tape would be."""
    audio = soxr.resample(case.audio, factor * case.rate, case.rate)
    return Case(
        f"{case.name} × {factor:g}",
        "at other speeds",
        np.asarray(audio, np.float32),
        case.rate,
        beats=[time / factor for time in case.beats],
        downbeats=[time / factor for time in case.downbeats],
        metre=case.metre,
        bpm=case.bpm * factor if case.bpm else None,
    )


def loops(data: Path) -> Iterator[Case]:
    """Yield loops whose tempo is known."""
    folder = data / "onset_beat_tempo" / "loops" / "shared"
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            path = folder / row["file"]
            if row["bpm"] and path.is_file():
                audio, rate = read_mono(path)
                yield Case(path.stem, "loops", audio, rate, bpm=float(row["bpm"]), loop=True)
    audio, rate = read_mono(data / "onset_beat_tempo" / "madmom" / "sample.wav")
    yield Case("madmom sample", "loops", audio, rate, bpm=87.5)


@cache
def _note(folder: Path, pitch: int) -> Mono:
    """Return a piano's note: the nearest recorded one, resampled."""
    steps = {"C": 0, "Ds": 3, "Fs": 6, "A": 9}
    known: dict[int, Path] = {}
    for path in folder.glob("*.mp3"):
        match = re.fullmatch(r"([A-G]s?)(\d)", path.stem)
        if match:
            known[steps[match[1]] + 12 * (int(match[2]) + 1)] = path
    nearest = min(known, key=lambda note: abs(note - pitch))
    audio, rate = read_mono(known[nearest])
    # The recordings begin with a little silence; a note's start is its sound's.
    level = np.abs(audio)
    audio = audio[int(np.argmax(level > 0.02 * level.max())) :]
    ratio = 2.0 ** ((pitch - nearest) / 12)
    return np.asarray(soxr.resample(audio, rate * ratio, RATE), np.float32)


Notes = list[tuple[float, float, int, float]]
"""Start, end, MIDI note, velocity."""


def render(folder: Path, notes: Notes) -> Mono:
    """Play notes on the recorded piano."""
    total = np.zeros(round((max(end for _, end, _, _ in notes) + 1.0) * RATE), np.float32)
    for start, end, pitch, velocity in notes:
        sound = _note(folder, pitch)[: round((end - start + 0.15) * RATE)].copy()
        release = min(sound.size, round(0.15 * RATE))
        sound[sound.size - release :] *= np.linspace(1.0, 0.0, release, dtype=np.float32)
        first = round(start * RATE)
        room = total[first : first + sound.size]
        room += sound[: room.size] * np.float32((velocity / 127.0) ** 1.5)
    return total * np.float32(0.7 / float(np.abs(total).max()))


_QUALITY = {
    "maj": {0: "maj", 2: "min", 4: "min", 5: "maj", 7: "maj", 9: "min"},
    "min": {0: "min", 3: "maj", 5: "min", 7: "maj", 8: "maj", 10: "maj"},
}
_PROGRESSIONS = {
    "maj": ((0, 7, 9, 5), (0, 9, 5, 7), (0, 5, 7, 0), (0, 4, 5, 7), (0, 2, 7, 0), (0, 5, 0, 7)),
    "min": ((0, 8, 3, 7), (0, 5, 7, 0), (0, 10, 8, 7), (0, 3, 5, 7), (0, 8, 5, 7), (0, 5, 0, 7)),
}
_SCALE = {"maj": (0, 2, 4, 5, 7, 9, 11), "min": (0, 2, 3, 5, 7, 8, 11)}


def songs(data: Path, count: int, *, seed: int = HELD_OUT_SEED) -> Iterator[Case]:
    """Yield songs of chords, bass, melody and recorded drums, some of them detuned."""
    rng = np.random.default_rng(seed)
    piano = data / "audio_midi" / "salamander_notes"
    drums = [case.audio for case in drum_tracks(data)]
    for index in range(count):
        mode = str(rng.choice(["maj", "min"]))
        tonic, beat = int(rng.integers(12)), 60.0 / float(rng.uniform(80, 130))
        degrees = _PROGRESSIONS[mode][int(rng.integers(6))] * 2
        length = int(rng.choice([2, 4]))
        notes: Notes = []
        chords: list[tuple[float, float, str]] = []
        now = 0.1
        for degree in degrees:
            quality, root = _QUALITY[mode][degree], (tonic + degree) % 12
            triad = (0, 4 if quality == "maj" else 3, 7)
            chords.append((now, now + length * beat, f"{NAMES[root]}:{quality}"))
            inversion, low = int(rng.integers(3)), 52 + (root - 52) % 12
            for count_ in range(length):
                at = now + count_ * beat
                for voice, step in enumerate(triad):
                    pitch = low + step + (12 if voice < inversion else 0)
                    notes.append((at, at + 0.95 * beat, pitch, float(rng.uniform(60, 85))))
                fifth = 7 if count_ % 2 and rng.random() < 0.4 else 0
                notes.append((at, at + 0.9 * beat, 36 + (root + fifth) % 12, 85.0))
                for half in (0.0, 0.5):
                    if rng.random() < 0.6:
                        step = _SCALE[mode][int(rng.integers(7))] + tonic
                        pitch = root + triad[int(rng.integers(3))] if rng.random() < 0.6 else step
                        start = at + half * beat
                        notes.append((start, start + 0.5 * beat, 72 + pitch % 12, 75.0))
            now += length * beat
        audio = render(piano, notes)
        if index % 3:
            track = np.resize(drums[index % len(drums)], audio.size)
            audio = 0.7 * audio + 0.35 * track / np.float32(np.abs(track).max())
        if index % 2:
            ratio = 2.0 ** (float(rng.uniform(-0.4, 0.4)) / 12)
            audio = np.asarray(soxr.resample(audio, RATE * ratio, RATE), np.float32)
            chords = [(start / ratio, end / ratio, label) for start, end, label in chords]
        yield Case(f"song {index}", "rendered songs", audio, chords=chords,
                   key=f"{NAMES[tonic]} {'major' if mode == 'maj' else 'minor'}")  # fmt: skip


def pieces(data: Path) -> Iterator[Case]:
    """Yield performed piano pieces, as played and transposed."""
    folder = data / "audio_midi" / "vienna_render"
    known = {"Chopin_op10_no3_p01": 4, "Mozart_K331_1st-mov_p01": 9, "Chopin_op38_p01": 5}
    for stem, tonic in known.items():
        with (folder / f"{stem}.notes.csv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for shift in (0, 3, -4):
            notes = [
                (
                    float(row["onset"]),
                    max(float(row["offset_sounding"]), float(row["onset"]) + 0.1),
                    int(row["midi_pitch"]) + shift,
                    float(row["velocity"]),
                )
                for row in rows
            ]
            yield Case(
                f"{stem} {shift:+d}",
                "piano pieces",
                render(data / "audio_midi" / "salamander_notes", notes),
                key=f"{NAMES[(tonic + shift) % 12]} major",
            )


def recordings(data: Path) -> Iterator[Case]:
    """Yield recordings whose key stands in their title."""
    folder = data / "key_chords"
    title = "Hungarian_Dance_number_5_-_Allegro_in_F_sharp_minor_(string_orchestra).ogg"
    for path, key in (
        (folder / "librosa" / title, "F# minor"),
        (folder / "sonic_pi" / "guit_em9.flac", "E minor"),
    ):
        audio, rate = read_mono(path)
        yield Case(path.stem[:16], "recordings", audio, rate, key=key)


def triads(data: Path) -> Iterator[Case]:
    """Yield all 24 triads, 0.75 s each, on the piano."""
    path = data / "key_chords" / "essentia_chords" / "chords.csv"
    sharp = {"Gb": "F#"}
    chords: list[tuple[float, float, str]] = []
    notes: Notes = []
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            root, quality = row["label"].split(":")
            pitch = 60 + NAMES.index(sharp.get(root, root))
            start, end = float(row["start"]), float(row["end"])
            chords.append((start, end, row["label"]))
            for step in (0, 4 if quality == "maj" else 3, 7):
                notes.append((start, end - 0.02, pitch + step, 80.0))
    audio = render(data / "audio_midi" / "salamander_notes", notes)
    yield Case("24 triads", "triads", audio, chords=chords)
