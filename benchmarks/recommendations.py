"""How well recommendations complete collections, how varied they are, and what a list costs.

`python -m benchmarks.recommendations` prints the tables of `docs/recommendations.md`; `--write`
also puts them there. Collections are simulated: nobody's choices are measured. A collection has 3
to 6 sounds of each of one to three classes, of one kit or (every second collection) of several.
One sound after the other is left out, and looked for among the first 10 and 50 recommendations
from all other sounds of all kits. The projection of the vectors is learnt on other families of kits
than those of the collections. The constants of `services.library.recommendations.scoring` were
chosen on the first of three parts of the families, whose collections are left out of the tables.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.environments import ROOT, SMALLEST, write_figures
from benchmarks.similarity import folds
from benchmarks.similarity_sounds import KITS
from benchmarks.teaching import described_kits
from contracts.recommendations import MAX_STORED
from kit.arrays import F32, F64
from kit.vectors.base import OwnedVectors, Space
from kit.vectors.ids import Ids
from services.library.recommendations.candidates import LikedSounds, choose
from services.library.recommendations.repository import MAX_EXAMPLES
from services.library.recommendations.scoring import Taste, arrange, best_of_groups, score
from services.library.search.classes import ItemClasses
from tools.train_similarity.fitting import fit

COLLECTIONS = 2 if SMALLEST else 40
"""Simulated collections of each part."""
FIRST, MORE = 10, 50
RESAMPLES = 1000
ITEMS = 2_000 if SMALLEST else 100_000
NEW = 500
DIMENSION = 64
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Part:
    """All sounds, `[sounds]` each, by vectors that were learnt without some families.

    Attributes
    ----------
    vectors
        Of unit length, `[sounds, 64]`.
    label
        Numbers of classes.
    kit
        Names of kits.
    held
        Whether a sound is of a family that nothing was learnt from.
    """

    vectors: F32
    label: Rows
    kit: NDArray[np.str_]
    held: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Case:
    """A collection without one of its sounds, and what may be recommended for it.

    Attributes
    ----------
    liked, liked_groups
        Vectors and classes of the sounds that stay.
    others, groups
        Those of all sounds that are not in the collection, and of the one left out.
    members
        In how many other collections each of the others is.
    """

    liked: F32
    liked_groups: Rows
    others: F32
    groups: Rows
    members: Rows

    @property
    def mix(self) -> F64:
        """The share of each class among the sounds that stay."""
        counts = np.bincount(self.liked_groups, minlength=int(self.groups.max()) + 1)
        return np.asarray(counts / counts.sum(), np.float64)


Recommend = Callable[[Case, np.random.Generator], Rows]
"""Returns the places of recommended sounds in their order, at least `MORE`."""


def _at_random(case: Case, chance: np.random.Generator) -> Rows:
    return chance.permutation(len(case.others))


def _popular(case: Case, chance: np.random.Generator) -> Rows:
    return np.lexsort((chance.random(len(case.others)), -case.members))


def _near_mean(case: Case, _: np.random.Generator) -> Rows:
    return np.argsort(-(case.others @ case.liked.mean(axis=0)), kind="stable")


def _fits(case: Case) -> F32:
    return score(Taste(case.liked, np.ones(len(case.liked), np.float32)), case.others).values


def _near_one(case: Case, _: np.random.Generator) -> Rows:
    return np.argsort((1 - case.others @ case.liked.T).min(axis=1), kind="stable")


def _dense(case: Case, _: np.random.Generator) -> Rows:
    return np.argsort(-_fits(case), kind="stable")


def _varied(case: Case, _: np.random.Generator) -> Rows:
    same_group = np.zeros(len(case.others), np.int64)
    return _arranged(case, same_group, np.ones(1))


def _built(case: Case, _: np.random.Generator) -> Rows:
    return _arranged(case, case.groups, case.mix)


def _arranged(case: Case, groups: Rows, mix: F64) -> Rows:
    values = _fits(case)
    pool = best_of_groups(values, groups, mix, MAX_STORED)
    return pool[arrange(values[pool], case.others[pool], groups[pool], mix)]


METHODS: dict[str, Recommend] = {
    "random": _at_random,
    "popularity: in most other collections": _popular,
    "nearest to the mean": _near_mean,
    "nearest to any example": _near_one,
    "density of examples": _dense,
    "the same, varied": _varied,
    "**the same, varied, classes as in the collection**": _built,
}


@dataclass(slots=True)
class Figures:
    """Figures of each method, one value for each collection."""

    first: dict[str, list[float]] = field(default_factory=dict)
    more: dict[str, list[float]] = field(default_factory=dict)
    distance: dict[str, list[float]] = field(default_factory=dict)
    classes: dict[str, list[float]] = field(default_factory=dict)
    cases: int = 0

    def measure(self, part: Part, chance: np.random.Generator) -> None:
        """Add the figures of simulated collections of a part."""
        collections = simulated(part, chance)
        members = np.bincount(np.concatenate(collections), minlength=len(part.label))
        for collection in collections:
            in_others = members.copy()
            in_others[collection] -= 1
            values = [
                self._of_case(part, collection, int(left_out), in_others, chance)
                for left_out in collection
            ]
            self.cases += len(values)
            for name in METHODS:
                means = np.mean([value[name] for value in values], axis=0)
                columns = (self.first, self.more, self.distance, self.classes)
                for column, mean in zip(columns, means, strict=True):
                    column.setdefault(name, []).append(float(mean))

    def _of_case(
        self,
        part: Part,
        collection: Rows,
        left_out: int,
        in_others: Rows,
        chance: np.random.Generator,
    ) -> dict[str, tuple[float, float, float, float]]:
        stay = collection[collection != left_out]
        others = np.setdiff1d(np.arange(len(part.label)), stay)
        case = Case(
            part.vectors[stay],
            part.label[stay],
            part.vectors[others],
            part.label[others],
            in_others[others],
        )
        in_collection = np.bincount(part.label[collection], minlength=int(part.label.max()) + 1)
        values = {}
        for name, recommend in METHODS.items():
            order = others[recommend(case, chance)[:MORE]]
            first = order[:FIRST]
            cosines = part.vectors[first] @ part.vectors[first].T
            mix = np.bincount(part.label[first], minlength=len(in_collection)) / len(first)
            values[name] = (
                float(left_out in first),
                float(left_out in order),
                float((1 - cosines)[np.triu_indices(len(first), 1)].mean()),
                float(np.abs(mix - in_collection / in_collection.sum()).sum() / 2),
            )
        return values

    def table(self, chance: np.random.Generator) -> Iterator[str]:
        """Yield the table: means with 95 % intervals of a bootstrap over collections."""
        count = len(next(iter(self.first.values())))
        yield f"{count} simulated collections, {self.cases} sounds left out one by one."
        yield ""
        yield (
            "| method | found among the first 10 | among the first 50 | distance within the first "
            "10 | class mix, difference |"
        )
        yield "|---|---:|---:|---:|---:|"
        for name in METHODS:
            hits = (_with_interval(column[name], chance) for column in (self.first, self.more))
            rest = (f"{np.mean(column[name]):.3f}" for column in (self.distance, self.classes))
            yield f"| {name} | " + " | ".join((*hits, *rest)) + " |"


def _with_interval(values: Sequence[float], chance: np.random.Generator) -> str:
    sample = np.array(values)
    drawn = chance.integers(0, len(sample), (RESAMPLES, len(sample)))
    low, high = np.percentile(sample[drawn].mean(axis=1), (2.5, 97.5))
    return f"{sample.mean():.3f} ({low:.3f}-{high:.3f})"


def parts() -> list[Part]:
    """Return all sounds of the kits in three ways; the first is for choosing constants."""
    rows = described_kits()
    plain = np.asarray(rows["plain"], np.bool_)
    descriptors = np.asarray(rows["descriptors"], np.float32)
    label = np.unique(rows["label"][plain], return_inverse=True)[1]
    divided = []
    for held in folds(np.asarray(rows["family"], np.str_)):
        projection = fit(descriptors[~held], rows["instrument"][~held], rows["label"][~held])
        vectors = np.asarray(projection.apply(descriptors[plain]), np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        kit = np.asarray(rows["kit"][plain], np.str_)
        divided.append(Part(vectors, np.asarray(label, np.int64), kit, held[plain]))
    return divided


def simulated(part: Part, chance: np.random.Generator) -> list[Rows]:
    """Return simulated collections: sounds of classes of one kit, and of several in turns."""
    drums = [
        rows
        for kit in np.unique(part.kit[part.held])
        for label in np.unique(part.label)
        if len(rows := np.flatnonzero((part.kit == kit) & (part.label == label))) >= 3
    ]
    of_kit = np.array([part.kit[rows[0]] for rows in drums])
    collections: list[Rows] = []
    while len(collections) < COLLECTIONS:
        known = np.arange(len(drums))
        if len(collections) % 2 == 0:
            known = np.flatnonzero(of_kit == chance.choice(np.unique(of_kit)))
        chosen = chance.permutation(known)[: chance.integers(1, 4)]
        sounds = [chance.permutation(drums[drum])[: chance.integers(3, 7)] for drum in chosen]
        if sum(map(len, sounds)) >= 4:
            collections.append(np.concatenate(sounds))
    return collections


async def measure_lists(chance: np.random.Generator) -> list[str]:
    """Return what computing a list costs, and how long it holds the event loop."""
    vectors = chance.standard_normal((ITEMS, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = chance.integers(0, 256, (ITEMS, 16), np.uint8)
    count = min(MAX_EXAMPLES, ITEMS // 10)
    examples = LikedSounds(
        ids[:count],
        np.zeros(count, np.uint8),
        np.zeros((count, 16), np.uint8),
        np.ones(count, np.float32),
    )
    crate = {Space("sample", "1", DIMENSION): OwnedVectors(ids, vectors)}
    classes = ItemClasses(ids, chance.integers(0, 14, ITEMS).astype(np.uint8))
    lines = []
    for what, among in (
        ("computed from all", None),
        (f"compared with {NEW} new ones", ids[-NEW - MAX_STORED :]),
    ):

        def compute(among: Ids | None = among) -> float:
            # Time of the processor, so that what else the machine does changes little.
            began = time.thread_time()
            choose(crate, examples, ids[:0], classes, among=among)
            return time.thread_time() - began

        work = asyncio.create_task(asyncio.to_thread(compute))
        longest = 0.0
        while not work.done():
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - before - 0.001)
        took = await work
        lines.append(
            f"A list for {ITEMS:,} sounds and {count:,} examples, {what}: {took:.2f} "
            f"processor seconds in a thread; the event loop waits {1000 * longest:.0f} ms at most."
        )
    return lines


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, print the tables and, with `--write`, update the document."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.recommendations", description=__doc__
    )
    parser.add_argument("--write", action="store_true", help="put the tables into the document")
    options = parser.parse_args(arguments)
    lines: list[str] = []
    chance = np.random.default_rng(0)
    if KITS.is_dir():
        figures = Figures()
        for part in parts() if SMALLEST else parts()[1:]:
            figures.measure(part, chance)
        lines += [*figures.table(chance), ""]
    else:
        print("no kits: `make train-tagging` fetches them", file=sys.stderr)
    lines += asyncio.run(measure_lists(chance))
    text = "\n".join(lines)
    print(text)
    if options.write and not SMALLEST:
        write_figures(ROOT / "docs" / "recommendations.md", text)


if __name__ == "__main__":
    main(sys.argv[1:])
