"""General MIDI drum notes from a recording's slices and their tags."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from contracts.slicing import Slice, SliceKind, Slices
from contracts.tagging import SampleTags, SoundClass
from kit.arrays import F32
from kit.notes.assembly import NoteEvent
from kit.notes.midi_file import DRUM_CHANNEL
from services.midi.writers import Played

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
    SoundClass.TAMBOURINE: (54, "Tambourine"),
    SoundClass.PERCUSSION: (54, "Tambourine"),
    SoundClass.SPLASH: (55, "Splash Cymbal"),
    SoundClass.COWBELL: (56, "Cowbell"),
    SoundClass.SHAKER: (70, "Maracas"),
}
"""Drum classes and their notes in the percussion map of General MIDI 1."""
# The level of a class's accents; the velocity curve is the one General MIDI recommends: a level
# in dB is 40 times the logarithm of the velocity's share.
_ACCENT_PERCENTILE = 90
_ACCENT = 112
_SOFTEST = 12
_MORE_LIKELY = 0.5
_NO_BENDS: F32 = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class Hit:
    """A slice, its tagged class, and the drum it is written as, if any."""

    piece: Slice
    label: SoundClass
    drum: SoundClass | None
    confidence: float
    level: float
    """In dB; comparable only between hits on the same drum."""


def classify_hits(slices: Slices, tags: Sequence[SampleTags], *, only_drums: bool) -> list[Hit]:
    """Classify each one-shot of a recording as a drum, or as none.

    Parameters
    ----------
    slices
        The slices of one recording.
    tags
        The tags of its files; tags of other files are ignored.
    only_drums
        Whether the recording contains only drums. Then every tagged hit is a drum: if its label is
        `unknown` or no drum, it becomes the drum with the highest score. Otherwise a hit is a drum
        only if its label is one, or if its drum scores add up to more than 0.5.

    Returns
    -------
    list
        One hit for each one-shot, in order of time. A slice has the tags of its own file, else
        those of the best file in its group; without either it is `unknown`.
    """
    known = {tag.file: tag for tag in tags if tag.stem in (None, slices.stem)}
    shots = [piece for piece in slices.slices if piece.kind is SliceKind.ONE_SHOT]
    of_group: dict[int, SampleTags] = {}
    # The best slice of a group comes last, so its tags win.
    for piece in sorted(shots, key=lambda piece: (piece.best, piece.score)):
        if piece.group is not None and piece.file in known:
            of_group[piece.group] = known[piece.file]
    hits: list[Hit] = []
    for piece in sorted(shots, key=lambda piece: piece.onset):
        tag = known.get(piece.file) if piece.file else None
        if tag is None and piece.group is not None:
            tag = of_group.get(piece.group)
        hits.append(_hit(piece, tag, only_drums=only_drums))
    return hits


def _hit(piece: Slice, tag: SampleTags | None, *, only_drums: bool) -> Hit:
    level = piece.level_dbfs
    if tag is None:
        return Hit(piece, SoundClass.UNKNOWN, None, 0.0, level)
    if tag.label in DRUMS:
        return Hit(piece, tag.label, tag.label, tag.confidence, level)
    shares = {label: tag.scores.get(label, 0.0) for label in DRUMS}
    likeliest = max(shares, key=lambda label: shares[label])
    if sum(shares.values()) <= (0.0 if only_drums else _MORE_LIKELY):
        return Hit(piece, tag.label, None, 0.0, level)
    return Hit(piece, tag.label, likeliest, shares[likeliest], level)


def drum_notes(hits: Sequence[Hit], sample_rate: int) -> list[Played]:
    """Convert hits to notes on the drum channel.

    Parameters
    ----------
    hits
        From `classify_hits`, in any order; hits without a drum are left out.
    sample_rate
        Sample rate of the slices' positions, in Hz.

    Returns
    -------
    list
        In order of time. A note lasts from the onset to the end of its slice. Velocities are
        relative to the accents of the same drum, because hi-hats are quieter than kicks even if
        they are played as hard.
    """
    levels: dict[SoundClass, list[float]] = defaultdict(list)
    for hit in hits:
        if hit.drum is not None:
            levels[hit.drum].append(hit.level)
    accents = {
        drum: float(np.percentile(some, _ACCENT_PERCENTILE)) for drum, some in levels.items()
    }
    played: list[Played] = []
    for hit in sorted(hits, key=lambda hit: hit.piece.onset):
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
