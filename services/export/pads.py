"""Make kits of samples: choose hits, give them keys, velocity layers and choke groups."""

import math
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise

from contracts.tagging import SoundClass
from services.export.bundle import Pad, PadLayer, Sample
from services.export.pitch import nearest_note

FIRST_NOTE = 36
"""The note of the first pad: C1 of most DAWs, the bass drum of General MIDI."""
PADS = 16
MAX_PADS = 128 - FIRST_NOTE
HATS = 1
"""The choke group of hi-hats."""

_LAYOUT: dict[SoundClass, tuple[int, ...]] = {
    SoundClass.KICK: (36,),
    SoundClass.RIM: (37,),
    SoundClass.SNARE: (38, 40),
    SoundClass.CLAP: (39,),
    SoundClass.CLOSED_HAT: (42, 44),
    SoundClass.OPEN_HAT: (46,),
    SoundClass.TOM: (41, 43, 45, 47, 48, 50),
    SoundClass.CRASH: (49,),
    SoundClass.RIDE: (51,),
}
"""The notes of each class in the percussion map of General MIDI, as far as 16 pads reach."""
_ORDER = (
    SoundClass.KICK,
    SoundClass.SNARE,
    SoundClass.CLOSED_HAT,
    SoundClass.OPEN_HAT,
    SoundClass.CLAP,
    SoundClass.TOM,
    SoundClass.RIM,
    SoundClass.CRASH,
    SoundClass.RIDE,
    SoundClass.PERCUSSION,
    SoundClass.SHAKER,
    SoundClass.TAMBOURINE,
    SoundClass.COWBELL,
    SoundClass.SPLASH,
    SoundClass.BASS,
    SoundClass.SYNTH,
    SoundClass.VOCAL,
    SoundClass.UNKNOWN,
)
"""Which class gets the next pad first."""
_COLOURS = {
    SoundClass.KICK: "#d9612b",
    SoundClass.SNARE: "#d9a02b",
    SoundClass.CLAP: "#c4b43b",
    SoundClass.RIM: "#c4b43b",
    SoundClass.CLOSED_HAT: "#4f9e45",
    SoundClass.OPEN_HAT: "#4f9e45",
    SoundClass.CRASH: "#2fa3a0",
    SoundClass.RIDE: "#2fa3a0",
    SoundClass.SPLASH: "#2fa3a0",
    SoundClass.TOM: "#c43b8f",
    SoundClass.COWBELL: "#7c5cc4",
    SoundClass.SHAKER: "#7c5cc4",
    SoundClass.TAMBOURINE: "#7c5cc4",
    SoundClass.PERCUSSION: "#7c5cc4",
    SoundClass.BASS: "#3b74c4",
    SoundClass.VOCAL: "#c43b8f",
    SoundClass.SYNTH: "#7c5cc4",
}
_GREY = "#8a8a8a"
_HATS = (SoundClass.CLOSED_HAT, SoundClass.OPEN_HAT)
_LAYER_DB = 6.0
"""Width of a velocity layer in dB."""
_MAX_LAYERS = 4
_MAX_TURNS = 4
"""Samples in a round robin."""
_MAX_GAIN_DB = 24.0
_REACH = 12
"""Semitones by which the lowest and the highest sample of an instrument are stretched."""


def is_one_shot(sample: Sample) -> bool:
    """Return whether a sample is a hit or a note, not a loop."""
    return sample.bars is None and sample.sound is not SoundClass.LOOP


