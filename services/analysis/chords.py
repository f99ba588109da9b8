"""Major and minor chords, one for each beat. Pure numpy."""

from dataclasses import dataclass

import numpy as np

from kit.signal.onsets import Float
from services.analysis.key import NAMES

LABELS = (*(f"{name}:maj" for name in NAMES), *(f"{name}:min" for name in NAMES), "N")
NONE = len(LABELS) - 1


@dataclass(frozen=True, slots=True)
class Chords:
    """The likeliest sequence of chords."""

    states: tuple[int, ...]
    """Index into `LABELS`, one for each span."""
    confidence: Float
    """Probability of each, given all the others."""


def _templates() -> Float:
    """Return the triads' pitch classes, `[24, 12]`, norm 1."""
    rows = []
    for third in (4, 3):
        shape = np.zeros(12)
        shape[[0, third, 7]] = 1.0, 0.9, 0.9
        rows += [np.roll(shape, root) for root in range(12)]
    templates = np.array(rows)
    return np.asarray(templates / np.linalg.norm(templates, axis=1, keepdims=True), np.float64)


def likeness(treble: Float, bass: Float, *, bass_weight: float = 0.25) -> Float:
    """Return how well each chord explains the chroma of each span.

    Parameters
    ----------
    treble, bass
        `[spans, 12]`, ≥ 0.
    bass_weight
        What a bass on the chord's root is worth, against a perfect match of the triad.

    Returns
    -------
    Float
        `[spans, 24]`, about 0 to 1 plus `bass_weight`.
    """

    def normal(values: Float) -> Float:
        norm = np.linalg.norm(values, axis=1, keepdims=True)
        return np.asarray(values / np.maximum(norm, 1e-9), np.float64)

    roots = np.tile(np.eye(12), (2, 1))
    fit = normal(treble) @ _templates().T + bass_weight * (normal(bass) @ roots.T)
    return np.asarray(fit, np.float64)


def decode(
    fit: Float,
    energy: Float,
    *,
    sharpness: float = 10.0,
    stay: float = 0.5,
    none_at: float = 0.35,
) -> Chords:
    """Find the likeliest sequence of chords and how sure each is.

    Parameters
    ----------
    fit
        `[spans, 24]` from `likeness`.
    energy
        `[spans]`, linear; spans 40 dB below the loudest have no chord.
    sharpness
        How much better a better fit is: the factor in the exponent.
    stay
        Probability that the chord stays for another span.
    none_at
        The fit below which no chord is likelier.

    Returns
    -------
    Chords
        By the Viterbi algorithm; confidences by forward and backward sums.
    """
    spans = fit.shape[0]
    if not spans:
        return Chords((), np.zeros(0))
    emission = np.concatenate([fit, np.full((spans, 1), none_at)], axis=1) * sharpness
    silent = energy < 0.01 * max(float(energy.max()), 1e-9)
    emission[silent, NONE] = emission[silent].max(axis=1) + 5.0
    states = emission.shape[1]
    change = np.full((states, states), np.log((1.0 - stay) / (states - 1)))
    np.fill_diagonal(change, np.log(stay))
    score = emission[0].copy()
    links = np.zeros((spans, states), np.int64)
    for span in range(1, spans):
        reach = score[:, None] + change
        links[span] = np.argmax(reach, axis=0)
        score = reach[links[span], np.arange(states)] + emission[span]
    path = [int(np.argmax(score))]
    for span in range(spans - 1, 0, -1):
        path.append(int(links[span, path[-1]]))
    path.reverse()
    return Chords(tuple(path), _posterior(emission, change)[np.arange(spans), path])


def _posterior(emission: Float, change: Float) -> Float:
    spans, states = emission.shape
    moves = np.exp(change)
    likely = np.exp(emission - emission.max(axis=1, keepdims=True))
    forward = np.zeros((spans, states))
    backward = np.ones((spans, states))
    forward[0] = likely[0] / likely[0].sum()
    for span in range(1, spans):
        forward[span] = (forward[span - 1] @ moves) * likely[span]
        forward[span] /= forward[span].sum()
    for span in range(spans - 2, -1, -1):
        backward[span] = moves @ (likely[span + 1] * backward[span + 1])
        backward[span] /= backward[span].sum()
    both = forward * backward
    return np.asarray(both / both.sum(axis=1, keepdims=True), np.float64)
