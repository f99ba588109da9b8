"""Meter estimation: beats per bar and downbeats. Pure numpy."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kit.arrays import F32, F64
from services.analysis.beat_network import Activations
from services.analysis.chroma import unit_rows

METRES: Mapping[int, float] = {2: -2.7, 3: 0.4, 4: 0.0, 5: -1.2, 6: -2.8, 7: -1.0}
"""Beats per bar that are considered, with their prior as a logarithm."""
_NETWORKS, _LOW, _HIGH, _CHANGE = 0.8, 0.5, 1.9, 2.6
"""Weights of the accents on downbeats, each in units of its standard deviation over the beats."""
_RHYTHM_REPEATS, _HARMONY_REPEATS, _FIRST_REPEAT = 3.1, 1.2, 2.9
"""Weights of how well rhythm and harmony repeat after a bar, and how much better the rhythm does
than after any shorter time."""
_OPENING = 2.5
"""Weight of a recording's first beat as a downbeat: recordings tend to begin with a bar."""
_LONGEST = 14
"""Maximum distance of beats that are compared."""
_USUAL = 8
"""Distances over which the mean similarity of beats is taken."""
_BLUR = 0.01
"""Probability that is added to those of the networks, which are often close to 0."""


@dataclass(frozen=True, slots=True)
class Accents:
    """Accent features at each beat, `[beats]` each."""

    low: F64
    """Onset strength below 150 Hz: kick and bass."""
    high: F64
    """Onset strength above 600 Hz: snare."""
    change: F64
    """How different the harmony is from the beat before, 0 to 1."""
    downbeat: F64
    """Logarithm of the odds that a beat is a downbeat, by the networks."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """Correlation of the beats with those 1, 2, … 14 beats later, `[14]` each; 0 if too few."""

    rhythm: F64
    harmony: F64


@dataclass(frozen=True, slots=True)
class BarGrid:
    """Beats per bar, and the position of the downbeats."""

    beats_per_bar: int
    first: int
    """Index of the first downbeat."""
    confidence: float
    """0 to 1: the share of this metre and phase in the evidence of all."""

    def positions(self, beats: int) -> list[int]:
        """Return the position of each beat in its bar; 1 is the downbeat."""
        return [(index - self.first) % self.beats_per_bar + 1 for index in range(beats)]


def peak_near(beats: F64, curve: F64, rate: float) -> F64:
    """Return the maximum of an onset-strength envelope within 35 ms of each beat."""
    if not curve.size:
        return np.zeros(beats.size)
    reach = max(1, round(0.035 * rate))
    frames = np.clip(np.round(beats * rate).astype(np.int64), 0, curve.size - 1)
    return np.array([float(curve[max(0, at - reach) : at + reach + 1].max()) for at in frames])


def harmonic_change(chroma: F64) -> F64:
    """Compute the cosine distance of each beat's chroma from the previous one, 0 to 1.

    Parameters
    ----------
    chroma
        `[beats, 12]`: the mean from each beat to the next.
    """
    unit = unit_rows(chroma)
    change = np.zeros(chroma.shape[0])
    change[1:] = 1.0 - np.sum(unit[1:] * unit[:-1], axis=1)
    return change


def downbeat_odds(beats: F64, activations: Activations) -> F64:
    """Compute the logarithm of the odds that each beat is a downbeat, `[beats]`.

    The mean over the networks, from the highest probabilities within 40 ms of a beat.
    """
    odds = np.zeros(beats.size)
    for network in activations.values:
        if not network.size:
            continue
        other, down = (
            _highest(beats, network[:, column], activations.rate) + _BLUR for column in (0, 1)
        )
        odds += np.log(down / other) / len(activations.values)
    return odds


def _highest(beats: F64, curve: F32, rate: float) -> F64:
    frames = np.clip(np.round(beats * rate).astype(np.int64), 0, curve.size - 1)
    return np.array([float(curve[max(0, at - 2) : at + 3].max()) for at in frames])


def find_repetition(beats: F64, strength: F32, rate: float, chroma: F64) -> Repetition:
    """Compute how alike beats are that lie up to 14 beats apart.

    Parameters
    ----------
    beats
        Times in seconds, `[beats]`.
    strength
        Onset strength by frequency range, `[frames, groups]`: compared on beats and half-way.
    rate
        Frames a second.
    chroma
        `[beats, 12]`: the mean from each beat to the next.
    """
    if beats.size < 3:
        return Repetition(np.zeros(_LONGEST), np.zeros(_LONGEST))
    halves = np.interp(np.arange(2 * beats.size - 2) / 2, np.arange(beats.size), beats)
    groups = [
        peak_near(halves, strength[:, group].astype(np.float64), rate)
        for group in range(strength.shape[1])
    ]
    rhythm = np.cbrt(np.column_stack(groups).reshape(beats.size - 1, -1))
    rhythm = (rhythm - rhythm.mean(axis=0)) / (rhythm.std(axis=0) + 1e-9)
    unit = unit_rows(chroma[:-1])
    return Repetition(_correlations(rhythm), _correlations(unit - unit.mean(axis=0)))


def _correlations(rows: F64) -> F64:
    result = np.zeros(_LONGEST)
    for lag in range(1, min(_LONGEST, len(rows) - 3) + 1):
        early, late = rows[:-lag], rows[lag:]
        power = float(np.sqrt(np.sum(early**2) * np.sum(late**2)))
        result[lag - 1] = float(np.sum(early * late)) / (power + 1e-9)
    return result


def find_bars(
    accents: Accents,
    repetition: Repetition,
    *,
    beats_per_bar: int | None = None,
    beats_in_all: int | None = None,
) -> BarGrid:
    """Estimate beats per bar and downbeats.

    Each metre of two to seven beats, and each phase of it, is scored by a weighted sum: how much
    stronger networks, kick, snare and changes of harmony are on its downbeats than on all beats,
    how well rhythm and harmony repeat after its bar, and priors.

    Parameters
    ----------
    accents
        Accent features at each beat.
    repetition
        Of the same beats.
    beats_per_bar
        Fixes the beats per bar, if known.
    beats_in_all
        Of a loop: its bars are whole, so only metres that divide this are considered.

    Notes
    -----
    The weights were fitted by conditional logistic regression on generated pieces, see the
    service's README; the priors over metres and the opening were set by hand.
    """
    count = accents.low.size
    usual = beats_per_bar or 4
    if count < 2 * usual:
        return BarGrid(usual, 0, 0.0)
    on_downbeats = _NETWORKS * (accents.downbeat - accents.downbeat.mean())
    for weight, values in (
        (_LOW, accents.low),
        (_HIGH, accents.high),
        (_CHANGE, accents.change),
    ):
        on_downbeats = on_downbeats + weight * _standard(values)
    scores: list[float] = []
    grids: list[tuple[int, int]] = []
    whole = [metre for metre in METRES if beats_in_all is None or beats_in_all % metre == 0]
    for metre in (beats_per_bar,) if beats_per_bar else whole or METRES:
        repeats = _repeats(repetition, metre) + METRES.get(metre, 0.0)
        for phase in range(metre):
            opening = _OPENING if phase == 0 else 0.0
            scores.append(repeats + opening + float(on_downbeats[phase::metre].mean()))
            grids.append((metre, phase))
    share = np.exp(np.array(scores) - max(scores))
    best = int(np.argmax(share))
    return BarGrid(*grids[best], confidence=float(share[best] / share.sum()))


def _repeats(repetition: Repetition, metre: int) -> float:
    rhythm, harmony = repetition.rhythm, repetition.harmony
    at = metre - 1
    return float(
        _RHYTHM_REPEATS * (rhythm[at] - rhythm[:_USUAL].mean())
        + _HARMONY_REPEATS * (harmony[at] - harmony[:_USUAL].mean())
        + _FIRST_REPEAT * 0.5 * (rhythm[at] - rhythm[:at].max(initial=-1.0))
    )


def _standard(values: F64) -> F64:
    deviation = float(values.std())
    return np.asarray((values - values.mean()) / deviation if deviation > 1e-9 else values * 0.0)
