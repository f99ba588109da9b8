"""Rhythm and harmony analysis: the engine protocol and the engine."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kit.arrays import F32
from kit.audio.decode import BlockSource
from kit.audio.downmix import downmix
from kit.signal.beats import NO_BEATS, BeatTrack, Length, track_beats
from kit.signal.onsets import OnsetStrength, loudness, onset_strength
from kit.signal.tuning import TUNED_BY_SECONDS, find_tuning
from kit.worker.engines import EngineContext
from services.analysis.beat_network import FRAME_RATE, Activations, BeatNetworks, features
from services.analysis.chord_network import ChordActivations, ChordNetwork, spectra
from services.analysis.chroma import Chroma, chroma

_NETWORKS = ("beatnet-1", "beatnet-2", "beatnet-3")
"""Trained on different sets of songs; their mean is better than any of them."""
_VERSION = "1.1.3"
_CHORDS = "crema-chord"
_CHORDS_VERSION = "0.2.0"
SILENCE = 1e-5
"""Level (-100 dBFS) below which a recording counts as silent."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Onset strength, tempo and beats of a recording."""

    level: float
    """Loudness, linear; 0 is silence."""
    onset_strength: OnsetStrength
    beat_track: BeatTrack


class Engine(Protocol):
    """Analyses rhythm and harmony; memory grows with envelopes and chroma only, not with audio."""

    def run_networks(self, source: BlockSource, sample_rate: int) -> Activations:
        """Compute probabilities of beats and downbeats; memory grows by 1.2 kB for each second."""
        ...

    def run_rhythm(
        self,
        source: BlockSource,
        sample_rate: int,
        activations: Activations,
        *,
        length: Length | None,
    ) -> Rhythm:
        """Compute onset strength, tempo and beats."""
        ...

    def run_harmony(self, source: BlockSource, sample_rate: int) -> Chroma:
        """Compute tuned chroma."""
        ...

    def run_chords(self, source: BlockSource, sample_rate: int) -> ChordActivations:
        """Compute probabilities of chords; memory grows by 13 kB for each second."""
        ...


class RhythmEngine:
    """BeatNet, spectral flux and autocorrelation for rhythm, tuned chroma and CREMA for harmony.

    Parameters
    ----------
    context
        With the checkpoints that `weights.toml` lists.

    Raises
    ------
    CheckpointError
        A checkpoint is not what it should be.
    """

    name = f"BeatNet {_VERSION}, CREMA {_CHORDS_VERSION} and signal processing, numpy"

    def __init__(self, context: EngineContext) -> None:
        self._networks = BeatNetworks([context.weights[name] for name in _NETWORKS])
        self._chords = ChordNetwork(context.weights[_CHORDS])

    def run_networks(self, source: BlockSource, sample_rate: int) -> Activations:
        """Read the recording once, at 22.05 kHz."""
        return Activations(self._networks.run(features(source(), sample_rate)), FRAME_RATE)

    def run_rhythm(
        self,
        source: BlockSource,
        sample_rate: int,
        activations: Activations,
        *,
        length: Length | None,
    ) -> Rhythm:
        """Read the recording twice: for its loudness, then for its onset strength."""
        level = loudness(source(), floor=SILENCE)
        if level <= 0.0:
            return Rhythm(0.0, OnsetStrength(np.zeros((0, 4), np.float32), 1.0), NO_BEATS)
        strength = onset_strength(source(), sample_rate, level=level)
        total = strength.total
        beat = activations.beat(total.size, strength.rate)
        track = track_beats(total, strength.rate, length=length, activation=beat)
        return Rhythm(level, strength, track)

    def run_harmony(self, source: BlockSource, sample_rate: int) -> Chroma:
        """Read the first two minutes for the tuning, then the whole recording."""
        opening = downmix(_first(source(), round(TUNED_BY_SECONDS * sample_rate)), sample_rate)
        shift = find_tuning(opening, sample_rate).semitones
        return chroma(downmix(source(), sample_rate), sample_rate, shift=shift)

    def run_chords(self, source: BlockSource, sample_rate: int) -> ChordActivations:
        """Read the recording once, at 11.025 kHz."""
        return self._chords.run(spectra(source(), sample_rate))


def _first(blocks: Iterator[F32], samples: int) -> Iterator[F32]:
    seen = 0
    for block in blocks:
        yield block
        seen += block.shape[1]
        if seen >= samples:
            return


def load_engine(context: EngineContext) -> Engine:
    """Return the engine with its networks."""
    return RhythmEngine(context)
