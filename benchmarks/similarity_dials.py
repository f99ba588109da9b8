"""What the dials of a search by similarity do to the neighbours of a sound.

Each sound is searched by among all others; sounds of the same kit are left out of the precision.
The vectors are those of the shipped projection, which has learnt from these kits, so what counts is
the difference to the first row.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from contracts.search import MeasuredField
from contracts.similarity import SimilarityDials
from kit.arrays import F32, F64
from services.library.search.aspects import aspect_gaps, dialled_distances
from services.tagging.descriptors import RATE, features
from services.tagging.engine import PROJECTION
from services.tagging.measurements import measure
from services.tagging.similarity import Projection
from tools.train_tagging.sounds import Sound

NEAREST = 10
SETTINGS: Sequence[dict[str, float]] = (
    {},
    {"pitch": 0.5},
    {"pitch": 1.0},
    {"envelope": 0.5},
    {"envelope": 1.0},
    {"loudness": 0.5},
    {"loudness": 1.0},
    {"pitch": 0.5, "envelope": 0.5, "loudness": 0.5},
    {"timbre": 0.0, "pitch": 1.0},
)
Columns = Mapping[str, F64]


def dials_table(sounds: Sequence[Sound]) -> Iterator[str]:
    """Yield the table of how neighbours change with the dials."""
    vectors, values = describe(sounds)
    labels = np.array([sound.label for sound in sounds])
    kits = np.array([sound.kit for sound in sounds])
    yield (
        "| dials | class | pitch, semitones | loudness, dB | attack, octaves | length, octaves |"
    )
    yield "|---|---:|---:|---:|---:|---:|"
    for setting in SETTINGS:
        figures = neighbours(vectors, values, labels, kits, SimilarityDials(**setting))
        name = ", ".join(f"{aspect} {value:g}" for aspect, value in setting.items())
        shown = [f"{figures[0]:.3f}", *(f"{figure:.1f}" for figure in figures[1:3])]
        shown += [f"{figure:.2f}" for figure in figures[3:]]
        yield f"| {name or 'timbre alone'} | " + " | ".join(shown) + " |"


def describe(sounds: Sequence[Sound]) -> tuple[F32, Columns]:
    """Return the vectors and the measured values of sounds."""
    projection = Projection.load(PROJECTION)
    described = [features(sound.audio, RATE) for sound in sounds]
    facts = [measure(sound.audio[None], sound.audio, RATE, one_shot=True) for sound in sounds]

    def column(name: str) -> F64:
        return np.array([getattr(row, name, None) for row in facts], np.float64)

    values = {field.value: column(field.value) for field in MeasuredField}
    values["duration"] = np.array([len(sound.audio) / RATE for sound in sounds])
    return projection.apply(np.stack(described)), values


def neighbours(
    vectors: F32,
    values: Columns,
    labels: NDArray[np.str_],
    kits: NDArray[np.str_],
    dials: SimilarityDials,
) -> list[float]:
    """Return the precision at ten, and medians of how the ten nearest differ from a sound.

    Returns
    -------
    list
        Share of the same class among the ten nearest of other kits; differences of pitch in
        semitones, of loudness in dB, of attack and of length in octaves.
    """
    right: list[float] = []
    gaps: dict[str, list[F64]] = {name: [] for name in ("pitch", "loudness", "attack", "duration")}
    for row in range(len(vectors)):
        own = {name: None if np.isnan(v[row]) else float(v[row]) for name, v in values.items()}
        differences = aspect_gaps(values, [(own, 1.0)])
        if not dials.timbre and not any(getattr(dials, name, 0) for name in differences):
            continue  # It has nothing that these dials compare.
        distances = dialled_distances(
            1.0 - np.asarray(vectors @ vectors[row], np.float64), differences, dials
        )
        distances[row] = np.inf
        nearest = np.argsort(distances, kind="stable")[:NEAREST]
        for name, rows in gaps.items():
            rows.append(np.abs(_scaled(name, values[name][nearest]) - _scaled(name, own[name])))
        distances[kits == kits[row]] = np.inf
        alike = (labels == labels[row]) & (kits != kits[row])
        if limit := min(NEAREST, int(alike.sum())):
            right.append(float(alike[np.argsort(distances, kind="stable")[:limit]].mean()))
    return [float(np.mean(right)), *(float(np.nanmedian(np.stack(g))) for g in gaps.values())]


def _scaled(name: str, value: F64 | float | None) -> F64:
    numbers = np.asarray(np.nan if value is None else value, np.float64)
    if name == "loudness":
        return numbers
    octaves = np.log2(np.maximum(numbers, 1e-4))
    return np.asarray(12.0 * octaves if name == "pitch" else octaves)
