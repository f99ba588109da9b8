"""What sounds differ in, by their measured values; see `contracts.similarity.SimilarityAspects`."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from contracts.search import MeasuredField
from contracts.similarity import SimilarityDials

Gaps = NDArray[np.float64]
"""Differences, 0 to 1; NaN where one of the two sounds has no such value, `[sounds]`."""
Values = Mapping[str, NDArray[np.floating]]
"""Measured values by the names of `MeasuredField`, NaN where not known, `[sounds]` each."""
MeasuredValues = Mapping[str, float | None]
"""Measured values of one sound by the names of `MeasuredField`."""
ASPECTS = ("timbre", "pitch", "rhythm", "envelope", "loudness")
DIALLED = ("pitch", "rhythm", "envelope", "loudness")
"""Aspects whose dial counts measured values; that of timbre counts the vectors."""
COMPARED = tuple(measure.value for measure in MeasuredField)
"""Measured values that are compared."""
_SMALLEST = 1e-4
"""Smaller numbers count as this one where ratios are compared."""


def aspect_gaps(
    values: Values, examples: Sequence[tuple[MeasuredValues, float]]
) -> dict[str, Gaps]:
    """Return how much sounds differ from examples, by aspect.

    Parameters
    ----------
    examples
        Sounds to compare with and their weights. The difference is the mean over those with a
        positive weight.

    Returns
    -------
    dict
        The aspects that are known of at least one of these examples.
    """
    sums: dict[str, Gaps] = {}
    weights: dict[str, Gaps] = {}
    for measured, weight in examples:
        if weight <= 0:
            continue
        for aspect, gaps in _of_one(values, measured).items():
            known = ~np.isnan(gaps)
            sums[aspect] = sums.get(aspect, 0.0) + weight * np.where(known, gaps, 0.0)
            weights[aspect] = weights.get(aspect, 0.0) + weight * known
    with np.errstate(invalid="ignore"):
        return {aspect: sums[aspect] / weights[aspect] for aspect in sums}


def dialled_distances(distances: Gaps, gaps: Mapping[str, Gaps], dials: SimilarityDials) -> Gaps:
    """Return distances as dials weigh them, `[sounds]`.

    The mean, by the weights of the dials, of the vectors' distances and of the differences in
    those aspects that the examples have; a sound without the value differs by 1.

    Parameters
    ----------
    distances
        1 − cosine of the vectors, `[sounds]`.

    Raises
    ------
    ValueError
        No dial is up, or only dials of aspects that the examples do not have.
    """
    total = dials.timbre
    mean = dials.timbre * distances
    for aspect in DIALLED:
        weight = getattr(dials, aspect)
        if weight and aspect in gaps:
            mean = mean + weight * np.nan_to_num(gaps[aspect], nan=1.0)
            total += weight
    if not total:
        raise ValueError("no dial is up")
    return np.asarray(mean / total, np.float64)


def _of_one(values: Values, measured: MeasuredValues) -> dict[str, Gaps]:
    return {
        aspect: gaps
        for aspect, parts in (
            (
                "timbre",
                (
                    _ratio(values, measured, MeasuredField.BRIGHTNESS, octaves=3),
                    _gap(values, measured, MeasuredField.NOISINESS, whole=0.5),
                ),
            ),
            ("pitch", (_ratio(values, measured, MeasuredField.PITCH, octaves=1),)),
            ("rhythm", (_tempo_gap(values, measured),)),
            (
                "envelope",
                (
                    _ratio(values, measured, MeasuredField.ATTACK, octaves=4),
                    _ratio(values, measured, MeasuredField.DURATION, octaves=4),
                ),
            ),
            ("loudness", (_gap(values, measured, MeasuredField.LOUDNESS, whole=24.0),)),
        )
        if (gaps := _mean([part for part in parts if part is not None])) is not None
    }


def _mean(parts: Sequence[Gaps]) -> Gaps | None:
    """Return the mean of the parts that are known."""
    if not parts:
        return None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice")
        return np.asarray(np.nanmean(np.stack(parts), axis=0), np.float64)


def _gap(
    values: Values, measured: MeasuredValues, field: MeasuredField, *, whole: float
) -> Gaps | None:
    value = measured.get(field.value)
    if value is None:
        return None
    return np.minimum(1.0, np.abs(np.asarray(values[field.value], np.float64) - value) / whole)


def _octaves(values: Values, measured: MeasuredValues, field: MeasuredField) -> Gaps | None:
    value = measured.get(field.value)
    if value is None:
        return None
    others = np.maximum(np.asarray(values[field.value], np.float64), _SMALLEST)
    return np.abs(np.log2(others / max(value, _SMALLEST)))


def _ratio(
    values: Values, measured: MeasuredValues, field: MeasuredField, *, octaves: float
) -> Gaps | None:
    distance = _octaves(values, measured, field)
    return None if distance is None else np.minimum(1.0, distance / octaves)


def _tempo_gap(values: Values, measured: MeasuredValues) -> Gaps | None:
    distance = _octaves(values, measured, MeasuredField.BPM)
    return None if distance is None else 2.0 * np.abs(distance - np.round(distance))