def best_hits(
    samples: Iterable[Sample], *, count: int = PADS, layered: bool = True
) -> tuple[Pad, ...]:
    """Choose the best hits of a song, and return them as pads.

    Every class gets a pad before any class gets a second one. Within a class the hit with the best
    score goes first, and hits that sound alike (of one group) only if no others are left.

    Parameters
    ----------
    samples
        In any order; loops are left out.
    count
        Maximum number of pads, 1 to 92.
    layered
        Whether a pad also has the other hits of its group.

    Returns
    -------
    tuple
        Pads in the order of their notes. Drums have the notes of General MIDI's percussion map,
        toms by pitch; other sounds, and drums whose notes are taken, the free notes from 36 on. The
        hits of a pad are its velocity layers and round robins.
    """
    shots = sorted((sample for sample in samples if is_one_shot(sample)), key=_rank)
    groups: dict[tuple[str, int | str], list[Sample]] = {}
    for sample in shots:
        groups.setdefault(_group(sample), []).append(sample)
    queues = {sound: _distinct_first(_of_class(shots, sound)) for sound in _ORDER}
    chosen: list[Sample] = []
    while len(chosen) < count and any(queues.values()):
        for sound in _ORDER:
            if queues[sound] and len(chosen) < count:
                chosen.append(queues[sound].pop(0))
    # A group whose hits have pads of their own is not layered as well.
    used = {sample.name for sample in chosen}
    others = {
        sample.name: [hit for hit in groups[_group(sample)] if hit.name not in used]
        for sample in chosen
    }
    return assign_notes(
        [(sample, [sample, *others[sample.name]] if layered else [sample]) for sample in chosen]
    )


def assign_notes(chosen: Sequence[tuple[Sample, Sequence[Sample]]]) -> tuple[Pad, ...]:
    """Give samples the notes of General MIDI's percussion map, or free ones from 36 on.

    Parameters
    ----------
    chosen
        At most 92 samples, the important ones first, each with all samples of its pad.

    Returns
    -------
    tuple
        Pads in the order of their notes.

    Raises
    ------
    ValueError
        There are more than 92.
    """
    if len(chosen) > MAX_PADS:
        raise ValueError(f"a kit has at most {MAX_PADS} pads, not {len(chosen)}")
    notes: dict[str, int] = {}
    for sound, preferred in _LAYOUT.items():
        own = [sample for sample, _ in chosen if sample.sound is sound][: len(preferred)]
        if sound is SoundClass.TOM:
            own.sort(key=lambda sample: sample.pitch or 0.0)
        notes |= {sample.name: note for sample, note in zip(own, preferred, strict=False)}
    free = (note for note in range(FIRST_NOTE, 128) if note not in set(notes.values()))
    for sample, _ in chosen:
        if sample.name not in notes:
            notes[sample.name] = next(free)
    pads = [_pad(sample, notes[sample.name], velocity_layers(hits)) for sample, hits in chosen]
    return tuple(sorted(pads, key=lambda pad: pad.note))


def in_order(samples: Sequence[Sample]) -> tuple[Pad, ...]:
    """Return a pad for each sample in its given order, as in a collection or the tray.

    Parameters
    ----------
    samples
        At most 92; the first one gets note 36.

    Raises
    ------
    ValueError
        There are more than 92.
    """
    if len(samples) > MAX_PADS:
        raise ValueError(f"a kit has at most {MAX_PADS} pads, not {len(samples)}")
    return tuple(
        _pad(sample, note, (PadLayer(sample=sample),))
        for note, sample in enumerate(samples, FIRST_NOTE)
    )


