"""Which vectors find sounds that are alike.

`python -m benchmarks.similarity` prints the tables of `docs/similarity.md`; `--write` also puts
them there. What is learnt is learnt without the family of kits that is searched.
"""

import argparse
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.environments import ROOT, SMALLEST, test_data, write_figures
from benchmarks.similarity_dials import dials_table
from benchmarks.similarity_duplicates import Compared
from benchmarks.similarity_sounds import (
    CHANGES,
    VARIATIONS,
    Described,
    batches,
    describe_all,
    digest,
    kits,
    recordings,
    slices,
)
from kit.arrays import F32, F64
from kit.inference.base import Network
from kit.inference.opening import open_network
from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
from services.tagging.engine import BATCH
from services.tagging.similarity import unit_rows
from tools.train_similarity.fitting import fit
from tools.train_tagging.sounds import Sound

FOLDS = 3
NEAREST = 10
RADIUS = 0.002
"""The cosine distance within which the seed calls two sounds alike."""
Names = NDArray[np.str_]
Embed = Callable[["Rows"], F32]
Learn = Callable[["Rows"], Embed]


@dataclass(frozen=True, slots=True)
class Rows:
    """Described sounds as arrays, one row each."""

    label: Names
    instrument: Names
    kit: Names
    family: Names
    key: Names
    """The recording."""
    change: Names
    descriptors: F32
    mfcc: F32
    musicnn: F32

    def where(self, chosen: NDArray[np.bool_]) -> "Rows":
        """Return some of the rows."""
        return Rows(*(getattr(self, name)[chosen] for name in Rows.__slots__))

    @property
    def plain(self) -> "Rows":
        """Sounds as they are."""
        return self.where(self.change == "")

    @property
    def taught(self) -> "Rows":
        """Sounds as they are, and their variations to learn from."""
        return self.where(~np.isin(self.change, list(CHANGES)))


def collect(described: Sequence[Described], network: Network) -> Rows:
    """Return described sounds as arrays."""
    musicnn = np.zeros((len(described), 200))
    counts = np.array([max(1, len(row.patches)) for row in described])
    for owners, patches in batches(described, BATCH):
        batch = np.zeros((BATCH, *patches.shape[1:]), np.float32)
        batch[: len(patches)] = patches
        outputs = network.run({"mel": batch})["penultimate"]
        np.add.at(musicnn, owners, outputs[: len(patches)])

    def names(values: Iterator[str]) -> Names:
        return np.array(list(values))

    return Rows(
        label=names(row.sound.label for row in described),
        instrument=names(row.sound.instrument for row in described),
        kit=names(row.sound.kit for row in described),
        family=names(row.sound.family for row in described),
        key=names(row.sound.sha256 for row in described),
        change=names(row.change for row in described),
        descriptors=np.stack([row.descriptors for row in described]),
        mfcc=np.stack([row.mfcc for row in described]),
        musicnn=(musicnn / counts[:, None]).astype(np.float32),
    )


def cached(name: str, compute: Callable[[], Rows]) -> Rows:
    """Return what `compute` returned the last time, if nothing that it depends on has changed."""
    path = ROOT / ".cache" / f"similarity-{name}-{digest()}.pickle"
    if not path.is_file():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pickle.dumps(compute()))
    rows: Rows = pickle.loads(path.read_bytes())
    return rows


def _standard(column: str) -> Learn:
    """Return vectors standardised as the rows to learn from are."""

    def learn(rows: Rows) -> Embed:
        known = getattr(rows.plain, column)
        mean, scale = known.mean(axis=0), known.std(axis=0) + 1e-3

        def embed(others: Rows) -> F32:
            return unit_rows(np.clip((getattr(others, column) - mean) / scale, -4.0, 4.0))

        return embed

    return learn


def _as_is(column: str) -> Learn:
    return lambda rows: lambda others: unit_rows(np.asarray(getattr(others, column), np.float64))


def _projected(rows: Rows, *, by_class: float, dimension: int = 64) -> Embed:
    taught = rows.taught
    projection = fit(
        taught.descriptors, taught.instrument, taught.label, by_class=by_class, dimension=dimension
    )
    return lambda others: projection.apply(others.descriptors)


