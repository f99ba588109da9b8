"""Section analysis: boundaries by Foote's novelty, and similar parts. Pure numpy."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kit.arrays import F64
from services.analysis.chroma import unit_rows

_REACH_SECONDS = 10.0
"""Seconds that are compared before and after each boundary."""
_SHORTEST_SECONDS = 6.0
_PROMINENCE = 0.35
"""How far a peak must stand out, as a part of the largest possible change."""
_ALIKE = 0.75
"""Minimum correlation of two parts with the same letter."""


@dataclass(frozen=True, slots=True)
class FormPart:
    """A part of the form."""

    first: int
    """Index of its first span."""
    last: int
    """One past its last span."""
    group: int
    """Similar parts have the same number; 0 comes first."""
    confidence: float
    """Novelty at its start, 0 to 1."""


def describe(treble: F64, bands: F64) -> F64:
    """Compute features of each span, `[spans, features]`: harmony and timbre, equally weighted.

    Parameters
    ----------
    treble
        Chroma, `[spans, 12]`.
    bands
        Levels of mel bands in dB, `[spans, bands]`.
    """
    parts = []
    for values in (unit_rows(treble), bands):
        centred = values - values.mean(axis=0)
        spread = float(np.sqrt(np.mean(np.sum(centred**2, axis=1))))
        parts.append(centred / spread if spread > 1e-9 else centred * 0.0)
    return np.concatenate(parts, axis=1)


def novelty(features: F64, *, reach: int) -> F64:
    """Compute a novelty curve with a checkerboard kernel over the self-similarity matrix.

    J. Foote, "Automatic audio segmentation using a measure of audio novelty", 2000, with a
    tapered kernel; only the band around the diagonal is ever computed.

    Parameters
    ----------
    features
        `[spans, features]`.
    reach
        Half the size of the kernel, in spans.

    Returns
    -------
    F64
        `[spans]`, 0 to 1: 1 if both sides are uniform and opposite to each other.
    """
    spans = features.shape[0]
    side = np.arange(-reach, reach) + 0.5
    taper = np.exp(-0.5 * (side / (0.5 * reach)) ** 2)
    kernel = np.sign(side)[:, None] * np.sign(side)[None, :] * taper[:, None] * taper[None, :]
    kernel /= np.abs(kernel).sum()
    padded = np.pad(unit_rows(features), ((reach, reach), (0, 0)))
    curve = np.zeros(spans)
    for span in range(spans):
        window = padded[span : span + 2 * reach]
        curve[span] = float(np.sum(kernel * (window @ window.T)))
    return np.clip(curve, 0.0, 1.0)


def find_parts(features: F64, times: F64) -> list[FormPart]:
    """Segment a piece at novelty peaks, and label similar segments.

    Parameters
    ----------
    features
        `[spans, features]` from `describe`.
    times
        Edges of the spans in seconds, `[spans + 1]`.

    Returns
    -------
    list of Part
        At least one, without gaps.
    """
    spans = features.shape[0]
    usual = float(np.median(np.diff(times))) if spans else 1.0
    reach = max(4, round(_REACH_SECONDS / max(usual, 1e-3)))
    if spans < 2 * reach:
        return [FormPart(0, spans, 0, 1.0)] if spans else []
    curve = novelty(features, reach=reach)
    # At both ends the padding around the piece would look like a change.
    edge = reach // 2
    curve[:edge] = 0.0
    curve[spans - edge :] = 0.0
    apart = max(1, round(_SHORTEST_SECONDS / usual))
    cuts: list[int] = []
    for span in np.argsort(-curve, kind="stable"):
        if curve[span] < _PROMINENCE * max(0.2, float(curve.max())):
            break
        if all(abs(int(span) - cut) >= apart for cut in cuts):
            cuts.append(int(span))
    edges = [0, *sorted(cuts), spans]
    highest = max(float(curve.max()), 1e-9)
    means: list[F64] = []
    parts: list[FormPart] = []
    for first, last in pairwise(edges):
        mean = features[first:last].mean(axis=0)
        mean = mean / max(float(np.linalg.norm(mean)), 1e-9)
        likeness = [float(mean @ known) for known in means]
        if likeness and max(likeness) >= _ALIKE:
            group = int(np.argmax(likeness))
        else:
            group = len(means)
            means.append(mean)
        confidence = 1.0 if first == 0 else float(curve[first]) / highest
        parts.append(FormPart(first, last, group, confidence))
    return parts


def letter(group: int) -> str:
    """Return `A` to `Z`, then `AA` and so on."""
    if group < 26:
        return chr(65 + group)
    return chr(64 + min(26, group // 26)) + chr(65 + group % 26)
