"""Whether a separated stem holds the sound that it is named after, judged against the song.

A separation network fills every stem of every song: where nobody sings, the vocal stem holds what
leaked into it from the other instruments. A leak is softer than the mix nearly everywhere, and it
shares its partials with what stayed behind in the other stems. A sound of its own has partials
that are in its stem alone.
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
"""Seconds that are compared as one."""
_AUDIBLE_DB = -20.0
"""Level over the mix of the same moment from which a stem can be heard in it."""
_PROMINENT_DB = -12.0
"""Level over the mix of the same moment from which a stem cannot be missed."""
_QUIETEST_DB = -40.0
"""Level over the loud moments of the mix below which a block is a pause."""
_ALONE = 10.0**0.9
"""A bin is the stem's own where its power is 9 dB over that of the rest of the mix."""
_SHORTEST = 0.5
"""Seconds that a sound is heard at least."""


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What it takes to believe a stem that networks fill where there is nothing."""

    own_share: float
    """Of the seconds in which the stem is audible, those in which it is a sound of its own."""
    own_seconds: float
    """So long it is prominent and a sound of its own at least …"""
    soft_seconds: float
    """… or so long it is audible and a sound of its own: a soft one takes longer to believe."""
    emphasis: bool
    """Whether differences of samples are compared, which weigh hi-hats like kicks."""


# Tuned on separated recordings with and without voices, and on true drum stems mixed softer; see
# `benchmarks/presence.py`, which prints what is missed and what is invented.
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
    """How much of a stem there is in its song.

    Parameters
    ----------
    level_db
        Energy of the stem over that of the mix, -200 at least.
    audible
        Seconds in which the stem can be heard in the mix.
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
        """Return whether this is enough to believe the stem."""
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
        Audio of one sample rate and as many channels; the shorter one is silent after its end.
    emphasis
        Whether differences of neighbouring samples are compared, which lifts high frequencies by
        6 dB an octave.
    measure
        Measures each of the two files in the same reading.

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
    # One stream of both, so that frames of the same moment come together.
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
    """Return why a stem is not believed to hold anything, for a person; `None` if it does.

    Parameters
    ----------
    stem, mix, measure
        See `measure_presence`.
    which
        What the stem is to hold. A network fills vocals and drums with what is none, so those have
        to be sounds of their own; any other stem has to be audible.

    Raises
    ------
    UnreadableAudio, ValueError
        See `measure_presence`.
    """
    evidence = _EVIDENCE.get(which)
    emphasis = evidence is not None and evidence.emphasis
    found = measure_presence(stem, mix, emphasis=emphasis, measure=measure)
    name = f"No {_NAMES.get(which, f'{which.value} was')} heard in this song"
    if found.audible < _SHORTEST:
        return f"{name}: the {which.value} stem is {-found.level_db:.0f} dB below the mix."
    if evidence is None or found.satisfies(evidence):
        return None
    return (
        f"{name}: the {which.value} stem, {max(0.0, -found.level_db):.0f} dB below the mix, holds "
        "little but what leaked into it from other instruments."
    )


def _side_by_side(stem: Iterable[AudioBlock], mix: Iterable[AudioBlock]) -> Iterator[AudioBlock]:
    """Yield both streams as channels of one, the stem's first."""
    parts = (iter(stem), iter(mix))
    while True:
        blocks = [next(part, None) for part in parts]
        known = [block for block in blocks if block is not None]
        if not known:
            return
        length = max(block.shape[1] for block in known)
        channels = known[0].shape[0]
        rows = [np.zeros((channels, 0), np.float32) if one is None else one for one in blocks]
        yield np.concatenate([np.pad(row, ((0, 0), (0, length - row.shape[1]))) for row in rows])


def _powers(
    both: Iterable[AudioBlock], framing: Framing, *, emphasis: bool
) -> Iterator[NDArray[np.float64]]:
    """Yield of each frame the stem's own power, the stem's and the mix's: `[frames, 3]`."""
    window = np.hanning(framing.size + 1)[:-1].astype(np.float32)
    lift = np.abs(1 - np.exp(-2j * np.pi * np.arange(framing.bins) / framing.size)) ** 2
    weights = lift if emphasis else np.ones(framing.bins)
    for batch in frames(both, framing):
        half = len(batch) // 2
        stem, mix, rest = (np.zeros((batch.shape[1], framing.bins)) for _ in range(3))
        for one, all_ in zip(batch[:half], batch[half:], strict=True):
            spectrum, whole = (np.fft.rfft(part * window, axis=1) for part in (one, all_))
            for total, part in ((stem, spectrum), (mix, whole), (rest, whole - spectrum)):
                total += part.real**2 + part.imag**2
        alone = np.where(stem > _ALONE * rest, stem, 0.0)
        yield np.stack([alone @ weights, stem @ weights, mix @ weights], axis=1)
