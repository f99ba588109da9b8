"""Chord recognition: 14 qualities and their inversions, by a hidden Markov model. Pure numpy."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kit.arrays import F64
from services.analysis.chord_network import QUALITIES
from services.analysis.chroma import unit_rows
from services.analysis.key import NAMES

LABELS = (*(f"{name}:{quality}" for name in NAMES for quality in QUALITIES), "N")
NONE = len(LABELS) - 1

_STEPS = {
    "7": (0, 4, 7, 10),
    "aug": (0, 4, 8),
    "dim": (0, 3, 6),
    "dim7": (0, 3, 6, 9),
    "hdim7": (0, 3, 6, 10),
    "maj": (0, 4, 7),
    "maj6": (0, 4, 7, 9),
    "maj7": (0, 4, 7, 11),
    "min": (0, 3, 7),
    "min6": (0, 3, 7, 9),
    "min7": (0, 3, 7, 10),
    "minmaj7": (0, 3, 7, 11),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
}
"""Semitones of each quality above the root."""
_STRENGTHS = (1.0, 0.9, 0.9, 0.7)
"""Strength of the root, the third, the fifth and the fourth note in a template."""
_DEGREES = ("1", "b2", "2", "b3", "3", "4", "b5", "5", "b6", "6", "b7", "7")
"""Harte's names of the intervals of 0 to 11 semitones."""
_STAY = 0.5
"""Probability that a chord lasts another beat, or half a second without beats."""
_STAY_WITHIN = 0.95
"""Probability that a chord which lasts over a beat does not change half-way to the next."""


_BASS_WEIGHT = 2.0
"""Weight of the bass's chroma, relative to the network's log probability of the bass."""
_INVERTED = 1.0
"""How much more evidence than the root another bass note needs."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Time spans with one chord each; a chord may change at the start of any span."""

    edges: F64
    """Rising times in seconds, `[spans + 1]`."""
    stay: F64
    """Probability that the previous chord continues in a span, `[spans]`."""
    weight: float
    """Weight of one span; a beat has weight 1."""


def spans(edges: F64, *, beats: bool) -> Spans:
    """Divide beats in two, or half-second spans of a recording without beats in four.

    Parameters
    ----------
    edges
        Rising times in seconds: beats, or every half second.
    beats
        Whether `edges` are beats.

    Returns
    -------
    Spans
        Chord changes are likelier on a beat than half-way; without beats, equally likely anywhere.
    """
    count, parts = edges.size - 1, 2 if beats else 4
    fine = np.interp(np.arange(count * parts + 1) / parts, np.arange(count + 1), edges)
    span = [_STAY, _STAY_WITHIN] if beats else [_STAY ** (1.0 / parts)] * parts
    return Spans(fine, np.tile(np.array(span, np.float64), count), 1.0 / parts)


@dataclass(frozen=True, slots=True)
class Chords:
    """The likeliest sequence of chords."""

    states: tuple[int, ...]
    """Index into `LABELS`, one for each span."""
    confidence: F64
    """Posterior probability of each state."""


