"""Figures of merit of a classifier of one-shots, and their tables."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F64
from services.tagging.oneshots import CLASSES

Labels = NDArray[np.int64]

COARSE = {
    "kick": ("kick",),
    "snare": ("snare",),
    "cymbal": ("closed_hat", "open_hat", "crash", "ride", "splash"),
    "tom": ("tom",),
    "loop": ("loop",),
}
"""The five classes of which accuracy is promised."""


def accuracy(probabilities: F64, labels: Labels) -> float:
    """Return the share of sounds whose most probable class is right."""
    return float((probabilities.argmax(axis=1) == labels).mean())


def recall(probabilities: F64, labels: Labels) -> float:
    """Return the mean recall over the classes."""
    right = probabilities.argmax(axis=1) == labels
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def coarse(probabilities: F64, labels: Labels) -> tuple[float, float, int]:
    """Return accuracy on sounds of the five classes, and their number.

    The first figure chooses among the five; for the second, the most probable of all classes
    must be one of the right five.
    """
    columns = [[CLASSES.index(name) for name in names] for names in COARSE.values()]
    belongs = np.full(len(CLASSES), -1)
    for place, members in enumerate(columns):
        belongs[members] = place
    chosen = belongs[labels] >= 0
    truth = belongs[labels[chosen]]
    summed = np.stack([probabilities[chosen][:, each].sum(axis=1) for each in columns], axis=1)
    among_five = float((summed.argmax(axis=1) == truth).mean())
    among_all = float((belongs[probabilities[chosen].argmax(axis=1)] == truth).mean())
    return among_five, among_all, int(chosen.sum())


def calibration_error(probabilities: F64, labels: Labels, *, bins: int = 10) -> float:
    """Return the expected calibration error, 0 to 1.

    The mean over bins of confidence of the distance between confidence and accuracy, weighted by
    the number of sounds (C. Guo et al., "On calibration of modern neural networks", ICML 2017).
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    error = 0.0
    for bin_ in np.unique(place):
        inside = place == bin_
        error += inside.mean() * abs(float(confidence[inside].mean() - right[inside].mean()))
    return error


def confusion(probabilities: F64, labels: Labels) -> Iterator[str]:
    """Yield a Markdown table: rows are true classes, columns predicted ones."""
    guesses = probabilities.argmax(axis=1)
    yield "| is \\ taken for | " + " | ".join(CLASSES) + " | found |"
    yield "|---|" + "---:|" * (len(CLASSES) + 1)
    for row, name in enumerate(CLASSES):
        of_class = guesses[labels == row]
        counts = np.bincount(of_class, minlength=len(CLASSES))
        cells = [
            f"**{count}**" if column == row else str(count or "·")
            for column, count in enumerate(counts)
        ]
        share = f"{counts[row] / of_class.size:.3f}" if of_class.size else "–"
        yield f"| {name} | " + " | ".join(cells) + f" | {share} |"


def thresholds(probabilities: F64, labels: Labels, levels: Sequence[float]) -> Iterator[str]:
    """Yield a Markdown table: what a threshold, under which a sound is `unknown`, leaves."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    yield "| threshold | answered | of these right |"
    yield "|---:|---:|---:|"
    for level in levels:
        answered = confidence >= level
        share = right[answered].mean() if answered.any() else float("nan")
        yield f"| {level:.2f} | {answered.mean():.3f} | {share:.3f} |"
