"""Music with known notes, and how well a list of notes agrees with it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 44_100


@dataclass(frozen=True, slots=True)
class KnownNote:
    """A note as it was played; seconds."""

    start: float
    end: float
    pitch: float


def perform(notes: Sequence[KnownNote], *, decay: float = 1.0, vibrato: float = 0.0) -> NDArray:
    """Play notes on a plucked or held string of ten partials, [1, samples] at `RATE`.

    `decay` is the time constant of the ringing string in seconds; 0 holds it. Released notes fade
    with a time constant of 20 ms. `vibrato` is in semitones, at 5 Hz.
    """
    out = np.zeros(int((max(note.end for note in notes) + 0.6) * RATE))
    for note in notes:
        time = np.arange(int((note.end - note.start + 0.2) * RATE)) / RATE
        envelope = np.minimum(time / 0.005, 1)
        if decay:
            envelope *= np.exp(-time / decay)
        past = np.maximum(time - (note.end - note.start), 0)
        envelope *= np.exp(-past / 0.02)
        pitch = note.pitch + vibrato * np.sin(2 * np.pi * 5 * time)
        phase = 2 * np.pi * np.cumsum(440 * 2 ** ((pitch - 69) / 12)) / RATE
        sound = sum(np.sin(k * phase) / k**1.2 for k in range(1, 11)) * envelope
        first = int(note.start * RATE)
        room = out[first : first + len(sound)]
        room += sound[: len(room)]
    rng = np.random.default_rng(1)
    out = 0.4 * out / np.abs(out).max() + rng.normal(0, 1e-4, out.size)
    return out[None].astype(np.float32)


def matched(
    truth: Sequence[KnownNote], detected: Sequence[KnownNote], *, ends: float | None = None
) -> tuple[float, float]:
    """Return (precision, recall): same pitch, starts within 50 ms, ends within `ends` seconds."""
    left = list(detected)
    hits = 0
    for note in truth:
        fits = [
            other
            for other in left
            if other.pitch == note.pitch
            and abs(other.start - note.start) <= 0.05
            and (ends is None or abs(other.end - note.end) <= ends)
        ]
        if fits:
            left.remove(min(fits, key=lambda other: abs(other.start - note.start)))
            hits += 1
    return hits / max(len(detected), 1), hits / len(truth)


SCALE = tuple(
    KnownNote(0.3 + 0.35 * i, 0.3 + 0.35 * i + 0.28, pitch)
    for i, pitch in enumerate([48, 50, 52, 53, 55, 57, 59, 60, 64, 67, 72, 76])
)
CHORDS = tuple(
    KnownNote(0.3 + 1.2 * i, 0.3 + 1.2 * i + 0.9, pitch)
    for i, chord in enumerate([(45, 57, 60, 64), (41, 53, 57, 60), (43, 55, 59, 62)])
    for pitch in chord
)
REPEATS = tuple(KnownNote(0.3 + 0.25 * i, 0.3 + 0.25 * i + 0.2, 62) for i in range(12))
