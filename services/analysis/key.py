"""Key estimation by correlation with Temperley's key profiles. Pure numpy."""

from dataclasses import dataclass

import numpy as np

from kit.arrays import F64

NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
"""Names of pitch classes, as keys and chords are usually written."""

_MAJOR = (0.748, 0.060, 0.488, 0.082, 0.670, 0.460, 0.096, 0.715, 0.104, 0.366, 0.057, 0.400)
_MINOR = (0.712, 0.084, 0.474, 0.618, 0.049, 0.460, 0.105, 0.747, 0.404, 0.067, 0.133, 0.330)
"""Share of bars of the key in which a pitch class occurs (D. Temperley, "Music and Probability",
2007, counted in the Kostka-Payne corpus)."""


@dataclass(frozen=True, slots=True)
class KeyGuess:
    """A key and its share of the evidence."""

    tonic: int
    """Pitch class, 0 is C."""
    minor: bool
    weight: float

    @property
    def label(self) -> str:
        """The key as `F#:min`."""
        return f"{NAMES[self.tonic]}:{'min' if self.minor else 'maj'}"

    @property
    def camelot(self) -> str:
        """Its code on the Camelot wheel, on which neighbouring keys mix well."""
        # C major is 8B; each fifth up is one further, and A minor, its relative, is 8A.
        major = (self.tonic + 3) % 12 if self.minor else self.tonic
        return f"{(7 * major + 7) % 12 + 1}{'A' if self.minor else 'B'}"


def _profiles() -> F64:
    """Return the 24 profiles, majors first, each with mean 0 and norm 1."""
    rows = [np.roll(shape, tonic) for shape in (_MAJOR, _MINOR) for tonic in range(12)]
    profiles = np.array(rows, np.float64)
    profiles -= profiles.mean(axis=1, keepdims=True)
    return np.asarray(profiles / np.linalg.norm(profiles, axis=1, keepdims=True), np.float64)


def find_key(pitches: F64, *, sharpness: float = 12.0) -> list[KeyGuess]:
    """Rank all 24 keys by correlation with Temperley's profiles, the likeliest first.

    Parameters
    ----------
    pitches
        Duration-weighted strength of each pitch class, `[12]` from C, ≥ 0.
    sharpness
        Factor in the softmax over correlations.

    Returns
    -------
    list of KeyGuess
        Weights sum to 1; empty if all pitch classes are equally strong.
    """
    centred = pitches - pitches.mean()
    norm = float(np.linalg.norm(centred))
    if norm < 1e-9:
        return []
    correlations = _profiles() @ (centred / norm)
    weights = np.exp(sharpness * (correlations - correlations.max()))
    weights /= weights.sum()
    order = np.argsort(-weights)
    return [KeyGuess(int(index) % 12, bool(index >= 12), float(weights[index])) for index in order]