def key_map(samples: Iterable[Sample]) -> tuple[Pad, ...]:
    """Map pitched samples to the keyboard by their detected pitch.

    Parameters
    ----------
    samples
        In any order; those without a pitch, and loops, are left out.

    Returns
    -------
    tuple
        A pad for each note of which there is a sample, in order. Neighbours share the keys between
        them; the lowest and the highest one reach 12 semitones further. Several samples of one
        note are velocity layers and round robins. Empty if no sample has a pitch.
    """
    roots: dict[int, list[Sample]] = {}
    for sample in sorted(samples, key=_rank):
        if is_one_shot(sample) and sample.pitch is not None:
            roots.setdefault(nearest_note(sample.pitch)[0], []).append(sample)
    notes = sorted(roots)
    if not notes:
        return ()
    # The first key above each pair's middle begins the upper one's range.
    borders = [(low + high) // 2 + 1 for low, high in pairwise(notes)]
    lows = [max(0, notes[0] - _REACH), *borders]
    highs = [*(border - 1 for border in borders), min(127, notes[-1] + _REACH)]
    return tuple(
        Pad(
            name=roots[note][0].name,
            layers=velocity_layers(roots[note], tuned=True),
            note=note,
            low_note=low,
            high_note=high,
            colour=_COLOURS.get(roots[note][0].sound or SoundClass.UNKNOWN, _GREY),
        )
        for note, low, high in zip(notes, lows, highs, strict=True)
    )


def velocity_layers(samples: Sequence[Sample], *, tuned: bool = False) -> tuple[PadLayer, ...]:
    """Order the samples of a pad as velocity layers, and as round robins within each.

    Parameters
    ----------
    samples
        At least one; the best first.
    tuned
        Whether to tune each sample to its nearest note.

    Returns
    -------
    tuple
        By ascending velocity, then the best first: at most 4 layers of 6 dB below the loudest
        sample, each with at most 4 samples. Velocities follow the curve that General MIDI
        recommends: a level in dB is 40 · log10(velocity / 127).
    """
    levels = [sample.level_dbfs for sample in samples if sample.level_dbfs is not None]
    loudest = max(levels, default=0.0)
    # How far below the loudest each is; a sample of unknown level counts as the loudest.
    below = {
        sample.name: loudest - (loudest if sample.level_dbfs is None else sample.level_dbfs)
        for sample in samples
    }

    def step(sample: Sample) -> int:
        return min(_MAX_LAYERS - 1, int(below[sample.name] / _LAYER_DB))

    layers: list[PadLayer] = []
    low = 1
    steps = [
        (number, list(members)[:_MAX_TURNS])
        for number, members in groupby(sorted(samples, key=step, reverse=True), key=step)
    ]
    for place, (number, members) in enumerate(steps):
        last = place == len(steps) - 1
        high = 127 if last else math.floor(velocity_of(-number * _LAYER_DB))
        layers += [
            PadLayer(
                sample=sample,
                low_velocity=low,
                high_velocity=high,
                gain_db=min(_MAX_GAIN_DB, below[sample.name]),
                tune_cents=_tuning(sample) if tuned else 0.0,
            )
            for sample in members
        ]
        low = high + 1
    return tuple(layers)


def velocity_of(level_db: float) -> float:
    """Return the velocity, up to 127, of a level in dB below the loudest hit."""
    return float(127 * 10 ** (level_db / 40))


def _tuning(sample: Sample) -> float:
    return 0.0 if sample.pitch is None else -nearest_note(sample.pitch)[1]


def _pad(sample: Sample, note: int, layers: tuple[PadLayer, ...]) -> Pad:
    """Return a pad of one key."""
    return Pad(
        name=sample.name,
        layers=layers,
        note=note,
        low_note=note,
        high_note=note,
        choke=HATS if sample.sound in _HATS else None,
        colour=_COLOURS.get(sample.sound or SoundClass.UNKNOWN, _GREY),
    )


def _rank(sample: Sample) -> tuple[float, str]:
    return -sample.score, sample.name


def _group(sample: Sample) -> tuple[str, int | str]:
    """Return what samples that sound alike have in common."""
    return sample.source.item, sample.name if sample.group is None else sample.group


def _of_class(shots: Sequence[Sample], sound: SoundClass) -> list[Sample]:
    return [shot for shot in shots if (shot.sound or SoundClass.UNKNOWN) is sound]


def _distinct_first(ranked: Sequence[Sample]) -> list[Sample]:
    """Return the best sample of each group, then the others."""
    seen: set[tuple[str, int | str]] = set()
    others: list[Sample] = []
    firsts: list[Sample] = []
    for sample in ranked:
        (others if _group(sample) in seen else firsts).append(sample)
        seen.add(_group(sample))
    return firsts + others
