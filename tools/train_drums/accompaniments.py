"""Music without drums, rendered from a sound font: bass, chords, melodies, voices."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kit.arrays import F64
from services.midi.strokes.features import RATE
from tools.train_drums.grooves import Chance

_BASS = tuple(range(32, 40))
_CHORDS = (0, 1, 2, 4, 5, 6, 7, 16, 17, 18, 19, 21, 24, 25, 26, 27, 28, 29, 30, 31, 48, 50, 61)
_STRUCK = (8, 9, 10, 11, 12, 13, 14, 15, 45, 46, 104, 105, 106, 107, 108)
"""Mallets and plucked strings: nearly drums, and never counted."""
_MELODIES = (*range(52, 55), *range(56, 61), *range(64, 76), *range(80, 87), 22, 40, 42, 79)
_PADS = tuple(range(88, 96))
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10))

Event = tuple[float, int, int, int]
"""Seconds, channel, key, velocity; a velocity of 0 ends the key."""


class Band:
    """Plays accompaniments with one sound font."""

    def __init__(self, font: Path) -> None:
        import tinysoundfont

        self._synth: Any = tinysoundfont.Synth(gain=-9, samplerate=RATE)
        self._font = self._synth.sfload(str(font))

    def play(self, chance: Chance, seconds: float, beats: Sequence[float], bar: int) -> F64:
        """Play to the beats of a groove.

        Parameters
        ----------
        chance
            The piece's generator.
        seconds
            Length of the piece.
        beats
            Times of the beats in seconds.
        bar
            Beats of a bar.

        Returns
        -------
        F64
            Mono, `[samples]`, with a peak of 1, or silence.
        """
        events: list[Event] = []
        for channel, (program, notes) in enumerate(_arranged(chance, beats, bar, seconds)):
            self._synth.program_select(channel, self._font, 0, program, False)
            level = chance.uniform(0.45, 1.0)
            for start, end, key, velocity in notes:
                events.append((start, channel, key, max(1, min(127, round(level * velocity)))))
                events.append((end, channel, key, 0))
        audio = self._rendered(sorted(events), seconds)
        if chance.random() < 0.3:
            audio = audio + _breath(chance, audio.size, float(np.abs(audio).max()))
        return audio / max(float(np.abs(audio).max()), 1e-9)

    def _rendered(self, events: list[Event], seconds: float) -> F64:
        parts, at = [], 0
        for time, channel, key, velocity in events:
            here = min(int(time * RATE), int(seconds * RATE))
            if here - at >= 64:
                parts.append(self._generated(here - at))
                at = here
            if velocity:
                self._synth.noteon(channel, key, velocity)
            else:
                self._synth.noteoff(channel, key)
        parts.append(self._generated(int(seconds * RATE) - at))
        for channel in range(16):
            self._synth.sounds_off(channel)
        self._generated(4096)
        return np.asarray(np.concatenate(parts), np.float64)

    def _generated(self, count: int) -> F64:
        stereo = np.frombuffer(bytes(self._synth.generate(max(1, count))), np.float32)
        return stereo.reshape(-1, 2)[:count].mean(axis=1).astype(np.float64)


Notes = list[tuple[float, float, int, int]]
"""Start, end, key and velocity."""


def _arranged(
    chance: Chance, beats: Sequence[float], bar: int, seconds: float
) -> Iterator[tuple[int, Notes]]:
    """Yield the programs and the notes of one to five parts."""
    scale, root = _SCALES[int(chance.integers(3))], int(chance.integers(12))
    degrees = [int(chance.integers(7)) for _ in range(4)]
    grid = _grid(beats, 4, seconds)

    def chord(beat: int) -> list[int]:
        degree = degrees[(beat // bar) % 4]
        return [scale[(degree + i) % 7] + 12 * ((degree + i) // 7) + root for i in (0, 2, 4, 6)]

    def choice(programs: Sequence[int]) -> int:
        return int(programs[int(chance.integers(len(programs)))])

    if chance.random() < 0.85:
        yield choice(_BASS), _bass(chance, grid, chord)
    for _ in range(int(chance.integers(0, 3))):
        yield choice(_CHORDS), _chords(chance, grid, chord)
    if chance.random() < 0.3:
        yield choice(_STRUCK), _melody(chance, grid, chord, scale, root, dense=True)
    if chance.random() < 0.6:
        yield choice(_MELODIES), _melody(chance, grid, chord, scale, root, dense=False)
    if chance.random() < 0.2:
        yield choice(_PADS), _held(chance, grid, chord)


def _grid(beats: Sequence[float], parts: int, seconds: float) -> list[float]:
    ends = [*beats[1:], seconds]
    return [
        beat + (end - beat) * part / parts
        for beat, end in zip(beats, ends, strict=True)
        for part in range(parts)
    ]


def _bass(chance: Chance, grid: list[float], chord: Any) -> Notes:
    share = np.array([0.85, 0.12, 0.5, 0.15]) * chance.uniform(0.5, 1.15)
    pattern = chance.random(16) < np.tile(share, 4)
    places = [i for i in range(len(grid)) if pattern[i % 16]]
    notes: Notes = []
    if not places:
        return notes
    for place, later in zip(places, [*places[1:], len(grid) - 1], strict=True):
        key = 24 + chord(place // 4)[int(chance.choice([0, 0, 0, 2, 1]))] % 24
        end = grid[place] + 0.9 * max(0.05, grid[later] - grid[place])
        human = float(chance.normal(0.0, 0.006))
        notes.append((max(0.0, grid[place] + human), end, key + 4, int(chance.integers(75, 127))))
    return notes


def _chords(chance: Chance, grid: list[float], chord: Any) -> Notes:
    style, notes = chance.random(), []
    share = [0.9, 0.1, 0.6, 0.2] if style < 0.4 else [0.5, 0.05, 0.1, 0.05]
    pattern = chance.random(16) < np.tile(share, 4)
    low = 48 + int(chance.integers(0, 12))
    for place in range(len(grid) - 4):
        keys = [low + key % 12 for key in chord(place // 4)[: 3 if chance.random() < 0.8 else 4]]
        if style > 0.8:
            if place % 2 == 0:
                key = keys[(place // 2) % len(keys)]
                notes.append((grid[place], grid[place + 3], key, int(chance.integers(50, 105))))
        elif pattern[place % 16]:
            length = int(chance.choice([1, 2, 4]))
            velocity = int(chance.integers(45, 110))
            for number, key in enumerate(keys):
                start = grid[place] + 0.008 * number * (style < 0.2)
                notes.append((start, grid[min(len(grid) - 1, place + length)], key, velocity))
    return notes


def _melody(
    chance: Chance, grid: list[float], chord: Any, scale: Sequence[int], root: int, *, dense: bool
) -> Notes:
    notes: Notes = []
    place, degree = int(chance.integers(8)), int(chance.integers(7, 14))
    while place < len(grid) - 1:
        length = int(chance.choice([1, 1, 2, 2] if dense else [1, 2, 2, 3, 4, 8]))
        degree = int(np.clip(degree + chance.integers(-3, 4), 3, 18))
        if chance.random() < 0.8:
            key = 48 + root + scale[degree % 7] + 12 * (degree // 7)
            end = grid[min(len(grid) - 1, place + length)]
            start = max(0.0, grid[place] + float(chance.normal(0.0, 0.01)))
            notes.append((start, end, min(key, 96), int(chance.integers(60, 125))))
        place += length
    return notes


def _held(chance: Chance, grid: list[float], chord: Any) -> Notes:
    notes: Notes = []
    for place in range(0, len(grid) - 16, 16):
        for key in chord(place // 4)[:3]:
            notes.append(
                (grid[place], grid[place + 15], 60 + key % 12, int(chance.integers(40, 90)))
            )
    return notes


def _breath(chance: Chance, size: int, peak: float) -> F64:
    """Return hiss that swells and falls, as the consonants of a singer: no stroke either."""
    hiss = np.zeros(size)
    for _ in range(int(size / RATE * chance.uniform(0.3, 2.0))):
        length = int(chance.uniform(0.06, 0.3) * RATE)
        at = int(chance.integers(max(1, size - length)))
        rise = chance.uniform(0.25, 0.7)
        shape = np.interp(np.linspace(0, 1, length), [0.0, rise, 1.0], [0.0, 1.0, 0.0]) ** 2
        noise = np.diff(chance.standard_normal(length + 2), n=2 if chance.random() < 0.5 else 1)
        noise = noise[:length] if noise.size >= length else np.pad(noise, (0, length - noise.size))
        level = peak * 10 ** (chance.uniform(-32.0, -16.0) / 20.0)
        hiss[at : at + length] += shape * noise * level
    return hiss
