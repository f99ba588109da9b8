"""Grooves: the strokes of a drummer or a drum machine, drawn at random from a seed."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

Chance = np.random.Generator

_FREE = 0.15
"""Share of pieces without any rhythm: simultaneous strokes must not only be learnt from habit."""
_METRES = (
    # Steps of a bar, steps of a beat, weight.
    (16, 4, 0.6),
    (12, 3, 0.15),
    (12, 4, 0.08),
    (12, 6, 0.07),
    (20, 4, 0.04),
    (14, 4, 0.06),
)
_KEEPERS = {
    "closed_hat": 0.47,
    "ride": 0.19,
    "open_hat": 0.06,
    "crash": 0.05,
    "percussion": 0.08,
    "tom": 0.06,
    "": 0.09,
}
_BACKBEATS = {"snare": 0.72, "rim": 0.12, "clap": 0.1, "percussion": 0.02, "tom": 0.04}
_FREE_RATES = {
    "kick": 1.2,
    "snare": 1.0,
    "clap": 0.35,
    "rim": 0.4,
    "closed_hat": 2.0,
    "open_hat": 0.6,
    "tom": 0.9,
    "crash": 0.25,
    "ride": 0.9,
    "percussion": 0.8,
}
_SHORTEST_GAP = 0.05
"""Seconds between two strokes of one drum, below which the softer is left out."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """One stroke.

    Attributes
    ----------
    time
        Seconds.
    drum
        One of `services.midi.strokes.features.DRUMS`.
    velocity
        0 to 1; 1 is the loudest of MIDI.
    voice
        Which of the drum's instruments, as one of several toms.
    """

    time: float
    drum: str
    velocity: float
    voice: int = 0


@dataclass(frozen=True, slots=True)
class Groove:
    """Strokes in order of time, and the beats that they are played to."""

    strokes: list[Stroke]
    beats: list[float]
    bar: int
    """Beats of a bar."""


@dataclass(slots=True)
class _Feel:
    """What stays the same in one piece."""

    steps: int
    beat: int
    step: float
    swing: float
    jitter: float
    spread: float
    late: dict[str, float] = field(default_factory=dict)


def groove(chance: Chance, seconds: float) -> Groove:
    """Play a piece of this length."""
    if chance.random() < _FREE:
        return _free(chance, seconds)
    weights = np.array([weight for *_, weight in _METRES])
    steps, beat, _ = _METRES[int(chance.choice(len(_METRES), p=weights / weights.sum()))]
    tempo = float(np.exp(chance.uniform(np.log(60.0), np.log(200.0))))
    if beat == 6:
        tempo = min(tempo, 110.0)
    feel = _Feel(
        steps=steps,
        beat=beat,
        step=60.0 / tempo / beat,
        swing=float(chance.uniform(0.0, 0.4)) if chance.random() < 0.35 and beat == 4 else 0.0,
        jitter=float(chance.choice([0.0, 0.004, 0.008, 0.012])),
        spread=float(chance.uniform(0.02, 0.15)),
        late={drum: float(chance.normal(0.0, 0.004)) for drum in _FREE_RATES},
    )
    at, strokes = 0.0, []
    if chance.random() < 0.2:
        at += feel.steps * feel.step
    while at < seconds:
        bars = int(chance.choice([2, 4, 4, 8]))
        parts = _section(chance, feel)
        for number in range(bars):
            last = number == bars - 1
            played = list(_bar(chance, feel, parts, opening=number == 0, closing=last))
            strokes += [replace(stroke, time=stroke.time + at) for stroke in played]
            at += feel.steps * feel.step
    beats = list(np.arange(0.0, seconds, feel.step * feel.beat))
    return Groove(_ordered(strokes, seconds), beats, max(1, feel.steps // feel.beat))


def _free(chance: Chance, seconds: float) -> Groove:
    density = chance.uniform(0.4, 1.3)
    strokes = []
    moments = list(np.sort(chance.uniform(0.1, seconds, int(4 * seconds))))
    for drum, rate in _FREE_RATES.items():
        if chance.random() < 0.25:
            continue
        count = int(chance.poisson(rate * density * seconds))
        own = chance.uniform(0.1, seconds, count)
        # Half of the strokes share their moments with strokes of other drums.
        shared = chance.choice(moments, count) + chance.normal(0.0, 0.004, count)
        for time in np.where(chance.random(count) < 0.5, shared, own):
            velocity = float(np.clip(chance.beta(2.2, 1.3), 0.08, 1.0))
            strokes.append(Stroke(float(time), drum, velocity, int(chance.integers(3))))
    beats = list(np.arange(0.0, seconds, float(chance.uniform(0.35, 0.9))))
    return Groove(_ordered(strokes, seconds), beats, 4)


def _ordered(strokes: list[Stroke], seconds: float) -> list[Stroke]:
    """Sort strokes; of two of one drum that nearly coincide, keep the louder."""
    kept: list[Stroke] = []
    last: dict[str, int] = {}
    for stroke in sorted(strokes, key=lambda stroke: (stroke.time, stroke.drum)):
        if not 0.02 <= stroke.time < seconds - 0.05:
            continue
        before = last.get(stroke.drum)
        if before is not None and stroke.time - kept[before].time < _SHORTEST_GAP:
            # The first of a flam is a grace note: both sound, one is counted.
            if stroke.velocity > kept[before].velocity:
                kept[before] = replace(stroke, time=kept[before].time)
            continue
        last[stroke.drum] = len(kept)
        kept.append(stroke)
    return kept


Part = tuple[str, dict[int, float], int]
"""A drum, the velocities of its steps, and its voice."""


def _pick(chance: Chance, weights: dict[str, float]) -> str:
    names = list(weights)
    shares = np.array([weights[name] for name in names])
    return names[int(chance.choice(len(names), p=shares / shares.sum()))]


def _section(chance: Chance, feel: _Feel) -> list[Part]:
    """Draw the patterns of a section."""
    parts = [*_kick(chance, feel), *_backbeat(chance, feel), *_keeper(chance, feel)]
    if chance.random() < 0.3:
        for voice in range(int(chance.integers(1, 4))):
            steps = np.flatnonzero(chance.random(feel.steps) < chance.uniform(0.1, 0.45))
            level = chance.uniform(0.4, 0.9)
            pattern = {int(s): float(level * chance.uniform(0.6, 1.0)) for s in steps}
            parts.append(("percussion", pattern, voice))
    if chance.random() < 0.12:
        steps = np.flatnonzero(chance.random(feel.steps) < 0.2)
        parts.append(
            (
                "tom",
                {int(s): float(chance.uniform(0.4, 0.9)) for s in steps},
                int(chance.integers(3)),
            )
        )
    return [part for part in parts if chance.random() > 0.08]


def _kick(chance: Chance, feel: _Feel) -> Iterator[Part]:
    style = chance.random()
    steps = np.arange(feel.steps)
    on_beat, half = steps % feel.beat == 0, steps % max(1, feel.beat // 2) == 0
    if style < 0.2:
        share = on_beat.astype(float)
    elif style < 0.26:
        share = np.where(half, 0.95, chance.choice([0.0, 0.9]))
    else:
        share = np.where(on_beat, 0.3, np.where(half, 0.28, chance.uniform(0.0, 0.16)))
        share[0] = 0.95
        share[(feel.steps // (2 * feel.beat)) * feel.beat] = 0.6
    chosen = np.flatnonzero(chance.random(feel.steps) < share)
    yield "kick", {int(s): 0.85 if s % feel.beat == 0 else 0.72 for s in chosen}, 0


def _backbeat(chance: Chance, feel: _Feel) -> Iterator[Part]:
    drum, style = _pick(chance, _BACKBEATS), chance.random()
    beats = list(range(0, feel.steps, feel.beat))
    if style < 0.72:
        chosen = dict.fromkeys(beats[1::2], 0.88)
    elif style < 0.82:
        chosen = {beats[len(beats) // 2]: 0.9}
    elif style < 0.87:
        chosen = {step: 0.8 if step % feel.beat == 0 else 0.45 for step in range(feel.steps)}
    elif style < 0.94:
        chosen = {int(s): 0.75 for s in np.flatnonzero(chance.random(feel.steps) < 0.25)}
    else:
        chosen = dict.fromkeys(beats, 0.85)
    yield drum, dict(chosen), 0
    if drum == "snare" and chance.random() < 0.12:
        yield "clap", dict(chosen), 0
    if chance.random() < 0.4:
        density = chance.uniform(0.05, 0.35)
        ghosts = [s for s in range(feel.steps) if s not in chosen and chance.random() < density]
        soft = chance.uniform(0.15, 0.45)
        name = "snare" if chance.random() < 0.85 else "rim"
        yield name, {step: float(soft * chance.uniform(0.7, 1.2)) for step in ghosts}, 0


def _keeper(chance: Chance, feel: _Feel) -> Iterator[Part]:
    drum = _pick(chance, _KEEPERS)
    if not drum:
        return
    every = int(chance.choice([1, max(1, feel.beat // 2), feel.beat], p=[0.25, 0.55, 0.2]))
    if feel.beat == 3 and chance.random() < 0.6:
        # The ride pattern of jazz, and shuffles.
        steps = [
            s for s in range(feel.steps) if s % 3 == 0 or (s % 3 == 2 and chance.random() < 0.8)
        ]
    else:
        steps = list(range(0, feel.steps, every))
    level, accent = chance.uniform(0.45, 0.95), chance.uniform(0.5, 1.0)
    chosen = {s: float(level if s % feel.beat == 0 else level * accent) for s in steps}
    if chance.random() < 0.2:
        chosen = {s: v for s, v in chosen.items() if chance.random() < 0.8}
    if drum == "closed_hat":
        opened = chance.uniform(0.0, 0.25) if chance.random() < 0.5 else 0.0
        offbeat = chance.random() < 0.12
        open_steps = {
            s
            for s in chosen
            if chance.random() < opened or (offbeat and s % feel.beat == feel.beat // 2)
        }
        yield "open_hat", {s: chosen.pop(s) for s in sorted(open_steps)}, 0
    elif chance.random() < 0.5:
        # The foot closes the hi-hat on the beats between.
        foot = dict.fromkeys(list(range(0, feel.steps, feel.beat))[1::2], 0.45)
        yield "closed_hat", foot, 0
    yield drum, chosen, int(chance.integers(3))
    if drum == "ride" and chance.random() < 0.2:
        yield "crash", {0: 0.8}, 1


def _bar(
    chance: Chance, feel: _Feel, parts: list[Part], *, opening: bool, closing: bool
) -> Iterator[Stroke]:
    """Play one bar: its patterns, slightly varied, a crash at the start, a fill at the end."""
    if chance.random() < 0.03:
        return
    fill_from = feel.steps
    if closing and chance.random() < 0.75:
        fill_from -= int(chance.integers(1, feel.steps // feel.beat + 1)) * feel.beat
        yield from _fill(chance, feel, fill_from)
    flams = chance.random() < 0.1
    for drum, pattern, voice in parts:
        for step, level in pattern.items():
            if chance.random() < 0.04 or (step >= fill_from and chance.random() < 0.8):
                continue
            yield from _played(chance, feel, step, drum, level, voice)
            if flams and drum == "snare" and level > 0.7 and chance.random() < 0.4:
                grace = _moment(chance, feel, step, drum) - chance.uniform(0.015, 0.035)
                yield Stroke(grace, drum, float(level * chance.uniform(0.2, 0.5)), voice)
    if opening and chance.random() < 0.6:
        yield from _played(chance, feel, 0, "crash", 0.9, int(chance.integers(3)))
        if chance.random() < 0.8:
            yield from _played(chance, feel, 0, "kick", 0.9, 0)


def _fill(chance: Chance, feel: _Feel, start: int) -> Iterator[Stroke]:
    style, voice = chance.random(), 0
    count = feel.steps - start
    for number, step in enumerate(range(start, feel.steps)):
        if chance.random() < 0.18:
            continue
        level = float(np.clip(0.6 + 0.35 * number / max(1, count) + chance.normal(0, 0.08), 0.3, 1))
        if style < 0.5:
            voice = min(2, 3 * number // max(1, count))
            drum = "tom" if chance.random() < 0.75 else "snare"
        elif style < 0.8:
            drum = "snare"
        else:
            drum = str(chance.choice(["tom", "snare", "kick", "open_hat", "rim"]))
        yield from _played(chance, feel, step, drum, level, voice)
        if chance.random() < 0.12:
            half = _moment(chance, feel, step, drum) + 0.5 * feel.step
            yield Stroke(half, drum, 0.8 * level, voice)
        if chance.random() < 0.15:
            yield from _played(chance, feel, step, "kick", 0.8, 0)


def _moment(chance: Chance, feel: _Feel, step: int, drum: str) -> float:
    late = feel.swing * feel.step if step % 2 else 0.0
    return step * feel.step + late + feel.late[drum] + float(chance.normal(0.0, feel.jitter))


def _played(
    chance: Chance, feel: _Feel, step: int, drum: str, level: float, voice: int
) -> Iterator[Stroke]:
    velocity = float(np.clip(level * (1.0 + chance.normal(0.0, feel.spread)), 0.08, 1.0))
    yield Stroke(_moment(chance, feel, step, drum), drum, velocity, voice)
