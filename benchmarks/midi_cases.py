"""Audio with known notes: synthesised scores, rendered piano performances, annotated recordings.

`tune` cases may be looked at while note creation is worked on; `held_out` cases are for figures.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

RATE = 44100
Split = Literal["tune", "held_out"]
Audio = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Note:
    """One known note; times in seconds."""

    start: float
    end: float
    pitch: int
    velocity: int = 90


@dataclass(frozen=True, slots=True)
class Case:
    """Mono audio at 44.1 kHz and its notes."""

    name: str
    group: Literal["synthetic", "piano", "recording"]
    split: Split
    audio: Audio
    notes: tuple[Note, ...]
    until: float = np.inf
    """Seconds; notes that begin later are played but not annotated."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A synthetic instrument: partials, envelope and vibrato."""

    slope: float
    """Partial k has the level k ** -slope."""
    attack: float
    release: float
    decay: float
    """Time constant of the fall while a note is held, at middle C; 0 holds it."""
    vibrato: float = 0.0
    """Peak deviation in semitones, at 5.5 Hz."""
    odd_only: bool = False


VOICES = {
    "piano": Voice(1.2, 0.004, 0.08, 1.2),
    "guitar": Voice(1.0, 0.003, 0.05, 0.8),
    "flute": Voice(1.8, 0.05, 0.08, 0.0, 0.15),
    "strings": Voice(1.1, 0.15, 0.15, 0.0, 0.2),
    "organ": Voice(0.9, 0.01, 0.04, 0.0),
    "clarinet": Voice(1.0, 0.03, 0.06, 0.0, 0.0, True),
    "singer": Voice(1.4, 0.04, 0.06, 0.0, 0.5),
}


def play(notes: tuple[Note, ...], voice: Voice, *, seed: int) -> Audio:
    """Synthesise notes additively, with a little noise below them."""
    rng = np.random.default_rng(seed)
    out = np.zeros(int((max(n.end for n in notes) + 1.0) * RATE), np.float64)
    for note in notes:
        tail = 4 * voice.release
        time = np.arange(int((note.end - note.start + tail) * RATE)) / RATE
        held = note.end - note.start
        envelope = np.minimum(time / voice.attack, 1.0)
        if voice.decay:
            constant = voice.decay * 2 ** ((60 - note.pitch) / 24)
            envelope *= np.exp(-time / constant)
        envelope *= np.where(time > held, np.exp(-(time - held) / (voice.release / 2)), 1.0)
        depth = voice.vibrato * np.minimum(time / 0.3, 1.0)
        bend = depth * np.sin(2 * np.pi * 5.5 * time + rng.uniform(0, 6))
        frequency = 440 * 2 ** ((note.pitch - 69 + bend) / 12)
        phase = 2 * np.pi * np.cumsum(frequency) / RATE
        sound = np.zeros_like(time)
        for k in range(1, 25):
            if k * frequency.max() > 0.45 * RATE or (voice.odd_only and k % 2 == 0):
                continue
            sound += k**-voice.slope * np.sin(k * phase + rng.uniform(0, 6))
        start = int(note.start * RATE)
        sound = sound[: len(out) - start]
        out[start : start + len(sound)] += (note.velocity / 127) ** 1.5 * (
            sound * envelope[: len(sound)]
        )
    out *= 0.5 / np.abs(out).max()
    return (out + rng.normal(0, 10 ** (-66 / 20), out.size)).astype(np.float32)


