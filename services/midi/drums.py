"""From the slices of a recording and their tags to drum notes of General MIDI."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from contracts.slicing import Slice, SliceKind, Slices
from contracts.tagging import SampleTags, SoundClass
from kit.arrays import F32
from services.midi.streaming import NoteEvent
from services.midi.writers import DRUM_CHANNEL, Played

DRUMS: Mapping[SoundClass, tuple[int, str]] = {
    SoundClass.KICK: (36, "Bass Drum 1"),
    SoundClass.RIM: (37, "Side Stick"),
    SoundClass.SNARE: (38, "Acoustic Snare"),
    SoundClass.CLAP: (39, "Hand Clap"),
    SoundClass.CLOSED_HAT: (42, "Closed Hi-Hat"),
    SoundClass.OPEN_HAT: (46, "Open Hi-Hat"),
    SoundClass.TOM: (47, "Low-Mid Tom"),
    SoundClass.CRASH: (49, "Crash Cymbal 1"),
    SoundClass.RIDE: (51, "Ride Cymbal 1"),
    SoundClass.PERCUSSION: (54, "Tambourine"),
}
"""Classes that are drums, and their notes in the percussion map of General MIDI 1."""
# The louder hits of a class; the velocity curve is the one that General MIDI recommends,
# where a level in dB is 40 times the logarithm of the velocity's share.
_ACCENT_PERCENTILE = 90
_ACCENT = 112
_SOFTEST = 12
_MORE_LIKELY = 0.5
_NO_BENDS: F32 = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class Hit:
    """A slice, what it was tagged as, and the drum that it is written as, if any."""

    piece: Slice
    label: SoundClass
    drum: SoundClass | None
    confidence: float
    level: float
    """In dB; only hits on the same drum are compared."""


def hear(slices: Slices, tags: Sequence[SampleTags], *, only_drums: bool) -> list[Hit]:
    """Say of each one-shot which drum it is.

    Parameters
    ----------
    slices
        Of one recording.
    tags
        Of the files of its slices, and perhaps of others.
    only_drums
        Whether the recording holds nothing but drums. Every tagged hit then is one: what was tagged
        as `unknown`, or as something else, is written as the likeliest drum of its scores. In other
        recordings only what is rather a drum than anything else is written: it was tagged as one,
        or its scores of drums come to more than a half.

    Returns
    -------
    list
        One hit for each one-shot, in order of time. The tags of a slice are those of its own file,
        else those of the best file in its group; a slice without either is `unknown`.
    """
    known = {one.file: one for one in tags if one.stem in (None, slices.stem)}
    shots = [piece for piece in slices.slices if piece.kind is SliceKind.ONE_SHOT]
    of_group: dict[int, SampleTags] = {}
    # The best of a group comes last, and stays.
    for piece in sorted(shots, key=lambda one: (one.best, one.score)):
        if piece.group is not None and piece.file in known:
            of_group[piece.group] = known[piece.file]
    hits: list[Hit] = []
    for piece in sorted(shots, key=lambda one: one.onset):
        said = known.get(piece.file) if piece.file else None
        if said is None and piece.group is not None:
            said = of_group.get(piece.group)
        hits.append(_hit(piece, said, only_drums=only_drums))
    return hits


def _hit(piece: Slice, said: SampleTags | None, *, only_drums: bool) -> Hit:
    level = piece.level_dbfs
    if said is None:
        return Hit(piece, SoundClass.UNKNOWN, None, 0.0, level)
    if said.label in DRUMS:
        return Hit(piece, said.label, said.label, said.confidence, level)
    shares = {label: said.scores.get(label, 0.0) for label in DRUMS}
    likeliest = max(shares, key=lambda label: shares[label])
    if sum(shares.values()) <= (0.0 if only_drums else _MORE_LIKELY):
        return Hit(piece, said.label, None, 0.0, level)
    return Hit(piece, said.label, likeliest, shares[likeliest], level)


def beat(hits: Sequence[Hit], sample_rate: int) -> list[Played]:
    """Write hits as notes on the channel of drums.

    Parameters
    ----------
    hits
        From `hear`, in any order; those that are no drums are left out.
    sample_rate
        Of the positions of their slices, in Hz.

    Returns
    -------
    list
        In order of time. A note begins at the onset and ends with its slice. Velocities are
        relative to the louder hits of the same drum, since hi-hats are no softer for being quieter
        than kicks.
    """
    levels: dict[SoundClass, list[float]] = defaultdict(list)
    for hit in hits:
        if hit.drum is not None:
            levels[hit.drum].append(hit.level)
    accents = {
        drum: float(np.percentile(some, _ACCENT_PERCENTILE)) for drum, some in levels.items()
    }
    played: list[Played] = []
    for hit in sorted(hits, key=lambda one: one.piece.onset):
        if hit.drum is None:
            continue
        pitch, name = DRUMS[hit.drum]
        loud = _ACCENT * 10 ** ((hit.level - accents[hit.drum]) / 40)
        note = NoteEvent(
            start=hit.piece.onset / sample_rate,
            end=max(hit.piece.end, hit.piece.onset + 1) / sample_rate,
            pitch=pitch,
            confidence=hit.confidence,
            level=hit.level,
            bends=_NO_BENDS,
        )
        velocity = int(np.clip(round(loud), _SOFTEST, 127))
        played.append(Played(note, velocity, DRUM_CHANNEL, bent=False, name=name, sound=hit.label))
    return played
