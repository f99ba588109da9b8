"""The drum network's input: a mel spectrogram in decibels. Numpy only."""

from collections.abc import Iterable, Iterator

import numpy as np

from kit.arrays import F32
from kit.signal.spectra import Framing, magnitudes, mel_bands

RATE = 44_100
"""Hz of the audio that is analysed."""
FRAMING = Framing(RATE, 2048, 441)
"""One frame every 10 ms."""
BANDS = 80
"""Mel bands from 25 Hz to 17 kHz."""
DRUMS = (
    "kick",
    "snare",
    "clap",
    "rim",
    "closed_hat",
    "open_hat",
    "tom",
    "crash",
    "ride",
    "percussion",
)
"""The classes of the network's outputs, named as in `contracts.tagging.SoundClass`."""
FLOOR_DB = -85.0
"""Level of silence, relative to a full-scale sine in one bin."""
_MEL = mel_bands(FRAMING, low=25.0, high=17_000.0, bands=BANDS)


def mel_powers(blocks: Iterable[F32]) -> Iterator[F32]:
    """Compute the mel spectrogram of a stream.

    Parameters
    ----------
    blocks
        Mono audio at `RATE`, each block `[1, samples]`, full scale ±1.

    Yields
    ------
    F32
        Powers, `[frames, BANDS]`, ≥ 0; frame `t` is centred on sample `441 · t`.
    """
    for magnitude in magnitudes(blocks, FRAMING):
        yield np.square(magnitude) @ _MEL.T


def scaled(powers: F32) -> F32:
    """Return powers as decibels in the network's range: 0 at the floor, 1 at -25 dB."""
    decibels = 10.0 * np.log10(np.maximum(powers, 10.0 ** (FLOOR_DB / 10.0)))
    return np.asarray((decibels - FLOOR_DB) / 60.0, np.float32)
