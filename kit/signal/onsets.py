"""Onset detection: a spectral-flux onset-strength envelope, and peak picking on it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F32, F64
from kit.signal.spectra import Framing, log_bands, magnitudes


@dataclass(frozen=True, slots=True)
class OnsetStrength:
    """A spectral-flux onset-strength envelope, by frequency range.

    Parameters
    ----------
    values
        `[frames, groups]`: ranges of neighbouring bands from low to high, each ≥ 0.
    rate
        Frames a second.
    """

    values: F32
    rate: float

    @property
    def total(self) -> F64:
        """The sum over the groups, `[frames]`."""
        total: F64 = self.values.sum(axis=1, dtype=np.float64)
        return total


GROUPS_HZ = (30.0, 150.0, 600.0, 2500.0)
"""Lower edges of the band groups of `OnsetStrength` in Hz: kick and bass, body, snare, cymbals."""


def loudness(blocks: Iterable[F32], *, floor: float = 1e-5) -> float:
    """Measure the level of a recording's loud passages, linear.

    The 95th percentile of the root mean square of blocks of 2048 samples, among blocks above
    `floor`; 0 if there are none. Neither long silence nor a single click moves it far.
    """
    levels: list[NDArray[np.float32]] = []
    for block in blocks:
        if not block.shape[1]:
            continue
        # A shorter block is measured whole; the remainder of a longer one is dropped.
        size = min(2048, block.shape[1])
        count = block.shape[1] // size
        body = block[:, : count * size].reshape(block.shape[0], count, size)
        levels.append(np.sqrt(np.mean(body**2, axis=(0, 2))))
    if not levels:
        return 0.0
    joined = np.concatenate(levels)
    joined = joined[joined > floor]
    return float(np.percentile(joined, 95)) if joined.size else 0.0


def onset_strength(
    blocks: Iterable[F32],
    sample_rate: int,
    *,
    level: float,
    size: float = 0.0232,
    hop: float = 0.005,
    compression: float = 100.0,
) -> OnsetStrength:
    """Compute a spectral-flux onset-strength envelope with a maximum filter (SuperFlux).

    S. Böck and G. Widmer, "Maximum filter vibrato suppression for onset detection", DAFx 2013:
    the flux of logarithmically compressed magnitudes in half-semitone bands, each compared with
    the maximum of its neighbouring bands some frames earlier, so that vibrato causes no onset.

    Parameters
    ----------
    blocks
        Audio, each block `[channels, samples]`.
    sample_rate
        In Hz.
    level
        The recording's loudness, linear (see `loudness`): makes the envelope independent of gain.
    size, hop
        Of the frames, in seconds.
    compression
        Magnitudes are mapped to `log10(1 + compression · magnitude / level)`.

    Returns
    -------
    OnsetStrength
        The envelope; it takes 16 bytes for each 5 ms of audio.
    """
    framing = Framing.of_seconds(sample_rate, size=size, hop=hop)
    bank = log_bands(framing, low=GROUPS_HZ[0], high=17_000.0, per_octave=24)
    centres = bank @ (np.arange(framing.bins) * sample_rate / framing.size)
    group = np.searchsorted(GROUPS_HZ, centres, side="right") - 1
    member = np.zeros((bank.shape[0], len(GROUPS_HZ)), np.float32)
    member[np.arange(bank.shape[0]), np.clip(group, 0, len(GROUPS_HZ) - 1)] = 1.0 / bank.shape[0]
    # A frame is compared with the one half a window earlier: against the frame just before it, a
    # rise that takes a whole window to enter would be split over several frames.
    lag = max(1, round(0.4 * framing.size / framing.hop))
    gain = compression / max(level, 1e-9)
    before = np.zeros((lag, bank.shape[0]), np.float32)
    out: list[F32] = []
    for batch in magnitudes(blocks, framing, gain=gain):
        bands = np.log10(1.0 + batch @ bank.T)
        past = np.concatenate([before, bands])
        wide = past.copy()
        np.maximum(wide[:, 1:], past[:, :-1], out=wide[:, 1:])
        np.maximum(wide[:, :-1], past[:, 1:], out=wide[:, :-1])
        flux = np.maximum(0.0, bands - wide[: len(bands)])
        out.append(flux @ member)
        before = past[len(past) - lag :]
    if not out:
        return OnsetStrength(np.zeros((0, len(GROUPS_HZ)), np.float32), framing.rate)
    return OnsetStrength(np.concatenate(out), framing.rate)


def detect_onsets(
    curve: F64,
    rate: float,
    *,
    threshold: float = 0.08,
    spacing: float = 0.03,
) -> tuple[NDArray[np.int64], F64]:
    """Detect onsets: pick the peaks of an onset-strength envelope above an adaptive threshold.

    Parameters
    ----------
    curve
        `[frames]`, ≥ 0.
    rate
        Frames a second.
    threshold
        Minimum height of a peak above the mean of the 0.17 s around it, as a fraction of the
        reference height: the median height of all peaks, weighted by height. A higher threshold
        drops soft hits, a lower one admits noise.
    spacing
        Minimum time between two onsets, in seconds; of two closer ones the first is kept.

    Returns
    -------
    frames
        Frame indices of the peaks, ascending.
    strengths
        Height of each peak above its surroundings, in units of the reference height.
    """
    nothing = np.zeros(0, np.int64), np.zeros(0)
    if curve.size < 3 or curve.max() <= 0:
        return nothing
    smooth = np.convolve(np.pad(curve, 1, mode="edge"), (0.25, 0.5, 0.25), mode="valid")
    surrounding = moving(smooth, before=round(0.1 * rate), after=round(0.07 * rate), over=np.mean)
    reach = round(0.03 * rate)
    highest = moving(smooth, before=reach, after=reach, over=np.max)
    height = smooth - surrounding
    candidates = np.flatnonzero((smooth >= highest) & (height > 0))
    if not candidates.size:
        return nothing
    # The reference is a median weighted by height: many small ripples cannot pull it down, and
    # one great crash cannot pull it up.
    falling = np.sort(height[candidates])[::-1]
    share = np.cumsum(falling)
    reference = falling[np.searchsorted(share, 0.5 * share[-1])]
    kept: list[int] = []
    for frame in candidates[height[candidates] > threshold * reference]:
        if not kept or frame - kept[-1] > spacing * rate:
            kept.append(int(frame))
    chosen = np.array(kept, np.int64)
    return chosen, height[chosen] / reference


def moving(
    curve: F64, *, before: int, after: int, over: Callable[..., NDArray[np.floating]]
) -> F64:
    """Apply `over` (such as `np.mean`) to a sliding window along a curve padded with zeros."""
    padded = np.pad(curve, (before, after))
    result: F64 = np.asarray(
        over(np.lib.stride_tricks.sliding_window_view(padded, before + after + 1), axis=1),
        dtype=np.float64,
    )
    return result