def _templates() -> F64:
    """Return the chord templates, `[168, 12]`, norm 1."""
    rows = np.zeros((len(LABELS) - 1, 12))
    for index, row in enumerate(rows):
        steps = np.array(_STEPS[QUALITIES[index % len(QUALITIES)]])
        row[(steps + index // len(QUALITIES)) % 12] = _STRENGTHS[: steps.size]
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float64)


def likeness(treble: F64, bass: F64, *, bass_weight: float = 0.25) -> F64:
    """Score each chord against each span's chroma by template matching.

    Parameters
    ----------
    treble, bass
        `[spans, 12]`, ≥ 0.
    bass_weight
        Weight of a bass note on the root, relative to a perfect match of the chord.

    Returns
    -------
    F64
        `[spans, 168]`, about 0 to 1 plus `bass_weight`.
    """
    roots = np.repeat(np.eye(12), len(QUALITIES), axis=0)
    fit = unit_rows(treble) @ _templates().T + bass_weight * (unit_rows(bass) @ roots.T)
    return np.asarray(fit, np.float64)


def decode(
    fit: F64,
    energy: F64,
    *,
    learned: F64 | None = None,
    stay: F64 | None = None,
    weight: float = 1.0,
    sharpness: float = 20.0,
    none_at: float = 0.35,
) -> Chords:
    """Decode the likeliest chord sequence by the Viterbi algorithm, with posteriors.

    Parameters
    ----------
    fit
        `[spans, 168]` from `likeness`.
    energy
        `[spans]`, linear; spans 40 dB below the loudest have no chord.
    learned
        `[spans, 169]`: the network's log probability of each chord and of no chord, which is added;
        by default all are equally likely.
    stay
        `[spans]`: probability that the previous chord continues in a span; 0.5 by default.
    weight
        Weight of one span, see `Spans.weight`.
    sharpness
        Factor of the fit in the exponent.
    none_at
        Fit below which `N` (no chord) is likelier.

    Returns
    -------
    Chords
        States of the Viterbi path; confidences from the forward-backward algorithm.
    """
    count = fit.shape[0]
    if not count:
        return Chords((), np.zeros(0))
    emission = np.concatenate([fit, np.full((count, 1), none_at)], axis=1)
    emission *= sharpness
    if learned is not None:
        emission += learned
    emission *= weight
    silent = energy < 0.01 * max(float(energy.max()), 1e-9)
    emission[silent, NONE] = emission[silent].max(axis=1) + 5.0
    states = emission.shape[1]
    goes_on = np.full(count, _STAY) if stay is None else stay
    # A chord that does not continue may change to any other.
    elsewhere = (1.0 - goes_on) / (states - 1)
    score = emission[0].copy()
    links = np.tile(np.arange(states, dtype=np.uint8), (count, 1))
    for span in range(1, count):
        best = int(np.argmax(score))
        kept, moved = score + np.log(goes_on[span]), score[best] + np.log(elsewhere[span])
        links[span, kept < moved] = best
        score = np.maximum(kept, moved) + emission[span]
    path = [int(np.argmax(score))]
    for span in range(count - 1, 0, -1):
        path.append(int(links[span, path[-1]]))
    path.reverse()
    return Chords(tuple(path), _posterior(emission, path, goes_on, elsewhere))


def _posterior(emission: F64, path: Sequence[int], goes_on: F64, elsewhere: F64) -> F64:
    """Return the probability of each state of a path; `emission` is overwritten."""
    count, states = emission.shape
    emission -= emission.max(axis=1, keepdims=True)
    likely = np.exp(emission, out=emission)
    forward = np.empty((count, states))

    def moved(share: F64, span: int) -> F64:
        stayed = share * (goes_on[span] - elsewhere[span])
        return np.asarray(stayed + share.sum() * elsewhere[span], np.float64)

    forward[0] = likely[0] / likely[0].sum()
    for span in range(1, count):
        forward[span] = moved(forward[span - 1], span) * likely[span]
        forward[span] /= forward[span].sum()
    backward, confidence = np.ones(states), np.empty(count)
    for span in range(count - 1, -1, -1):
        both = forward[span] * backward
        confidence[span] = both[path[span]] / both.sum()
        backward = moved(likely[span] * backward, span)
        backward /= backward.sum()
    return confidence


@dataclass(frozen=True, slots=True)
class ChordSpan:
    """Spans `first` to `last`, the latter not included, of one chord."""

    first: int
    last: int
    label: str
    confidence: float
    """Mean posterior probability of the chord without its inversion."""


def name_spans(chords: Chords, bass: F64, learned: F64) -> list[ChordSpan]:
    """Join neighbouring spans of one chord, and name those whose bass is not the root.

    Parameters
    ----------
    chords
        From `decode`.
    bass
        Chroma of the bass, `[spans, 12]`, ≥ 0.
    learned
        The network's log probability of the bass note's pitch class, `[spans, 12]`.

    Returns
    -------
    list
        In order of time, without gaps. Only notes of the chord count as its bass.
    """
    states = np.array(chords.states)
    if not states.size:
        return []
    evidence = learned + _BASS_WEIGHT * unit_rows(bass)
    joined = []
    for first, last in pairwise([0, *np.flatnonzero(np.diff(states)) + 1, states.size]):
        state = int(states[first])
        label = LABELS[state]
        if state != NONE:
            root = state // len(QUALITIES)
            scores = np.roll(evidence[first:last].mean(axis=0), -root)
            lowest = max(_STEPS[QUALITIES[state % len(QUALITIES)]], key=lambda step: scores[step])
            if scores[lowest] - scores[0] > _INVERTED:
                label += f"/{_DEGREES[lowest]}"
        confidence = float(np.clip(chords.confidence[first:last].mean(), 0.0, 1.0))
        joined.append(ChordSpan(int(first), int(last), label, confidence))
    return joined