def _joined(rows: Rows, *, share: float) -> Embed:
    """Return the learnt projection beside MusiCNN's vectors, standardised."""
    projected = _projected(rows, by_class=0.5)
    network = _standard("musicnn")(rows)

    def embed(others: Rows) -> F32:
        parts = (projected(others) * (1 - share) ** 0.5, network(others) * share**0.5)
        return np.concatenate(parts, axis=1)

    return embed


METHODS: dict[str, Learn] = {
    "MusiCNN's penultimate layer": _as_is("musicnn"),
    "the same, standardised": _standard("musicnn"),
    "mel cepstrum, normalised (the seed's)": _as_is("mfcc"),
    "350 descriptors, standardised": _standard("descriptors"),
    "descriptors, learnt by instrument": partial(_projected, by_class=0.0),
    "descriptors, learnt by class": partial(_projected, by_class=1.0),
    "descriptors, learnt by both": partial(_projected, by_class=0.5),
    "the same, 128 components": partial(_projected, by_class=0.5, dimension=128),
    "learnt by both, beside MusiCNN (1/4)": partial(_joined, share=0.25),
}


CHOSEN = METHODS["descriptors, learnt by instrument"]
"""What tagging computes."""


@dataclass(slots=True)
class Score:
    """Sums over queries: what was found, and of how many."""

    total: float = 0.0
    of: int = 0

    def add(self, values: F64) -> None:
        """Add the scores of some queries."""
        self.total += float(values.sum())
        self.of += len(values)

    def __str__(self) -> str:
        return f"{self.total / self.of:.3f}" if self.of else "–"


def precision(vectors: F32, groups: Names, excluded: Names) -> F64:
    """Return of each sound how many of its ten nearest are of its group.

    Parameters
    ----------
    vectors
        Unit vectors, `[sounds, components]`.
    groups
        What should be found, `[sounds]`.
    excluded
        Sounds that share this with the query are left out, `[sounds]`.

    Returns
    -------
    F64
        `[queries]`, of the sounds whose group has others: the share of the ten nearest, or of as
        many as there are of the group.
    """
    similar = vectors @ vectors.T
    similar[excluded[:, None] == excluded[None]] = -np.inf
    alike = groups[:, None] == groups[None]
    alike[excluded[:, None] == excluded[None]] = False
    limits = np.minimum(alike.sum(axis=1), NEAREST)
    order = np.argsort(-similar, axis=1, kind="stable")[:, :NEAREST]
    within = np.arange(order.shape[1])[None] < limits[:, None]
    hits = np.take_along_axis(alike, order, axis=1) & within
    queries = limits > 0
    return np.asarray(hits.sum(axis=1)[queries] / limits[queries])


def first(queries: F32, keys: Names, gallery: F32, keys_of_gallery: Names) -> F64:
    """Return of each changed sound whether the nearest sound is the one that it was made of."""
    nearest = np.argmax(queries @ gallery.T, axis=1)
    return np.asarray(keys_of_gallery[nearest] == keys, np.float64)


def folds(families: Names) -> Iterator[NDArray[np.bool_]]:
    """Yield which rows are searched; families of kits are dealt out by their size."""
    names, counts = np.unique(families, return_counts=True)
    sizes = [0] * FOLDS
    dealt: list[list[str]] = [[] for _ in range(FOLDS)]
    for place in np.argsort(-counts):
        smallest = sizes.index(min(sizes))
        sizes[smallest] += int(counts[place])
        dealt[smallest].append(str(names[place]))
    for part in dealt:
        yield np.isin(families, part)


def kit_table(rows: Rows) -> Iterator[str]:
    """Yield the table over kits, each held out."""
    yield "| vectors | class | instrument | " + " | ".join(CHANGES) + " |"
    yield "|---|---:|---:|" + "---:|" * len(CHANGES)
    for name, learn in METHODS.items():
        scores = [Score() for _ in range(2 + len(CHANGES))]
        for searched in folds(rows.family):
            embed = learn(rows.where(~searched))
            held = rows.where(searched)
            plain = held.plain
            vectors = embed(plain)
            scores[0].add(precision(vectors, plain.label, plain.kit))
            scores[1].add(precision(vectors, plain.instrument, plain.key))
            for score, change in zip(scores[2:], CHANGES, strict=True):
                changed = held.where(held.change == change)
                score.add(first(embed(changed), changed.key, vectors, plain.key))
        yield f"| {name} | " + " | ".join(map(str, scores)) + " |"
    yield ""
    yield from radius(rows.plain)


