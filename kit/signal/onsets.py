"""Where sounds begin: a spectral-flux novelty curve, and the picking of its peaks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kit.arrays import F32, F64
from kit.signal.spectra import Framing, log_bands, magnitudes


@dataclass(frozen=True, slots=True)
class Novelty:
    """How much new sound begins at each moment.

    Parameters
    ----------
    values
        `[frames, groups]`: groups of neighbouring bands from low to high, each ≥ 0.
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
"""Where the groups of bands of a `Novelty` begin: kick and bass, body, snare, cymbals."""


def loudness(blocks: Iterable[F32], *, floor: float = 1e-5) -> float:
    """Return the level that a recording reaches in its loud moments, linear.

    It is the 95th percentile of the root mean square of 2048 samples among those above `floor`,
    and 0 where none is: a measure that neither long silence nor one click moves far.
    """
    levels: list[NDArray[np.float32]] = []
    for block in blocks:
        if not block.shape[1]:
            continue
        # What is shorter is one measure of its own; what is left over of more is left out.
        size = min(2048, block.shape[1])
        count = block.shape[1] // size
        body = block[:, : count * size].reshape(block.shape[0], count, size)
        levels.append(np.sqrt(np.mean(body**2, axis=(0, 2))))
    if not levels:
        return 0.0
    joined = np.concatenate(levels)
    joined = joined[joined > floor]
    return float(np.percentile(joined, 95)) if joined.size else 0.0


def novelty(
    blocks: Iterable[F32],
    sample_rate: int,
    *,
    level: float,
    size: float = 0.0232,
    hop: float = 0.005,
    compression: float = 100.0,
) -> Novelty:
    """Measure how much new sound begins at each moment.

    The spectral flux of logarithmically compressed magnitudes in half-semitone bands, each
    compared with the largest of its neighbourhood in frequency some frames before, so that a
    vibrato is no onset (S. Böck and G. Widmer, "Maximum filter vibrato suppression for onset
    detection", DAFx 2013).

    Parameters
    ----------
    blocks
        Audio, each block `[channels, samples]`.
    sample_rate
        In Hz.
    level
        The recording's loudness, linear (see `loudness`): makes the curve independent of gain.
    size, hop
        Of the frames, in seconds.
    compression
        Magnitudes are mapped to `log10(1 + compression · magnitude / level)`.

    Returns
    -------
    Novelty
        The curve; its memory is 16 bytes for each 5 ms of audio.
    """
    framing = Framing.of_seconds(sample_rate, size=size, hop=hop)
    bank = log_bands(framing, low=GROUPS_HZ[0], high=17_000.0, per_octave=24)
    centres = bank @ (np.arange(framing.bins) * sample_rate / framing.size)
    group = np.searchsorted(GROUPS_HZ, centres, side="right") - 1
    member = np.zeros((bank.shape[0], len(GROUPS_HZ)), np.float32)
    member[np.arange(bank.shape[0]), np.clip(group, 0, len(GROUPS_HZ) - 1)] = 1.0 / bank.shape[0]
    # A frame is compared with the one that lies half a window before it: with the very last one,
    # a rise that takes the whole window to enter would be split over several frames.
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
        return Novelty(np.zeros((0, len(GROUPS_HZ)), np.float32), framing.rate)
    return Novelty(np.concatenate(out), framing.rate)


def detect_onsets(
    curve: F64,
    rate: float,
    *,
    threshold: float = 0.08,
    spacing: float = 0.03,
) -> tuple[NDArray[np.int64], F64]:
    """Pick the peaks of a novelty curve that stand out of their surroundings.

    Parameters
    ----------
    curve
        `[frames]`, ≥ 0.
    rate
        Frames a second.
    threshold
        How far a peak must stand above the mean of the 0.17 s around it, as a part of the height
        that half of all the rise in the recording reaches. Raising it drops soft hits, lowering it
        admits noise.
    spacing
        Least time between two onsets, in seconds; of two nearer ones the first is kept.

    Returns
    -------
    frames
        Of the peaks, rising.
    strengths
        Height of each above its surroundings, in units of that reference height.
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
    """Return `over` (such as `np.mean`) of a window that moves along a curve, zeros around it."""
    padded = np.pad(curve, (before, after))
    result: F64 = np.asarray(
        over(np.lib.stride_tricks.sliding_window_view(padded, before + after + 1), axis=1),
        dtype=np.float64,
    )
    return result
