"""Logistic regression with weights, by Newton's method."""

import numpy as np

from kit.arrays import F64

_STEPS = 12
_TOLERANCE = 1e-5


def fit_logistic(
    rows: F64,
    targets: F64,
    weights: F64,
    *,
    penalty: float,
    bias_penalty: float = 1e-3,
    centre: F64 | None = None,
) -> F64:
    """Return the coefficients of an L2-penalised logistic regression.

    Parameters
    ----------
    rows
        `[rows, components]`, without a column of ones.
    targets
        0 to 1, `[rows]`.
    weights
        How much each row counts, `[rows]`.
    penalty
        Of half the squared distance of the coefficients from `centre`, without the bias.
    bias_penalty
        Of half the squared distance of the bias.
    centre
        `[components + 1]`, the bias last; zeros by default.

    Returns
    -------
    F64
        `[components + 1]`, the bias last.

    Notes
    -----
    Iteratively reweighted least squares: C. Bishop, "Pattern Recognition and Machine Learning",
    2006, 4.3.3. A step that does not lower the loss is halved.
    """
    design = np.concatenate((rows, np.ones((len(rows), 1))), axis=1)
    start = np.zeros(design.shape[1]) if centre is None else centre.astype(np.float64)
    penalties = np.full(design.shape[1], penalty)
    penalties[-1] = bias_penalty
    estimate = start.copy()
    loss = _loss(design, targets, weights, estimate, estimate - start, penalties)
    for _ in range(_STEPS):
        predicted = sigmoid(design @ estimate)
        gradient = design.T @ (weights * (predicted - targets)) + penalties * (estimate - start)
        curvature = weights * np.maximum(predicted * (1 - predicted), 1e-9)
        hessian = (design * curvature[:, None]).T @ design + np.diag(penalties)
        step = np.linalg.solve(hessian, gradient)
        scale = 1.0
        while scale > 1e-4:
            tried = estimate - scale * step
            reached = _loss(design, targets, weights, tried, tried - start, penalties)
            if reached <= loss:
                break
            scale /= 2
        else:
            return estimate
        estimate, gained, loss = tried, loss - reached, reached
        if gained < _TOLERANCE * max(1.0, loss):
            return estimate
    return estimate


def sigmoid(values: F64) -> F64:
    """Return 1 / (1 + exp(−x)) of each value."""
    result: F64 = 0.5 * (1 + np.tanh(0.5 * values))
    return result


def _loss(
    design: F64, targets: F64, weights: F64, estimate: F64, distance: F64, penalties: F64
) -> float:
    margins = design @ estimate
    losses = np.logaddexp(0.0, margins) - targets * margins
    return float(weights @ losses + 0.5 * (penalties * distance**2).sum())
