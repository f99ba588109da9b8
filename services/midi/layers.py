"""Detect simultaneous drums: a second drum in a slice, besides its tagged class.

A slice has one class, but in most rhythms every second hit is two drums: a hi-hat on a kick, a kick
under a snare. The slices of one class show how loud that drum is in its characteristic band in this
recording. If a slice is as loud in that band, but its own class is weak there, it contains both.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from contracts.tagging import SoundClass
from kit.arrays import F32, AudioBlock
from kit.audio.decode import read_blocks
from kit.audio.downmix import downmix
from services.midi.drums import Hit

_FROM, _LENGTH = 0.005, 0.06
"""Start after the onset and length of the analysed stretch, in seconds: after a kick's click."""
_BANDS = ((20.0, 100.0), (1000.0, 4000.0), (7000.0, 20000.0))
"""In Hz: the kick's thump, the rattle of the snare wires, the sizzle of cymbals."""
_THUMP, _RATTLE, _SIZZLE = range(3)
_AS_LOUD = 3.0
"""Decibels below its usual level at which a drum still counts."""
_MIN_SLICES = 4
"""Minimum slices of a class to know its usual level."""
_SURE = 20.0
_HATS = frozenset({SoundClass.CLOSED_HAT, SoundClass.OPEN_HAT})
_DULL = frozenset({SoundClass.KICK, SoundClass.TOM})
_LIGHT = _HATS | {
    SoundClass.SNARE,
    SoundClass.CRASH,
    SoundClass.RIDE,
    SoundClass.SPLASH,
    SoundClass.RIM,
    SoundClass.CLAP,
}


@dataclass(frozen=True, slots=True)
class _Rule:
    """When a second drum counts as detected in a slice of another class."""

    drum: frozenset[SoundClass]
    bands: tuple[int, ...]
    """Bands in all of which it must reach its usual level."""
    within: frozenset[SoundClass]
    """Classes of the slice that the rule applies to."""


# A snare on a kick has sizzle of its own, so its rule comes first and excludes a hat.
_RULES = (
    _Rule(frozenset({SoundClass.SNARE}), (_RATTLE, _SIZZLE), frozenset({SoundClass.KICK})),
    _Rule(_HATS, (_SIZZLE,), _DULL),
    _Rule(frozenset({SoundClass.KICK}), (_THUMP,), _LIGHT),
)


def levels(path: Path, hits: Sequence[Hit], sample_rate: int) -> F32:
    """Measure the level of each band at the start of each hit.

    Parameters
    ----------
    path
        The recording that was sliced.
    hits
        In order of time.
    sample_rate
        In Hz, of the recording and of the positions of the slices.

    Returns
    -------
    ndarray
        [hits, 3], dB of an arbitrary zero.
    """
    length = round(_LENGTH * sample_rate)
    window = np.hanning(length + 2)[1:-1]
    frequencies = np.fft.rfftfreq(length, 1 / sample_rate)
    masks = [(frequencies >= low) & (frequencies < high) for low, high in _BANDS]
    starts = [hit.piece.onset + round(_FROM * sample_rate) for hit in hits]
    band_levels = np.empty((len(hits), len(_BANDS)), np.float32)
    mono = downmix(read_blocks(path), sample_rate)
    for row, stretch in zip(band_levels, _stretches(mono, starts, length), strict=True):
        power = np.abs(np.fft.rfft(stretch * window)) ** 2 / length
        row[:] = [10 * np.log10(power[mask].sum() + 1e-12) for mask in masks]
    return band_levels


def _stretches(mono: Iterable[AudioBlock], starts: Sequence[int], length: int) -> Iterator[F32]:
    """Yield stretches of a stream in one pass; the end is padded with silence."""
    kept, first, number = np.zeros(0, np.float32), 0, 0
    for block in mono:
        kept = np.concatenate([kept, block[0]])
        while number < len(starts) and starts[number] + length <= first + len(kept):
            at = starts[number] - first
            yield kept[at : at + length]
            number += 1
        if number == len(starts):
            return
        gone = min(max(0, starts[number] - first), len(kept))
        kept, first = kept[gone:], first + gone
    for start in starts[number:]:
        rest = kept[max(0, start - first) :][:length]
        yield np.pad(rest, (0, length - len(rest)))


def simultaneous_hits(hits: Sequence[Hit], measured: F32) -> list[Hit]:
    """Detect drums that sound together with the tagged drum of a slice.

    Parameters
    ----------
    hits
        Hits of a recording that contains only drums.
    measured
        From `levels`, of the same hits.

    Returns
    -------
    list
        One hit for each additional drum. Its level is the usual level of its class plus the
        difference of its bands from theirs; its confidence (not calibrated) is 0.5 at the
        threshold and 1 from 10 dB above it.
    """
    usual = {rule: _usual(rule, hits, measured) for rule in _RULES}
    second_hits: list[Hit] = []
    for hit, row in zip(hits, measured, strict=True):
        for rule, reference in usual.items():
            if hit.drum not in rule.within or reference is None:
                continue
            above = float(min(row[band] - reference.bands[band] for band in rule.bands))
            if above < -_AS_LOUD:
                continue
            confidence = min(1.0, 0.5 + (above + _AS_LOUD) / _SURE)
            second_hits.append(
                replace(
                    hit,
                    drum=reference.drum,
                    confidence=confidence,
                    level=reference.level + above,
                )
            )
            break
    return second_hits


@dataclass(frozen=True, slots=True)
class _Usual:
    """A drum's usual levels by itself in this recording."""

    drum: SoundClass
    bands: Mapping[int, float]
    level: float


def _usual(rule: _Rule, hits: Sequence[Hit], measured: F32) -> _Usual | None:
    own = [number for number, hit in enumerate(hits) if hit.drum in rule.drum]
    if len(own) < _MIN_SLICES:
        return None
    kinds = Counter(drum for number in own if (drum := hits[number].drum) is not None)
    return _Usual(
        drum=kinds.most_common(1)[0][0],
        bands={band: float(np.median(measured[own, band])) for band in rule.bands},
        level=float(np.median([hits[number].level for number in own])),
    )
