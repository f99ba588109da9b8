"""The groove of a loop: which hits of its kit replay it, when, and how hard."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from contracts.midi import Note
from contracts.slicing import Slice, SliceKind, Slices
from services.export.bundle import Kit, Sample
from services.export.pads import MAX_PADS, assign_notes, velocity_of

_SHORTEST = 0.01
"""Length in seconds of the shortest note."""


def hits_in(slices: Slices, loop: Slice) -> list[Slice]:
    """Return the one-shots whose onsets lie in a loop, in order of time."""
    shots = [piece for piece in slices.slices if piece.kind is SliceKind.ONE_SHOT]
    inside = [shot for shot in shots if loop.start <= shot.onset < loop.end]
    return sorted(inside, key=lambda shot: (shot.onset, shot.index))


def replay_kit(
    name: str,
    slices: Slices,
    loop: Slice,
    samples: Mapping[str, Sample],
    *,
    beats_per_bar: int = 4,
) -> Kit | None:
    """Return the kit of a loop's own hits, with the groove that replays the loop.

    Parameters
    ----------
    name
        The kit's name.
    slices
        The slices of the recording that the loop was cut from.
    loop
        One of its loops.
    samples
        The stored slices by the names of their files. Hits that sound alike (of one group) share a
        pad: the best of those in the loop if it was stored, else the best stored one of the group.
    beats_per_bar
        Of the loop.

    Returns
    -------
    Kit
        At most 92 pads. A note starts when its pad's sample has to start for the onsets to
        coincide, or at 0 if that is before the loop. A note lasts as long as its hit. Its velocity
        is its level relative to the pad's loudest hit, by the curve of `velocity_layers`; the pad's
        gain sets the level of that hit. `None` if no hit of the loop has a stored sample.
    """
    hits: dict[int, list[Slice]] = {}
    for hit in hits_in(slices, loop):
        if hit.group is not None:
            hits.setdefault(hit.group, []).append(hit)
    stored: dict[int, list[Slice]] = {}
    for piece in slices.slices:
        if piece.kind is SliceKind.ONE_SHOT and piece.group in hits and piece.file in samples:
            stored.setdefault(piece.group, []).append(piece)
    pieces = {group: _best(some, hits[group]) for group, some in stored.items()}
    sizes = Counter({group: len(hits[group]) for group in pieces})
    sounds = {group: samples[pieces[group].file or ""] for group, _ in sizes.most_common(MAX_PADS)}
    if not sounds:
        return None
    pads = assign_notes([(sound, [sound]) for sound in sounds.values()])
    pitches = {pad.name: pad.note for pad in pads}
    notes: list[Note] = []
    gains: dict[str, float] = {}
    for group, sound in sounds.items():
        piece = pieces[group]
        loudest = max(hit.level_dbfs for hit in hits[group])
        gains[sound.name] = loudest - piece.level_dbfs - piece.gain_db
        notes += _notes(hits[group], piece, loop, slices.sample_rate, sound, pitches[sound.name])
    return Kit(
        name=name,
        pads=tuple(replace(pad, gain_db=gains[pad.name]) for pad in pads),
        bpm=loop.bpm,
        groove=tuple(sorted(notes, key=lambda note: (note.start, note.pitch))),
        bars=loop.bars,
        beats_per_bar=beats_per_bar,
    )


def _best(stored: Sequence[Slice], hits: Sequence[Slice]) -> Slice:
    """Return the stored hit of a group that is to play all of its hits."""
    inside = {hit.index for hit in hits}
    return max(stored, key=lambda piece: (piece.index in inside, piece.score, -piece.index))


def _notes(
    hits: Sequence[Slice], piece: Slice, loop: Slice, rate: int, sound: Sample, pitch: int
) -> list[Note]:
    """Return the notes of one pad."""
    loudest = max(hit.level_dbfs for hit in hits)
    lead = piece.onset - piece.start
    notes = []
    for hit in hits:
        start = max(0, hit.onset - lead - loop.start) / rate
        notes.append(
            Note(
                start=start,
                end=max(start + _SHORTEST, (hit.end - loop.start) / rate),
                pitch=pitch,
                name=sound.name,
                velocity=max(1, round(velocity_of(hit.level_dbfs - loudest))),
                confidence=hit.score,
                sound=sound.sound,
            )
        )
    return notes
