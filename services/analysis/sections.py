"""Section analysis: boundaries by Foote's novelty, similar parts and their roles. Pure numpy."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from contracts.analysis import SectionRole
from kit.arrays import F64
from services.analysis.chroma import unit_rows

_REACH_SECONDS = 10.0
"""Seconds that are compared before and after each boundary."""
_SHORTEST_SECONDS = 6.0
_PROMINENCE = 0.35
"""How far a peak must stand out, as a part of the largest possible change."""
_ALIKE = 0.75
"""Minimum correlation of two parts with the same letter."""
_BRIDGE = 2
"""Parts within which one that repeats follows a bridge."""
_LOUDER_DB = 1.5
"""How much louder a part is that must be the chorus, wherever it is."""


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


def roles(parts: Sequence[FormPart], levels: F64) -> list[SectionRole | None]:
    """Estimate what the parts of a song are.

    Of the two parts that repeat for the longest time, the second to begin is the chorus and the
    first the verse, unless the first is clearly louder. If only one repeats, it is the chorus where
    it is clearly louder than the rest. What comes only at the beginning and at the end is the intro
    and the outro; what comes once, between a chorus and a part that repeats, is a bridge. Without
    parts that repeat, nothing is said.

    Parameters
    ----------
    parts
        From `find_parts`.
    levels
        Level of each span in dB, `[spans]`.

    Returns
    -------
    list
        The role of each part; `None` where neither repetition nor loudness says enough.
    """
    members = {
        group: [part for part in parts if part.group == group]
        for group in dict.fromkeys(part.group for part in parts)
    }
    # Dictionaries keep the order in which the groups begin, and so does a stable sort.
    framing = {g for g, some in members.items() if {*some} <= {parts[0], parts[-1]}}
    repeated = [g for g, some in members.items() if len(some) > 1 and g not in framing]
    longest = sorted(repeated, key=lambda group: -_spans(members[group]))[:2]
    by_group: dict[int, SectionRole] = {}
    if len(longest) == 2:
        verse, chorus = sorted(longest, key=list(members).index)
        if _level(members[verse], levels) > _level(members[chorus], levels) + _LOUDER_DB:
            verse, chorus = chorus, verse
        by_group = {verse: SectionRole.VERSE, chorus: SectionRole.CHORUS}
    elif longest:
        rest = _level([part for part in parts if part.group != longest[0]], levels)
        is_louder = _level(members[longest[0]], levels) > rest + _LOUDER_DB
        by_group = {longest[0]: SectionRole.CHORUS if is_louder else SectionRole.VERSE}
    chosen: list[SectionRole | None] = []
    for place, part in enumerate(parts):
        role = by_group.get(part.group)
        if repeated and part.group in framing:
            role = SectionRole.INTRO if place == 0 else SectionRole.OUTRO
        elif repeated and len(members[part.group]) == 1:
            later = [other.group in repeated for other in parts[place + 1 : place + 1 + _BRIDGE]]
            if SectionRole.CHORUS in chosen and any(later):
                role = SectionRole.BRIDGE
        chosen.append(role)
    return chosen


def _spans(parts: Sequence[FormPart]) -> int:
    return sum(part.last - part.first for part in parts)


def _level(parts: Sequence[FormPart], levels: F64) -> float:
    """Return the mean level of parts in dB; infinity without any, as nothing is louder."""
    if not parts:
        return np.inf
    return float(np.concatenate([levels[part.first : part.last] for part in parts]).mean())


def letter(group: int) -> str:
    """Return `A` to `Z`, then `AA` and so on."""
    if group < 26:
        return chr(65 + group)
    return chr(64 + min(26, group // 26)) + chr(65 + group % 26)
