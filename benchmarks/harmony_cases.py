"""Generated songs whose chords, keys and form are known, played by fluidsynth.

Chords of 14 qualities and their inversions, modulations, and songs of intro, verses, choruses and a
bridge. Everything is drawn at random and nothing of it is a recording of people playing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.analysis_cases import NAMES, Case
from benchmarks.rhythm_cases import STYLES, Score, drum_bar, play

DEVELOPMENT_SEED = 11
"""Constants were chosen on songs of this seed."""
HELD_OUT_SEED = 4007
"""Of the songs that are scored."""
QUALITIES = {
    "maj": ((0, 4, 7), 22),
    "min": ((0, 3, 7), 18),
    "7": ((0, 4, 7, 10), 12),
    "maj7": ((0, 4, 7, 11), 10),
    "min7": ((0, 3, 7, 10), 12),
    "sus4": ((0, 5, 7), 5),
    "sus2": ((0, 2, 7), 4),
    "dim": ((0, 3, 6), 3),
    "aug": ((0, 4, 8), 3),
    "maj6": ((0, 4, 7, 9), 3),
    "min6": ((0, 3, 7, 9), 2),
    "hdim7": ((0, 3, 6, 10), 3),
    "dim7": ((0, 3, 6, 9), 2),
    "minmaj7": ((0, 3, 7, 11), 1),
}
"""Semitones above the root, and how often a quality is drawn."""
_DEGREES = ("1", "b2", "2", "b3", "3", "4", "b5", "5", "b6", "6", "b7", "7")
_COMPING = (0, 4, 5, 16, 24, 25, 26, 48, 50, 89)
_BASSES = (32, 33, 34, 38)
_LEADS = (40, 56, 65, 73, 80)
_SCALES = {"maj": (0, 2, 4, 5, 7, 9, 11), "min": (0, 2, 3, 5, 7, 8, 10)}
_DIATONIC = {
    "maj": ("maj", "min", "min", "maj", "maj", "min", "dim"),
    "min": ("min", "dim", "maj", "min", "maj", "maj", "maj"),
}
_CADENCES = {
    "maj": ((0, 3, 4, 0), (0, 5, 3, 4), (0, 4, 5, 3), (1, 4, 0, 0), (0, 5, 1, 4), (3, 4, 0, 5)),
    "min": ((0, 3, 4, 0), (0, 5, 2, 4), (0, 5, 3, 4), (0, 6, 5, 4), (3, 4, 0, 0), (5, 3, 4, 0)),
}


@dataclass(frozen=True, slots=True)
class HarmonyCase(Case):
    """A song with its keys and its sections."""

    keys: list[tuple[float, float, str]] = field(default_factory=list)
    """Start, end, and a key as `A:min`."""
    sections: list[tuple[float, float, str]] = field(default_factory=list)
    """Start, end, and a name that repeats where the section does."""
    curve: list[tuple[float, float]] = field(default_factory=list)
    """A time, and the tempo at it in beats a minute; the tempo is measured there."""


@dataclass(frozen=True, slots=True)
class _Band:
    """Instruments and a way to play of one section."""

    comping: int
    bass: int
    lead: int
    style: str
    drums: bool
    broken: bool
    melody: float
    """Probability of a note of the melody in each half beat."""


def _draw_band(rng: np.random.Generator, *, drums: bool) -> _Band:
    return _Band(
        int(rng.choice(_COMPING)),
        int(rng.choice(_BASSES)),
        int(rng.choice(_LEADS)),
        str(rng.choice(STYLES)),
        drums,
        bool(rng.random() < 0.4),
        float(rng.uniform(0.2, 0.6)),
    )


def _play_chord(
    score: Score,
    rng: np.random.Generator,
    band: _Band,
    at: int,
    beats: int,
    root: int,
    steps: Sequence[int],
    bass: int,
    scale: Sequence[int],
) -> None:
    """Write one chord: bass, chord tones, melody."""
    low = 52 + (root - 52) % 12
    for beat in range(beats):
        length = 0.95
        score.add(band.bass, at + beat, 0.9, 33 + (root + bass - 33) % 12, 92)
        if band.broken:
            for half in range(2):
                step = steps[(2 * beat + half) % len(steps)]
                score.add(band.comping, at + beat + half / 2, 0.9, low + step, 72)
            if beat % 2 == 0:
                for step in steps:
                    score.add(band.comping, at + beat, 1.9, low + step, 52)
        else:
            for step in steps:
                score.add(band.comping, at + beat, length, low + step, 62 + 18 * rng.random())
        for half in (0.0, 0.5):
            if rng.random() < band.melody:
                own = rng.random() < 0.65
                step = root + int(rng.choice(steps)) if own else int(rng.choice(scale))
                score.add(band.lead, at + beat + half, 0.45, 72 + step % 12, 76)


def _seconds(rng: np.random.Generator, beats: int) -> tuple[np.ndarray, float]:
    bpm = float(rng.uniform(80, 140))
    return 0.1 + np.arange(beats + 6) * 60 / bpm, bpm


def chord_songs(count: int, *, seed: int = HELD_OUT_SEED) -> Iterator[HarmonyCase]:
    """Yield songs of 16 chords of all qualities, a third of them inverted, with their names."""
    names, weights = list(QUALITIES), np.array([weight for _, weight in QUALITIES.values()], float)
    for index in range(count):
        rng = np.random.default_rng((seed, 1, index))
        band, score, chords = _draw_band(rng, drums=index % 3 != 0), Score(), []
        at, root = 0, int(rng.integers(12))
        tonic = root
        for _ in range(16):
            quality = names[int(rng.choice(len(names), p=weights / weights.sum()))]
            steps, beats = QUALITIES[quality][0], int(rng.choice([2, 4, 4]))
            bass = int(rng.choice(steps[1:])) if rng.random() < 0.33 else 0
            scale = [tonic + step for step in _SCALES["maj"]]
            _play_chord(score, rng, band, at, beats, root, steps, bass, scale)
            name = f"{NAMES[root]}:{quality}" + (f"/{_DEGREES[bass]}" if bass else "")
            chords.append((at, at + beats, name))
            at += beats
            root = (root + int(rng.choice([5, 7, 2, 9, 4, 3, 10, 8, 1, 11, 6]))) % 12
        for bar in range(at // 4 if band.drums else 0):
            drum_bar(score, rng, band.style, (4,), 4.0 * bar)
        seconds, bpm = _seconds(rng, at)
        yield HarmonyCase(
            f"chords {index}",
            "generated chords",
            play(score, seconds, jitter=0.004, seed=index),
            bpm=bpm,
            chords=[(float(seconds[a]), float(seconds[b]), name) for a, b, name in chords],
        )


def _section(
    score: Score,
    rng: np.random.Generator,
    band: _Band,
    at: int,
    bars: int,
    tonic: int,
    mode: str,
    cadence: Sequence[int],
) -> None:
    """Write a section: a chord a bar, diatonic in a key."""
    scale = [tonic + step for step in _SCALES[mode]]
    for bar in range(bars):
        degree = cadence[bar % len(cadence)]
        root = (tonic + _SCALES[mode][degree]) % 12
        steps = QUALITIES[_DIATONIC[mode][degree]][0]
        # A dominant has a major third in minor too.
        own = [
            step + (1 if mode == "min" and degree == 4 and step % 12 == 10 else 0)
            for step in _SCALES[mode]
        ]
        _play_chord(
            score,
            rng,
            band,
            at + 4 * bar,
            4,
            root,
            steps,
            0,
            [tonic + step for step in own] if degree == 4 else scale,
        )
        if band.drums:
            drum_bar(score, rng, band.style, (4,), float(at + 4 * bar))


def modulations(count: int, *, seed: int = HELD_OUT_SEED) -> Iterator[HarmonyCase]:
    """Yield songs in one, two or three keys of 8 to 16 bars each, by turns."""
    for index in range(count):
        rng = np.random.default_rng((seed, 2, index))
        band, score = _draw_band(rng, drums=index % 3 != 0), Score()
        parts, at = (1, 2, 3, 2)[index % 4], 0
        tonic, mode = int(rng.integers(12)), str(rng.choice(["maj", "min"]))
        keys = []
        for _ in range(parts):
            bars = int(rng.choice([8, 12, 16])) * (2 if parts == 1 else 1)
            cadences = _CADENCES[mode]
            for first in range(0, bars, 4):
                cadence = cadences[int(rng.integers(len(cadences)))]
                _section(score, rng, band, at + 4 * first, 4, tonic, mode, cadence)
            keys.append((at, at + 4 * bars, f"{NAMES[tonic]}:{mode}"))
            at += 4 * bars
            tonic = (tonic + int(rng.choice([1, 2, 3, 5, 7, 10]))) % 12
            if rng.random() < 0.25:
                mode = "min" if mode == "maj" else "maj"
        seconds, bpm = _seconds(rng, at)
        yield HarmonyCase(
            f"{parts} keys {index}",
            "one key" if parts == 1 else "modulations",
            play(score, seconds, jitter=0.004, seed=index),
            bpm=bpm,
            key=_spoken(keys[0][2]) if parts == 1 else None,
            keys=[(float(seconds[a]), float(seconds[b]), key) for a, b, key in keys],
        )


def _spoken(key: str) -> str:
    tonic, mode = key.split(":")
    return f"{tonic} {'major' if mode == 'maj' else 'minor'}"


_FORMS = (
    ("intro", "verse", "chorus", "verse", "chorus", "bridge", "chorus", "outro"),
    ("intro", "verse", "verse", "chorus", "verse", "chorus", "chorus"),
    ("verse", "chorus", "verse", "chorus", "bridge", "verse", "chorus"),
    ("intro", "verse", "chorus", "verse", "chorus", "outro"),
)


def forms(count: int, *, seed: int = HELD_OUT_SEED) -> Iterator[HarmonyCase]:
    """Yield songs of known form; a section has its own chords and instruments."""
    for index in range(count):
        rng = np.random.default_rng((seed, 3, index))
        score, at, sections = Score(), 0, []
        tonic, mode = int(rng.integers(12)), str(rng.choice(["maj", "min"]))
        shared = _draw_band(rng, drums=True)
        kinds: dict[str, tuple[_Band, int, Sequence[int]]] = {}
        for name in _FORMS[index % len(_FORMS)]:
            if name not in kinds:
                own = _draw_band(rng, drums=name not in ("intro", "outro", "bridge"))
                # Verse and chorus of a band share its bass and its comping.
                band = _Band(
                    shared.comping if rng.random() < 0.5 else own.comping,
                    shared.bass,
                    own.lead,
                    shared.style if rng.random() < 0.5 else own.style,
                    own.drums,
                    own.broken,
                    {"intro": 0.0, "outro": 0.0}.get(name, own.melody),
                )
                bars = 4 if name in ("intro", "outro") else 8
                cadences = _CADENCES[mode]
                kinds[name] = (band, bars, cadences[int(rng.integers(len(cadences)))])
            band, bars, cadence = kinds[name]
            _section(score, rng, band, at, bars, tonic, mode, cadence)
            sections.append((at, at + 4 * bars, name))
            at += 4 * bars
        seconds, bpm = _seconds(rng, at)
        yield HarmonyCase(
            f"form {index}",
            "generated songs",
            play(score, seconds, jitter=0.004, seed=index),
            bpm=bpm,
            key=f"{NAMES[tonic]} {'major' if mode == 'maj' else 'minor'}",
            sections=[(float(seconds[a]), float(seconds[b]), name) for a, b, name in sections],
        )


CHANGES = (
    (100.0, 130.0, 1),
    (90.0, 120.0, 1),
    (126.0, 100.0, 1),
    (95.0, 120.0, 60),
    (130.0, 105.0, 60),
)
"""Tempi before and after a change in beats a minute, and the beats that it takes."""


def tempo_courses(*, seed: int = HELD_OUT_SEED) -> Iterator[HarmonyCase]:
    """Yield songs whose tempo jumps half-way, or drifts over 60 beats."""
    for index, (first, second, length) in enumerate(CHANGES):
        rng = np.random.default_rng((seed, 4, index))
        band, score, bars, mode = _draw_band(rng, drums=True), Score(), 24, "maj"
        _section(score, rng, band, 0, bars, int(rng.integers(12)), mode, _CADENCES[mode][index])
        beat = np.arange(4 * bars + 6)
        tempi = np.interp(beat, [2 * bars - length / 2, 2 * bars + length / 2], [first, second])
        seconds = 0.1 + np.concatenate([[0.0], np.cumsum(60 / tempi)[:-1]])
        middles = 0.5 * (seconds[:-1] + seconds[1:])
        yield HarmonyCase(
            f"{first:g} to {second:g} in {length} beats",
            "tempo jumps" if length == 1 else "tempo drifts",
            play(score, seconds, jitter=0.004, seed=index),
            curve=[(float(a), float(b)) for a, b in zip(middles, tempi, strict=False)][
                : 4 * bars - 1
            ],
        )
