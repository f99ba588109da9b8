"""Drum kits of the training data: instruments with layers of loudness, from labelled sounds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from kit.arrays import F32
from services.midi.strokes.features import DRUMS
from tools.train_drums.grooves import Chance
from tools.train_tagging.sounds import Sound

HELD_OUT = frozenset({"forzee", "bja", "timgm"})
"""Families that are only validated with: two acoustic kits, and a General MIDI sound font."""
_COMPLETE = frozenset({"kick", "snare", "closed_hat"})
_ONE_KIT = 0.7
"""Share of pieces that are played on one kit; others mix drums of several."""
_LAYERS = 6


@dataclass(slots=True)
class Instrument:
    """One drum, its recordings from soft to hard, each with a peak of 1."""

    layers: list[F32]


@dataclass(slots=True)
class Kit:
    """The instruments of a kit by drum."""

    family: str
    drums: dict[str, list[Instrument]] = field(default_factory=dict)


def kits_of(sounds: Iterable[Sound]) -> list[Kit]:
    """Arrange sounds as kits; each preset of a sound font is a kit."""
    grouped: dict[tuple[str, str], dict[str, dict[str, list[tuple[float, F32]]]]] = {}
    for sound in sounds:
        if sound.label not in DRUMS or sound.held_out:
            continue
        audio = _from_onset(sound.audio)
        if audio.size < 200:
            continue
        peak = float(np.abs(sound.audio).max())
        place, parts = sound.kit, sound.name.split(":")
        instrument, order = sound.instrument, peak
        if len(parts) == 4:
            place = f"{sound.kit} {parts[0]}:{parts[1]}"
            instrument, order = ":".join(parts[:3]), float(parts[3])
        by_drum = grouped.setdefault((sound.family, place), {})
        by_drum.setdefault(sound.label, {}).setdefault(instrument, []).append((order, audio / peak))
    kits = []
    for (family, _), by_drum in sorted(grouped.items()):
        kit = Kit(family)
        for drum, instruments in sorted(by_drum.items()):
            for _, layers in sorted(instruments.items()):
                ordered = [audio for _, audio in sorted(layers, key=lambda layer: layer[0])]
                chosen = np.unique(np.linspace(0, len(ordered) - 1, _LAYERS).round().astype(int))
                kit.drums.setdefault(drum, []).append(Instrument([ordered[i] for i in chosen]))
        kits.append(kit)
    return kits


def _from_onset(audio: F32) -> F32:
    """Cut what comes before the stroke, so that its time is exact."""
    level = np.abs(audio)
    loud = np.flatnonzero(level > 0.06 * level.max(initial=0.0))
    start = max(0, int(loud[0]) - 44) if loud.size else 0
    return np.asarray(audio[start:], np.float32)


def assemble(chance: Chance, kits: list[Kit]) -> Mapping[str, list[Instrument]]:
    """Draw the kit of a piece: up to three instruments for each drum.

    Parameters
    ----------
    chance
        The piece's generator.
    kits
        The kits that may be drawn; families have equal shares.
    """
    families = sorted({kit.family for kit in kits})

    def draw(needed: frozenset[str]) -> Kit:
        while True:
            family = families[int(chance.integers(len(families)))]
            fitting = [k for k in kits if k.family == family and needed <= k.drums.keys()]
            if fitting:
                return fitting[int(chance.integers(len(fitting)))]

    base = draw(_COMPLETE)
    own = chance.random() < _ONE_KIT
    chosen = {}
    for drum in DRUMS:
        kit = base if own and drum in base.drums else draw(frozenset({drum}))
        instruments = kit.drums[drum]
        order = chance.permutation(len(instruments))[:3]
        chosen[drum] = [instruments[int(i)] for i in order]
    return chosen
