"""Fitting: an ensemble of small networks, calibrated on families that were held out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from kit.arrays import F64
from services.tagging.oneshots import CLASSES, Classifier
from tools.train_tagging.examples import Examples

MEMBERS = 4
"""Networks of the ensemble that is shipped."""
_MEMBERS_IN_FOLDS = 2
_HIDDEN = 64
_PENALTY = 1.0
_EPOCHS = 25
_CLIP = 4.0

Rows = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Predictions for sounds of families that were held out.

    Attributes
    ----------
    logits
        `[rows, classes]`, of every row of a real family.
    probabilities
        The same, with temperatures that were found without that family.
    temperature
        Found on all of them: that of the weights which are shipped.
    """

    logits: F64
    probabilities: F64
    temperature: float


def fit(examples: Examples, rows: Rows, members: int) -> Classifier:
    """Fit an ensemble to some rows; its temperature is 1."""
    chosen = examples.features[rows]
    mean = chosen.mean(axis=0, dtype=np.float64).astype(np.float16).astype(np.float32)
    scale = (chosen.std(axis=0, dtype=np.float64) + 1e-3).astype(np.float32)
    scaled = np.clip((chosen - mean) / scale, -_CLIP, _CLIP)
    labels = examples.labels[rows]
    weights = examples.weights(rows)[rows]
    networks = [_network(scaled, labels, weights, seed) for seed in range(members)]
    return Classifier(
        mean=mean,
        scale=scale,
        first=_half([network.coefs_[0] for network in networks]),
        first_bias=_half([network.intercepts_[0] for network in networks]),
        second=_half([_every_class(network.coefs_[1], network) for network in networks]),
        second_bias=_half([_every_class(network.intercepts_[1], network) for network in networks]),
        temperature=1.0,
    )


def _network(scaled: NDArray[np.float32], labels: object, weights: F64, seed: int) -> MLPClassifier:
    network = MLPClassifier(
        (_HIDDEN,),
        alpha=_PENALTY,
        batch_size=128,
        learning_rate_init=1e-3,
        max_iter=_EPOCHS,
        n_iter_no_change=_EPOCHS,
        random_state=seed,
    )
    return network.fit(scaled, labels, sample_weight=weights)


def _every_class(values: NDArray[np.generic], network: MLPClassifier) -> NDArray[np.float64]:
    """Return an output for every class; an untrained class gets almost no probability."""
    shape = (*values.shape[:-1], len(CLASSES))
    everything = np.full(shape, 0.0 if values.ndim == 2 else -8.0)
    everything[..., network.classes_] = values
    return everything


def _half(arrays: list[NDArray[np.generic]]) -> NDArray[np.float32]:
    """Round to half precision, in which weights are stored, so that figures hold for those."""
    return np.stack(arrays).astype(np.float16).astype(np.float32)


def cross_validate(examples: Examples, permitted: Rows) -> HeldOut:
    """Hold out each family in turn.

    Parameters
    ----------
    examples
        Everything.
    permitted
        `[rows]`: which may be learnt from; all are measured.
    """
    families = examples.families
    logits = np.zeros((len(families), len(CLASSES)))
    for family in np.unique(families):
        out = families == family
        rows = ~out & permitted & examples.learnt
        logits[out] = fit(examples, rows, _MEMBERS_IN_FOLDS).logits(examples.features[out])
    licensed = np.array([bool(sound.licence) for sound in examples.sounds])[examples.sound]
    probabilities = np.zeros_like(logits)
    for family in np.unique(families):
        out = families == family
        probabilities[out] = _softmax(logits[out] / _temperature(examples, logits, ~out & licensed))
    return HeldOut(logits, probabilities, _temperature(examples, logits, licensed))


def _temperature(examples: Examples, logits: F64, rows: Rows) -> float:
    """Return the temperature at which the right classes are most probable."""
    labels = examples.labels[rows]
    weights = examples.weights(rows)[rows]
    grid = np.round(np.geomspace(0.3, 4.0, 120), 4)
    losses = []
    for temperature in grid:
        odds = _softmax(logits[rows] / temperature)
        right = np.maximum(odds[np.arange(len(labels)), labels], 1e-9)
        losses.append(-(weights * np.log(right)).sum())
    return float(grid[int(np.argmin(losses))])


def _softmax(logits: F64) -> F64:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float64)


def write(classifier: Classifier, temperature: float, path: Path) -> None:
    """Write weights: the same arrays give the same bytes."""
    np.savez(
        path,
        classes=np.array(CLASSES),
        mean=classifier.mean.astype(np.float16),
        scale=classifier.scale,
        first=classifier.first.astype(np.float16),
        first_bias=classifier.first_bias.astype(np.float16),
        second=classifier.second.astype(np.float16),
        second_bias=classifier.second_bias.astype(np.float16),
        temperature=np.array([temperature], np.float32),
    )
