"""Maps: how faithful layouts are, and what they cost, at 2,000, 20,000 and 200,000 sounds.

The vectors are those of synthetic drums, and of recorded one-shots and hits of drum tracks where
`CRATEDIG_TEST_DATA` has them. More are made as SMOTE makes examples (Chawla et al., 2002): each
lies between one of them and one of its 15 nearest. Each layout runs in a process of its own, as the
library runs it, with one thread. Seconds of the processor count, as other work of the machine
changes those of the clock. Principal components stand beside t-SNE. `placed` are a tenth of the
sounds that were not laid out, but placed afterwards among the others.
"""

import argparse
import asyncio
import resource
import time

import numpy as np
from numpy.typing import NDArray

from benchmarks.environments import SMALLEST, few, test_data
from benchmarks.similarity_sounds import recordings, slices
from kit.arrays import F32, F64
from services.library.maps.layout import LANDMARKS, into_square, place, principal, trustworthiness
from services.library.maps.layout_process import LayoutProcess
from services.tagging.descriptors import RATE, features
from services.tagging.similarity import Projection, unit_rows
from tools.train_similarity.__main__ import WEIGHTS
from tools.train_tagging.synthesis import drums

SIZES = [60] if SMALLEST else [2_000, 20_000, 200_000]
NEIGHBOURS = 15
Indices = NDArray[np.int64]
SEED = 1


def real_vectors() -> F32:
    """Return the vectors of sounds, `[count, 64]`."""
    sounds = few(drums(), 40)
    if (data := test_data()) is not None:
        sounds += [*recordings(data), *slices(data)]
    rows = np.stack([features(sound.audio, RATE) for sound in sounds])
    vectors = Projection.load(WEIGHTS).apply(rows)
    return vectors[np.linalg.norm(vectors, axis=1) > 0]


def between(vectors: F32, first: Indices, chance: np.random.Generator) -> F32:
    """Return a sound between each of `first` and one of its neighbours, `[count, dimension]`."""
    cosines = vectors @ vectors.T
    near = min(NEIGHBOURS, len(vectors) - 1)
    neighbours = np.argsort(-cosines, axis=1)[:, 1 : near + 1]
    second = neighbours[first, chance.integers(0, near, len(first))]
    share = chance.random((len(first), 1), np.float32)
    return unit_rows((vectors[first] * (1 - share) + vectors[second] * share).astype(np.float64))


def quality(vectors: F32, places: F64) -> str:
    """Return the trustworthiness of places in words."""
    share = trustworthiness(vectors, places, np.random.default_rng(SEED))
    return "-" if share is None else f"{share:.4f}"


def measure(vectors: F32) -> str:
    """Return a row of the table."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    layout = asyncio.run(LayoutProcess(threads=1, timeout=7200).compute(vectors, seed=SEED))
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    new = np.random.default_rng(SEED).random(len(vectors)) < 0.1
    placed = layout.places.copy()
    placed[new] = place(vectors[new], vectors[~new], layout.places[~new])
    return (
        f"| {len(vectors):,} | {seconds:.0f} s | {wall:.0f} s | {after.ru_maxrss / 1024:.0f} MiB "
        f"| {quality(vectors, layout.places)} | {quality(vectors, placed)} "
        f"| {quality(vectors, into_square(principal(vectors)))} |"
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.map", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="numbers of sounds")
    sizes = sorted(parser.parse_args().sizes)
    real = real_vectors()
    print(f"{len(real)} sounds; at most {LANDMARKS:,} are laid out, others are placed", flush=True)
    print("| sounds | processor | clock | peak memory | t-SNE | placed | principal components |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    chance = np.random.default_rng(SEED)
    for size in sizes:
        first = chance.integers(0, len(real), size)
        print(measure(between(real, first, chance)), flush=True)


if __name__ == "__main__":
    main()