def melody(seed: int, *, count: int, step: float, gate: float, repeats: float) -> tuple[Note, ...]:
    """A random walk in a scale; `repeats` is the share of notes that strike the last one again."""
    rng = np.random.default_rng(seed)
    scale = [0, 2, 4, 5, 7, 9, 11]
    degree, time, notes = 14, 0.5, []
    for _ in range(count):
        if rng.uniform() >= repeats:
            degree = int(np.clip(degree + rng.choice([-3, -2, -1, 1, 2, 3]), 4, 26))
        length = step * float(rng.choice([1, 1, 1, 2, 3]))
        pitch = 36 + 12 * (degree // 7) + scale[degree % 7]
        notes.append(Note(time, time + gate * length, pitch, int(rng.integers(60, 120))))
        time += length
    return tuple(notes)


def chords(seed: int, *, count: int, length: float, gate: float) -> tuple[Note, ...]:
    """Triads over a bass."""
    rng = np.random.default_rng(seed)
    notes = []
    for index in range(count):
        root = int(rng.choice([48, 50, 53, 55, 57]))
        third = int(rng.choice([3, 4]))
        start = 0.5 + index * length
        for pitch in (root - 12, root, root + third, root + 7):
            late = float(rng.uniform(0, 0.015))
            velocity = int(rng.integers(60, 110))
            notes.append(Note(start + late, start + gate * length, pitch, velocity))
    return tuple(notes)


def together(*parts: tuple[Note, ...]) -> tuple[Note, ...]:
    """Join parts; where two hold the same pitch at once, the later one is left out."""
    kept: list[Note] = []
    for note in sorted((n for part in parts for n in part), key=lambda n: n.start):
        if all(n.pitch != note.pitch or n.end + 0.02 < note.start for n in kept):
            kept.append(note)
    return tuple(kept)


def synthetic(split: Split) -> Iterator[Case]:
    """Scores of our own; the held-out ones have other notes, tempi and articulation."""
    seed = {"tune": 100, "held_out": 900}[split]
    step = {"tune": 0.2, "held_out": 0.23}[split]
    for number, (name, voice) in enumerate(VOICES.items()):
        at = seed + 10 * number
        tune = melody(at, count=40, step=step, gate=0.92, repeats=0.15)
        same = melody(at + 1, count=40, step=0.9 * step, gate=0.85, repeats=0.7)
        backing = chords(at + 2, count=10, length=4.4 * step, gate=0.8)
        for kind, notes in (
            ("melody", tune),
            ("repeats", same),
            ("accompanied", together(backing, tune)),
        ):
            yield Case(
                f"{name}-{kind}-{at}", "synthetic", split, play(notes, voice, seed=at + 3), notes
            )


_PERFORMANCES: dict[str, Split] = {
    "Chopin_op10_no3_p01": "tune",
    "Mozart_K331_1st-mov_p01": "tune",
    "Chopin_op38_p01": "held_out",
    "Schubert_D783_no15_p01": "held_out",
}
_NAMES = {"C": 0, "Ds": 3, "Fs": 6, "A": 9}


def _samples(folder: Path) -> dict[int, Audio]:
    sample_by_pitch = {}
    for path in sorted(folder.glob("*.mp3")):
        name, octave = path.stem[:-1], int(path.stem[-1])
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
        mono = soxr.resample(audio.mean(axis=1), rate, RATE)
        # The samples begin with a little silence; a note's start is its sound's.
        begins = int(np.argmax(np.abs(mono) > 0.02 * np.abs(mono).max()))
        sample_by_pitch[12 * (octave + 1) + _NAMES[name]] = mono[max(0, begins - 100) :]
    return sample_by_pitch


def piano(data: Path) -> Iterator[Case]:
    """Real performances on sampled strings, with dampers but without resonance."""
    if not (data / "salamander_notes").is_dir():
        return
    samples = _samples(data / "salamander_notes")
    shifted: dict[int, Audio] = {}
    for name, split in _PERFORMANCES.items():
        notes = []
        with (data / "vienna_render" / f"{name}.notes.csv").open() as file:
            for row in csv.DictReader(file):
                start, end = float(row["onset"]), float(row["offset_sounding"])
                notes.append(Note(start, end, int(row["midi_pitch"]), int(row["velocity"])))
        # A string that is struck again stops sounding as before.
        notes.sort(key=lambda n: (n.pitch, n.start))
        for index, (first, second) in enumerate(pairwise(notes)):
            if first.pitch == second.pitch and first.end > second.start:
                notes[index] = Note(first.start, second.start, first.pitch, first.velocity)
        out = np.zeros(int((max(n.end for n in notes) + 1) * RATE), np.float32)
        for note in notes:
            if note.pitch not in shifted:
                nearest = min(samples, key=lambda p: abs(p - note.pitch))
                ratio = 2 ** ((note.pitch - nearest) / 12)
                shifted[note.pitch] = soxr.resample(samples[nearest], RATE * ratio, RATE)
            sound = shifted[note.pitch][: int((note.end - note.start + 0.6) * RATE)].copy()
            past = np.arange(len(sound)) / RATE - (note.end - note.start)
            sound *= np.where(past > 0, np.exp(-np.maximum(past, 0) / 0.06), 1.0)
            sound *= (note.velocity / 127) ** 1.5
            start = int(note.start * RATE)
            sound = sound[: len(out) - start]
            out[start : start + len(sound)] += sound
        out *= 0.5 / np.abs(out).max()
        yield Case(name, "piano", split, out, tuple(sorted(notes, key=lambda n: n.start)))


def _read(path: Path) -> Audio:
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return soxr.resample(audio.mean(axis=1), rate, RATE)


def recordings(data: Path) -> Iterator[Case]:
    """Short real recordings with notes annotated by people or measured on the instrument."""
    folder = data / "madmom_piano"
    if folder.is_dir():
        notes = []
        for line in (folder / "stereo_sample.notes").read_text().splitlines():
            if not line.startswith("#"):
                onset, pitch, length, velocity = (float(field) for field in line.split())
                notes.append(Note(onset, onset + length, int(pitch), int(velocity)))
        audio = _read(folder / "stereo_sample.flac")
        yield Case("madmom-piano", "recording", "held_out", audio, tuple(notes))
    for name, split in (("P1_01", "tune"), ("P2_01", "held_out")):
        folder = data / "filosax" / name
        if folder.is_dir():
            audio = _read(folder / "Sax.flac")
            annotations = json.loads((folder / "annotations.json").read_text())["notes"]
            notes = [
                Note(n["a_start_time"], n["a_end_time"], n["midi_pitch"])
                for n in annotations
                if n["a_end_time"] < len(audio) / RATE
            ]
            # The saxophone plays on to the end of the audio, the annotation does not.
            until = max(note.end for note in notes)
            yield Case(f"filosax-{name}", "recording", split, audio, tuple(notes), until)


def cases(data: Path | None, *, split: Split | None = None) -> Iterator[Case]:
    """Yield the cases of a split, or all; those from recordings only where they are there."""
    for part in ("tune", "held_out") if split is None else (split,):
        yield from synthetic(part)
    if data is not None:
        for case in (*piano(data / "audio_midi"), *recordings(data / "audio_midi")):
            if split in (None, case.split):
                yield case
