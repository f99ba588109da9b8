"""Key and chords of a recording, as the result holds them."""

import numpy as np

from contracts.analysis import ChordSegment, KeyCandidate, KeyEstimate, KeySection
from contracts.music import Stem
from kit.arrays import F32, F64
from services.analysis import chords
from services.analysis.chord_network import ChordActivations
from services.analysis.chroma import Chroma, between, unit_rows
from services.analysis.key import KeyGuess, find_key, find_key_spans

_BASS_FOR_KEY = 0.1
"""Weight of the bass in the pitch classes for the key."""
_MAX_KEY_SECTIONS = 64


def estimate_key(harmony: Chroma, edges: F64, source: tuple[Stem, ...]) -> KeyEstimate | None:
    """Estimate the key of a recording, and its sections if the key changes.

    Parameters
    ----------
    harmony
        Chroma of the recording.
    edges
        Edges of its beats in seconds, `[beats + 1]`, or of spans about as long.
    source
        Stems that the chroma comes from.

    Returns
    -------
    KeyEstimate or None
        `None` if nothing has a pitch.
    """
    if not harmony.energy.size:
        return None
    # The duration of notes says more about the key than their level, so all frames weigh the same,
    # except those 40 dB below the loudest.
    sounding = harmony.energy > 0.01 * harmony.energy.max()
    treble, bass = (
        unit_rows(frames) * sounding[:, None] for frames in (harmony.treble, harmony.bass)
    )
    guesses = find_key(_share(treble) + _BASS_FOR_KEY * _share(bass))
    if len(guesses) < 2:
        return None
    pitches = between(treble + np.float32(_BASS_FOR_KEY) * bass, harmony.rate, edges)
    spans = find_key_spans(pitches)
    return KeyEstimate(
        best=_candidate(guesses[0]),
        second=_candidate(guesses[1]),
        sections=tuple(
            KeySection(
                start=float(edges[span.first]),
                end=float(edges[span.last]),
                key=span.guess.label,
                camelot=span.guess.camelot,
                confidence=min(1.0, span.guess.weight),
            )
            for span in spans
        )
        if 1 < len(spans) <= _MAX_KEY_SECTIONS
        else (),
        tuning_cents=100.0 * harmony.tuning,
        source=source,
    )


def _share(frames: F32) -> F64:
    """Return the share of each pitch class in the total duration, `[12]`."""
    total = np.sum(frames, axis=0, dtype=np.float64)
    return np.asarray(total / max(float(total.sum()), 1e-9), np.float64)


def _candidate(guess: KeyGuess) -> KeyCandidate:
    return KeyCandidate(key=guess.label, camelot=guess.camelot, confidence=min(1.0, guess.weight))


def find_chords(
    harmony: Chroma, learned: ChordActivations, spans: chords.Spans
) -> tuple[ChordSegment, ...]:
    """Recognise the chords of a recording from its chroma and the network's estimates."""
    if not harmony.treble.size or not learned.chords.size:
        return ()
    edges = spans.edges
    treble = between(harmony.treble, harmony.rate, edges)
    bass = between(harmony.bass, harmony.rate, edges)
    decoded = chords.decode(
        chords.likeness(treble, bass),
        between(harmony.energy, harmony.rate, edges),
        learned=between(learned.chords, learned.rate, edges)[:, : len(chords.LABELS)],
        stay=spans.stay,
        weight=spans.weight,
    )
    named = chords.name_spans(decoded, bass, between(learned.bass, learned.rate, edges)[:, :12])
    return tuple(
        ChordSegment(
            start=float(edges[span.first]),
            end=float(edges[span.last]),
            chord=span.label,
            confidence=span.confidence,
        )
        for span in named
    )
