"""Presence detection: whether a separated stem contains its instrument, compared with the song.

A separation network writes something into every stem: if nobody sings, the vocal stem contains
bleed from the other instruments. Bleed is softer than the mix nearly everywhere and shares its
partials with the other stems; a real sound has partials that are in its stem alone.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contracts.music import Stem
from kit.arrays import AudioBlock
from kit.audio.decode import Measure, read_measured
from kit.audio.probe import probe
from kit.signal.spectra import Framing, frames

_BLOCK = 0.5
"""Block length of the comparison in seconds."""
_AUDIBLE_DB = -20.0
"""Level relative to the simultaneous mix above which a stem is audible in it."""
_PROMINENT_DB = -12.0
"""Level relative to the simultaneous mix above which a stem is prominent."""
_QUIETEST_DB = -40.0
"""Level relative to the loud passages of the mix below which a block is a pause."""
_ALONE = 10.0**0.9
"""A bin belongs to the stem alone if its power is 9 dB above the rest of the mix."""
_SHORTEST = 0.5
"""Minimum audible seconds of a sound."""


@dataclass(frozen=True, slots=True)
class _Evidence:
    """Thresholds for a stem into which networks write bleed if the instrument is absent."""

    own_share: float
    """Minimum share of own sound in the audible seconds."""
    own_seconds: float
    """Minimum seconds of prominent own sound …"""
    soft_seconds: float
    """… or of audible own sound: a soft sound needs more evidence."""
    emphasis: bool
    """Whether to compare first differences, which weigh hi-hats like kicks."""


# Tuned on separated recordings with and without voices, and on true drum stems mixed softer; see
# `benchmarks/presence.py`, which prints the misses and the false detections.
_EVIDENCE: Mapping[Stem, _Evidence] = {
    Stem.VOCALS: _Evidence(own_share=0.7, own_seconds=0.5, soft_seconds=3.0, emphasis=False),
    Stem.DRUMS: _Evidence(own_share=0.1, own_seconds=1.0, soft_seconds=np.inf, emphasis=True),
}
_NAMES: Mapping[Stem, str] = {
    Stem.VOCALS: "voice was",
    Stem.DRUMS: "drums were",
    Stem.BASS: "bass was",
    Stem.GUITAR: "guitar was",
    Stem.PIANO: "piano was",
    Stem.OTHER: "other instrument was",
    Stem.ACCOMPANIMENT: "accompaniment was",
}


@dataclass(frozen=True, slots=True)
class Presence:
    """How strongly a stem is present in its song.

    Parameters
    ----------
    level_db
        Energy of the stem relative to the mix, not below -200.
    audible
        Seconds in which the stem is audible in the mix.
    own
        Seconds in which it is prominent and mostly made of sound that is in no other stem.
    soft
        Seconds in which it is audible and mostly made of such sound.
    """

    level_db: float
    audible: float
    own: float
    soft: float

    def satisfies(self, evidence: _Evidence) -> bool:
        """Return whether the stem counts as present."""
        enough = evidence.own_share * self.audible
        return self.own >= max(evidence.own_seconds, enough) or self.soft >= max(
            evidence.soft_seconds, enough
        )


def measure_presence(
    stem: Path, mix: Path, *, emphasis: bool = False, measure: Measure | None = None
) -> Presence:
    """Compare the short-time spectra of a stem with those of the mix it was separated from.

    Parameters
    ----------
    stem, mix
        Audio with the same sample rate and channels; the shorter file is padded with silence.
    emphasis
        Whether to compare first differences, which lifts high frequencies by 6 dB per octave.
    measure
        Measures each of the two files in the same pass.

    Raises
    ------
    UnreadableAudio
        A file is damaged.
    ValueError
        The files differ in sample rate or channels.
    """
    facts, whole = probe(stem), probe(mix)
    if (facts.sample_rate, facts.channels) != (whole.sample_rate, whole.channels):
        raise ValueError(
            f"{stem.name} has {facts.channels} channels at {facts.sample_rate} Hz, the mix "
            f"{whole.channels} at {whole.sample_rate} Hz: it was not separated from it"
        )
    framing = Framing.of_seconds(facts.sample_rate, size=0.064, hop=0.032)
    # Both files in one stream, so that simultaneous frames arrive together.
    both = _side_by_side(read_measured(stem, measure), read_measured(mix, measure))
    powers = np.concatenate(list(_powers(both, framing, emphasis=emphasis)) or [np.zeros((0, 3))])
    count = max(1, round(_BLOCK * framing.rate))
    powers = np.pad(powers, ((0, -len(powers) % count), (0, 0)))
    own, level, mixed = powers.reshape(-1, count, 3).sum(axis=1).T
    loud = float(np.percentile(mixed, 95)) if mixed.size else 0.0
    sounds = level > loud * 10.0 ** (_QUIETEST_DB / 10.0)
    audible = sounds & (level > mixed * 10.0 ** (_AUDIBLE_DB / 10.0))
    alone = own > 0.5 * level
    prominent = audible & alone & (level > mixed * 10.0 ** (_PROMINENT_DB / 10.0))
    share = float(level.sum()) / max(float(mixed.sum()), 1e-30)
    return Presence(
        level_db=10.0 * float(np.log10(max(share, 1e-20))),
        audible=_BLOCK * int(audible.sum()),
        own=_BLOCK * int(prominent.sum()),
        soft=_BLOCK * int((audible & alone).sum()),
    )


def absence(stem: Path, mix: Path, which: Stem, *, measure: Measure | None = None) -> str | None:
    """Return a message for users if a stem's instrument is absent; `None` if it is present.

    Parameters
    ----------
    stem, mix, measure
        See `measure_presence`.
    which
        The instrument of the stem. Networks write bleed into absent vocals and drums, so these need
        own sound; any other stem only has to be audible.

    Raises
    ------
    UnreadableAudio, ValueError
        See `measure_presence`.
    """
    evidence = _EVIDENCE.get(which)
    emphasis = evidence is not None and evidence.emphasis
    presence = measure_presence(stem, mix, emphasis=emphasis, measure=measure)
    name = f"No {_NAMES.get(which, f'{which.value} was')} detected in this song"
    if presence.audible < _SHORTEST:
        return f"{name}: the {which.value} stem is {-presence.level_db:.0f} dB below the mix."
    if evidence is None or presence.satisfies(evidence):
        return None
    return (
        f"{name}: the {which.value} stem, {max(0.0, -presence.level_db):.0f} dB below the mix, "
        "contains little besides bleed from other instruments."
    )


def _side_by_side(stem: Iterable[AudioBlock], mix: Iterable[AudioBlock]) -> Iterator[AudioBlock]:
    """Yield both streams as channels of one stream, the stem's channels first."""
    parts = (iter(stem), iter(mix))
    while True:
        blocks = [next(part, None) for part in parts]
        known = [block for block in blocks if block is not None]
        if not known:
            return
        length = max(block.shape[1] for block in known)
        channels = known[0].shape[0]
        rows = [np.zeros((channels, 0), np.float32) if block is None else block for block in blocks]
        yield np.concatenate([np.pad(row, ((0, 0), (0, length - row.shape[1]))) for row in rows])


def _powers(
    both: Iterable[AudioBlock], framing: Framing, *, emphasis: bool
) -> Iterator[NDArray[np.float64]]:
    """Yield for each frame the power of own sound, of the stem and of the mix, `[frames, 3]`."""
    window = np.hanning(framing.size + 1)[:-1].astype(np.float32)
    lift = np.abs(1 - np.exp(-2j * np.pi * np.arange(framing.bins) / framing.size)) ** 2
    weights = lift if emphasis else np.ones(framing.bins)
    for batch in frames(both, framing):
        half = len(batch) // 2
        stem, mix, rest = (np.zeros((batch.shape[1], framing.bins)) for _ in range(3))
        for stem_channel, mix_channel in zip(batch[:half], batch[half:], strict=True):
            spectrum, whole = (
                np.fft.rfft(part * window, axis=1) for part in (stem_channel, mix_channel)
            )
            for total, part in ((stem, spectrum), (mix, whole), (rest, whole - spectrum)):
                total += part.real**2 + part.imag**2
        alone = np.where(stem > _ALONE * rest, stem, 0.0)
        yield np.stack([alone @ weights, stem @ weights, mix @ weights], axis=1)
