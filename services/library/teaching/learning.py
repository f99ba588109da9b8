"""A tag's model: learnt from few answers and the unlabelled crate, with calibrated confidence.

A logistic regression on vectors of unit length separates yes-answers from no-answers and from a
sample of the crate that counts as weak no-answers, as most items do not have the tag. Both sides
weigh the same. Five answers say little about confidence: scores of a cross-validation are scaled by
Platt's method, whose slope and offset stay close to those that fit on kits with known classes (see
`benchmarks.teaching`) until enough answers say otherwise.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.teaching import HISTOGRAM_BINS, TagScore
from kit.arrays import F32, F64
from services.library.teaching.regression import fit_logistic, sigmoid

BACKGROUND = 1000
"""Items of the crate that count as weak no-answers."""
BACKGROUND_WEIGHT = 0.5
"""What all of them weigh together, as a share of the side of the no-answers, if there are any."""
PENALTY = 0.01
"""L2 penalty relative to the summed weight of the rows."""
FOLDS = 5
MAX_LEARNT = 1000
"""Answers of either kind that a model learns from, the newest."""
MIN_SCORED = 5
"""Answers of either kind from which on a score is computed."""
SLOPE, OFFSET = 5.0, -4.1
"""Of the confidence's logit over the place of a score between the crate's median (0) and the mean
of yes-answers (1). Fitted on the kits that `benchmarks.teaching` tunes on."""
SLOPE_PENALTY, OFFSET_PENALTY = 1.0, 5.0
"""How many answers outweigh these, roughly."""
_MIN_SLOPE = 0.5


@dataclass(frozen=True, slots=True)
class Examples:
    """What a model learns from, in one space.

    Attributes
    ----------
    yes, no
        Unit vectors of answered items, `[answers, components]`.
    crate
        Unit vectors of all items, `[items, components]`.
    others
        Which of them have no answer, `[items]`.
    prior
        Coefficients that learning starts from, `[components + 1]`: those of an imported model.
    """

    yes: F32
    no: F32
    crate: F32
    others: NDArray[np.bool_]
    prior: F64 | None = None


@dataclass(frozen=True, slots=True)
class Learnt:
    """A learnt model.

    Attributes
    ----------
    coefficients
        `[components + 1]`, the bias last: the confidence is σ(coefficients · (x, 1)).
    threshold
        The confidence from which on items are proposed for the highest expected F1.
    score
        By cross-validation on the answers; `None` with too few.
    """

    coefficients: F64
    threshold: float
    score: TagScore | None


def learn(examples: Examples) -> Learnt:
    """Learn from examples; the same examples give the same model.

    At least two yes-answers are needed: each is predicted by a model that was not taught it.
    """
    chance = np.random.default_rng(0)
    others = np.flatnonzero(examples.others)
    count = min(BACKGROUND, len(others))
    chosen = np.sort(chance.choice(others, count, replace=False))
    rows = np.concatenate(
        (examples.yes, examples.no, examples.crate[chosen]), dtype=np.float64, casting="same_kind"
    )
    sizes = (len(examples.yes), len(examples.no), count)
    kinds = np.repeat(np.arange(3), sizes)
    raw = _fit(rows, kinds, examples.prior)
    held = _held_out_scores(rows, kinds, examples.prior, chance)
    slope, offset = _calibrate(held, kinds)
    coefficients = raw * slope
    coefficients[-1] += offset
    threshold = best_threshold(confidences(coefficients, examples.crate))
    return Learnt(coefficients, threshold, _score(sigmoid(held * slope + offset), kinds, threshold))


def confidences(coefficients: F64, vectors: F32) -> F32:
    """Return the confidence of each vector, `[vectors]`."""
    logits = vectors @ coefficients[:-1].astype(np.float32) + np.float32(coefficients[-1])
    result: F32 = 0.5 * (1 + np.tanh(0.5 * logits))
    return result


def histogram(values: F32) -> NDArray[np.int64]:
    """Return how many confidences are in each of `HISTOGRAM_BINS` bins from 0 to 1."""
    bins = np.minimum((values * HISTOGRAM_BINS).astype(np.int64), HISTOGRAM_BINS - 1)
    return np.bincount(bins, minlength=HISTOGRAM_BINS)


def best_threshold(values: F32) -> float:
    """Return the confidence from which on proposals have the highest expected F1.

    With the surest k items proposed, F1 is about 2 Σ(their confidences) / (k + Σ(all confidences)).

    Parameters
    ----------
    values
        Calibrated confidences of all items, `[items]`.
    """
    if not len(values):
        return 0.5
    falling = np.sort(values.astype(np.float64))[::-1]
    expected = 2 * np.cumsum(falling) / (np.arange(1, len(falling) + 1) + falling.sum())
    return float(np.clip(falling[int(np.argmax(expected))], 0.05, 0.95))


def _fit(rows: F64, kinds: NDArray[np.int64], prior: F64 | None) -> F64:
    """Return coefficients; `kinds` are 0 for yes, 1 for no, 2 for the background."""
    weights = _weights(kinds)
    return fit_logistic(
        rows,
        (kinds == 0).astype(np.float64),
        weights,
        penalty=PENALTY * weights.sum(),
        centre=prior,
    )


def _weights(kinds: NDArray[np.int64]) -> F64:
    """Return how much each row counts: yes as much as no and background together."""
    yes, no, background = (int((kinds == kind).sum()) for kind in range(3))
    weak = (BACKGROUND_WEIGHT if no else 1.0) if background else 0.0
    each = np.array(
        (1.0, (1.0 - weak) * yes / max(no, 1), weak * yes / max(background, 1)), np.float64
    )
    return each[kinds]


def _held_out_scores(
    rows: F64, kinds: NDArray[np.int64], prior: F64 | None, chance: np.random.Generator
) -> F64:
    """Return what models predict that were not taught the row, `[rows]`."""
    folds = np.empty(len(rows), np.int64)
    for kind in range(3):
        members = np.flatnonzero(kinds == kind)
        folds[chance.permutation(members)] = np.arange(len(members)) % FOLDS
    scores = np.empty(len(rows))
    for fold in range(FOLDS):
        held = folds == fold
        if not held.any():
            continue
        coefficients = _fit(rows[~held], kinds[~held], prior)
        scores[held] = rows[held] @ coefficients[:-1] + coefficients[-1]
    return scores


def _calibrate(scores: F64, kinds: NDArray[np.int64]) -> tuple[float, float]:
    """Return the slope and the offset by which scores become logits of confidences.

    J. Platt, "Probabilistic outputs for support vector machines", 1999, with a prior.

    Parameters
    ----------
    scores
        Of models that were not taught the row, `[rows]`.
    """
    crate = scores[kinds == 2]
    middle = float(np.median(crate)) if len(crate) else 0.0
    spread = float(crate.std()) if len(crate) else 0.0
    gap = max(float(scores[kinds == 0].mean()) - middle, spread, 1e-6)
    answered = kinds < 2
    slope, offset = fit_logistic(
        (scores[answered, None] - middle) / gap,
        (kinds[answered] == 0).astype(np.float64),
        np.ones(int(answered.sum())),
        penalty=SLOPE_PENALTY,
        bias_penalty=OFFSET_PENALTY,
        centre=np.array((SLOPE, OFFSET)),
    )
    scale = max(float(slope), _MIN_SLOPE) / gap
    return scale, float(offset) - scale * middle


def _score(values: F64, kinds: NDArray[np.int64], threshold: float) -> TagScore | None:
    is_yes, is_no = kinds == 0, kinds == 1
    if min(is_yes.sum(), is_no.sum()) < MIN_SCORED:
        return None
    predicted = values >= threshold
    hits = int((predicted & is_yes).sum())
    precision = hits / max(1, int((predicted & (is_yes | is_no)).sum()))
    recall = hits / int(is_yes.sum())
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return TagScore(precision=precision, recall=recall, f1=f1)
