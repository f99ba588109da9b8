"""MusiCNN's front end: log-mel spectrogram patches of three seconds. Pure numpy."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F32
from kit.signal.spectra import Framing, frames

RATE = 16_000
"""Hz."""
SIZE, HOP = 512, 256
BANDS = 96
PATCH = 187
"""Frames of a patch: three seconds."""
_LINEAR = 200.0 / 3.0
"""Hz of a mel below 1 kHz in Slaney's scale."""
_KNEE = 1000.0
_STEP = float(np.log(6.4)) / 27.0
"""Logarithmic step of a mel above it."""


def slaney_bank(framing: Framing, *, bands: int) -> NDArray[np.float64]:
    """Build a mel filter bank on Slaney's scale, 0 Hz to Nyquist, with filters of equal area.

    Parameters
    ----------
    framing
        Framing of the spectra.
    bands
        Number of filters.

    Returns
    -------
    NDArray[float64]
        `[bands, bins]`.

    Notes
    -----
    M. Slaney, "Auditory Toolbox", Interval Research 1998, as implemented by librosa, which the
    original uses.
    """
    highest = _KNEE / _LINEAR + np.log(framing.sample_rate / 2.0 / _KNEE) / _STEP
    mels = np.linspace(0.0, highest, bands + 2)
    above = _KNEE * np.exp(_STEP * (mels - _KNEE / _LINEAR))
    edges = np.where(mels < _KNEE / _LINEAR, _LINEAR * mels, above)
    frequencies = np.arange(framing.bins) * framing.sample_rate / framing.size
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (frequencies - left) / (centre - left)
    falling = (right - frequencies) / (right - centre)
    bank: NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling))
    return bank * (2.0 / (right - left))


_FRAMING = Framing(RATE, SIZE, HOP)
_BANK = slaney_bank(_FRAMING, bands=BANDS).T.astype(np.float32)
_WINDOW = np.hanning(SIZE + 1)[:-1].astype(np.float32)


def log_mel(blocks: Iterable[F32]) -> Iterator[F32]:
    """Compute the log-mel spectrogram of a stream.

    Parameters
    ----------
    blocks
        Mono audio at 16 kHz, each block `[1, samples]`.

    Yields
    ------
    F32
        `[frames, 96]`, ≥ 0: `log10(1 + 10000 · power)`. In float32 throughout: the original casts
        the power to float16, whose product with 10000 overflows on loud audio.
    """
    for batch in frames(blocks, _FRAMING):
        spectrum = np.fft.rfft(batch[0] * _WINDOW, axis=1)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        yield np.log10(np.float32(1.0) + np.float32(10_000.0) * (power @ _BANK))


def patches(spectra: Iterable[F32]) -> Iterator[F32]:
    """Cut a spectrogram into patches of three seconds.

    Parameters
    ----------
    spectra
        Consecutive frames, `[frames, 96]`.

    Yields
    ------
    F32
        `[187, 96]`, consecutive, without overlap. As in the original, an incomplete last patch is
        dropped, but audio shorter than a patch is repeated to fill one, as in training.
    """
    held = np.zeros((0, BANDS), np.float32)
    whole = False
    for part in spectra:
        held = np.concatenate([held, part])
        while len(held) >= PATCH:
            yield held[:PATCH]
            held, whole = held[PATCH:], True
    if len(held) and not whole:
        yield np.tile(held, (-(-PATCH // len(held)), 1))[:PATCH]