def copies_table(rows: Rows, sounds: Sequence[Sound]) -> Iterator[str]:
    """Yield the table of duplicates over kits, each held out."""
    compared = Compared()
    by_key = {sound.sha256: sound for sound in sounds}
    for searched in folds(rows.family):
        embed = CHOSEN(rows.where(~searched))
        held = rows.where(searched)

        def changed(change: str, embed: Embed = embed, held: Rows = held) -> F32:
            return embed(held.where(held.change == change))

        plain = held.plain
        compared.add([by_key[key] for key in plain.key.tolist()], embed(plain), changed)
    yield from compared.table()


def radius(rows: Rows) -> Iterator[str]:
    """Yield what the seed's radius finds."""
    vectors = unit_rows(np.asarray(rows.mfcc, np.float64))
    near = 1 - vectors @ vectors.T <= RADIUS
    np.fill_diagonal(near, False)
    alike = rows.label[:, None] == rows.label[None]
    pairs = int(near.sum())
    right = (near & alike).sum() / pairs if pairs else 0.0
    yield (
        f"Within the seed's radius of {RADIUS} (normalised mel cepstrum) "
        f"{100 * (near.any(axis=1)).mean():.1f} % of {len(rows.label)} sounds have any neighbour; "
        f"of the {pairs} pairs found {100 * right:.0f} % are of one class, which is "
        f"{100 * (near & alike).sum() / max(1, alike.sum() - len(alike)):.2f} % of all such pairs."
    )


def other_table(taught: Rows, parts: dict[str, Rows]) -> Iterator[str]:
    """Yield the table over recordings and slices that nothing is learnt from."""
    yield "| vectors | " + " | ".join(parts) + " |"
    yield "|---|" + "---:|" * len(parts)
    for name, learn in METHODS.items():
        embed = learn(taught)
        scores = []
        for rows in parts.values():
            score = Score()
            score.add(precision(embed(rows), rows.label, rows.kit))
            scores.append(str(score))
        yield f"| {name} | " + " | ".join(scores) + " |"


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, print the tables and, with `--write`, update the document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.similarity", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into the document")
    parser.add_argument("--dials", action="store_true", help="print the table of dials alone")
    options = parser.parse_args(arguments)
    sounds = kits()
    if not sounds:
        print("no kits: `make train-tagging` fetches them", file=sys.stderr)
        return
    if options.dials:
        for line in dials_table(sounds):
            print(line, flush=True)
        return
    manifest = read_manifest(ROOT / "services" / "tagging" / "weights.toml")
    weights = open_store(KitSettings()).verified(manifest)
    network = open_network(weights["musicnn-mtt"], threads=1)
    changes = [*CHANGES, *map(str, range(1, 1 + VARIATIONS))]

    def described() -> Rows:
        rows = describe_all(sounds, changes=changes, with_patches=True)
        return collect(rows, network)

    rows = cached("kits", described)
    lines = [f"{len(rows.plain.label)} sounds of {len(set(rows.kit))} kits.", "", *kit_table(rows)]
    if (data := test_data()) is not None:

        def others(of: Callable[..., list[object]]) -> Rows:
            rows = describe_all(of(data), changes=(), with_patches=True)  # type: ignore[arg-type]
            return collect(rows, network)

        parts = {
            "other recordings, class": cached("recordings", partial(others, recordings)),
            "hits of drum tracks, class": cached("slices", partial(others, slices)),
        }
        lines += ["", *other_table(rows, parts)]
    lines += ["", *copies_table(rows, sounds), "", *dials_table(sounds)]
    text = "\n".join(lines)
    print(text)
    if options.write and not SMALLEST:
        write_figures(ROOT / "docs" / "similarity.md", text)


if __name__ == "__main__":
    main(sys.argv[1:])
