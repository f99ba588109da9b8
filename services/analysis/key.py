"""Key estimation by correlation with Temperley's key profiles. Pure numpy."""

from dataclasses import dataclass
from itertools import pairwise

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


@dataclass(frozen=True, slots=True)
class KeySpan:
    """Spans `first` to `last`, the latter not included, in one key."""

    first: int
    last: int
    guess: KeyGuess


def find_key_spans(pitches: F64, *, penalty: float = 6.0) -> list[KeySpan]:
    """Segment a piece into sections of one key each.

    The cross entropy of each span's pitch classes under the 24 profiles as distributions, and the
    Viterbi algorithm with a penalty for each change (after D. Temperley, "Music and Probability",
    2007, chapter 6). Then `find_key` names each section, and neighbours of one key are joined.

    Parameters
    ----------
    pitches
        Strength of each pitch class in each span, such as a beat, `[spans, 12]` from C, ≥ 0.
    penalty
        Evidence in nats that a change of key needs.

    Returns
    -------
    list
        In order of time, without gaps; empty if no span has a pitch.
    """
    if not pitches.any():
        return []
    profiles = np.array([np.roll(shape, at) for shape in (_MAJOR, _MINOR) for at in range(12)])
    odds = np.log(profiles / profiles.sum(axis=1, keepdims=True))
    evidence = pitches / np.maximum(pitches.sum(axis=1, keepdims=True), 1e-9) @ odds.T
    score = evidence[0].copy()
    links = np.tile(np.arange(len(odds)), (len(evidence), 1))
    for span in range(1, len(evidence)):
        best = int(np.argmax(score))
        links[span, score < score[best] - penalty] = best
        score = np.maximum(score, score[best] - penalty) + evidence[span]
    path = [int(np.argmax(score))]
    for span in range(len(evidence) - 1, 0, -1):
        path.append(int(links[span, path[-1]]))
    path.reverse()
    edges = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), len(path)]
    joined: list[KeySpan] = []
    for first, last in pairwise(edges):
        guesses = find_key(pitches[first:last].sum(axis=0))
        guess = guesses[0] if guesses else None
        if joined and (guess is None or joined[-1].guess.label == guess.label):
            before = joined.pop()
            first = before.first
            guess = (find_key(pitches[first:last].sum(axis=0)) or [before.guess])[0]
        if guess is not None:
            joined.append(KeySpan(first if joined else 0, last, guess))
    return joined
