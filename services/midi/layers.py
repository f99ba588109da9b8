"""Drums that are struck together: what else sounds in a slice than what it was tagged as.

A slice has one class, and in most rhythms every second hit is two: a hi-hat on a kick, a kick under
a snare. The recording itself says how loud its kicks, snares and hats are where they are all that
is heard, each in the band where it stands out; a slice in which that band is as loud, though it was
tagged as a drum that is weak there, holds both.
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
"""Seconds after the onset, and of the stretch that is looked at: past a kick's click."""
_BANDS = ((20.0, 100.0), (1000.0, 4000.0), (7000.0, 20000.0))
"""In Hz: the thump, the rattle of the wires, the sizzle."""
_THUMP, _RATTLE, _SIZZLE = range(3)
_AS_LOUD = 3.0
"""Decibels that a drum may be softer than its usual level and still count."""
_LEAST = 4
"""Slices of a class that it takes to know how loud it is."""
_SURE = 20.0
_HATS = frozenset({SoundClass.CLOSED_HAT, SoundClass.OPEN_HAT})
_DULL = frozenset({SoundClass.KICK, SoundClass.TOM})
_LIGHT = _HATS | {
    SoundClass.SNARE,
    SoundClass.CRASH,
    SoundClass.RIDE,
    SoundClass.RIM,
    SoundClass.CLAP,
}


@dataclass(frozen=True, slots=True)
class _Rule:
    """When a drum is heard in a slice that was tagged as another one."""

    drum: frozenset[SoundClass]
    bands: tuple[int, ...]
    """In all of which it must be as loud as it usually is."""
    within: frozenset[SoundClass]
    """What the slice was tagged as."""


# A snare on a kick has a hat's sizzle of its own, so it goes first and a hat is not looked for.
_RULES = (
    _Rule(frozenset({SoundClass.SNARE}), (_RATTLE, _SIZZLE), frozenset({SoundClass.KICK})),
    _Rule(_HATS, (_SIZZLE,), _DULL),
    _Rule(frozenset({SoundClass.KICK}), (_THUMP,), _LIGHT),
)


def levels(path: Path, hits: Sequence[Hit], sample_rate: int) -> F32:
    """Measure how loud each band is at the beginning of each hit.

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
    found = np.empty((len(hits), len(_BANDS)), np.float32)
    mono = downmix(read_blocks(path), sample_rate)
    for row, stretch in zip(found, _stretches(mono, starts, length), strict=True):
        power = np.abs(np.fft.rfft(stretch * window)) ** 2 / length
        row[:] = [10 * np.log10(power[mask].sum() + 1e-12) for mask in masks]
    return found


def _stretches(mono: Iterable[AudioBlock], starts: Sequence[int], length: int) -> Iterator[F32]:
    """Yield stretches of a stream, in one pass; past its end there is silence."""
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


def struck_too(hits: Sequence[Hit], measured: F32) -> list[Hit]:
    """Find the drums that were struck together with those that slices were tagged as.

    Parameters
    ----------
    hits
        Of a recording of nothing but drums.
    measured
        From `levels`, of the same hits.

    Returns
    -------
    list
        One hit for each drum besides the slice's own. Its level is its class's usual one, as much
        louder or softer as its bands are; its confidence is 0.5 for what just counts and 1 from
        10 dB above: an estimate.
    """
    usual = {rule: _usual(rule, hits, measured) for rule in _RULES}
    found: list[Hit] = []
    for hit, row in zip(hits, measured, strict=True):
        for rule, reference in usual.items():
            if hit.drum not in rule.within or reference is None:
                continue
            above = float(min(row[band] - reference.bands[band] for band in rule.bands))
            if above < -_AS_LOUD:
                continue
            confidence = min(1.0, 0.5 + (above + _AS_LOUD) / _SURE)
            found.append(
                replace(
                    hit,
                    drum=reference.drum,
                    confidence=confidence,
                    level=reference.level + above,
                )
            )
            break
    return found


@dataclass(frozen=True, slots=True)
class _Usual:
    """A drum as it sounds by itself in this recording."""

    drum: SoundClass
    bands: Mapping[int, float]
    level: float


def _usual(rule: _Rule, hits: Sequence[Hit], measured: F32) -> _Usual | None:
    own = [number for number, hit in enumerate(hits) if hit.drum in rule.drum]
    if len(own) < _LEAST:
        return None
    kinds = Counter(drum for number in own if (drum := hits[number].drum) is not None)
    return _Usual(
        drum=kinds.most_common(1)[0][0],
        bands={band: float(np.median(measured[own, band])) for band in rule.bands},
        level=float(np.median([hits[number].level for number in own])),
    )
