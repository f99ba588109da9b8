"""How well taught tags find what has the tag, and how long an answer takes.

`python -m benchmarks.teaching` prints the tables of `docs/teaching.md`; `--write` also puts them
there. A class of drum sounds plays the tag. Labels come from half of the kits, and F1 is measured
on the others; the projection of the vectors is learnt on other families of kits. The calibration of
`services.library.teaching.learning` was tuned on the first of three parts of the families, whose
kits are left out of the tables.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.environments import ROOT, SMALLEST, write_figures
from benchmarks.similarity import RADIUS, folds
from benchmarks.similarity_sounds import VARIATIONS, describe_all, digest, kits
from benchmarks.teaching_answers import measure_answers
from kit.arrays import F32, F64
from services.library.teaching.learning import Examples, confidences, learn
from services.tagging.similarity import unit_rows
from tools.train_similarity.fitting import fit

LABELS = (5, 10, 20)
SPLITS = 2 if SMALLEST else 20
"""Ways in which the kits of a part are divided into those that teach and those that are tested."""
QUESTIONS = 5
"""Questions that are answered before the tag learns again."""
MIN_TAUGHT, MIN_TESTED = (2, 1) if SMALLEST else (10, 5)
"""Sounds of a class that either side must have."""
ITEMS = 2_000 if SMALLEST else 100_000
Mask = NDArray[np.bool_]
Names = NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Part:
    """Sounds of some families of kits, `[sounds]` each.

    Attributes
    ----------
    vectors
        Of a projection that was learnt on other families, `[sounds, 64]`.
    mfcc
        Mel cepstrum normalised over the sound, unit vectors.
    """

    label: Names
    kit: Names
    vectors: F32
    mfcc: F32


@dataclass(slots=True)
class Figures:
    """F1 by method and number of labels, one value for each class and split."""

    scores: dict[tuple[str, int], list[float]] = field(default_factory=dict)

    def add(self, method: str, labels: int, predicted: Mask, has_tag: Mask) -> None:
        """Add the F1 of a prediction over the tested sounds."""
        hits = int((predicted & has_tag).sum())
        total = int(predicted.sum() + has_tag.sum())
        self.scores.setdefault((method, labels), []).append(2 * hits / total if total else 0.0)

    def table(self) -> Iterator[str]:
        """Yield the table: mean and standard error."""
        methods = list(dict.fromkeys(method for method, _ in self.scores))
        count = len(next(iter(self.scores.values()), []))
        yield f"F1 on kits that gave no labels, mean ± standard error of {count} cases."
        yield ""
        yield "| method | " + " | ".join(f"{labels} labels" for labels in LABELS) + " |"
        yield "|---|" + "---:|" * len(LABELS)
        for method in methods:
            cells = [_mean(self.scores[method, labels]) for labels in LABELS]
            yield f"| {method} | " + " | ".join(cells) + " |"


def _mean(values: Sequence[float]) -> str:
    error = float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else 0.0
    return f"{np.mean(values):.3f} ± {error:.3f}"


def described_kits() -> dict[str, NDArray[np.generic]]:
    """Return the sounds of the kits and variations of them, described, as columns by name."""
    path = ROOT / ".cache" / f"teaching-{digest()}.npz"
    if not path.is_file():
        path.parent.mkdir(exist_ok=True)
        changes = [str(number) for number in range(1, 1 + VARIATIONS)]
        described = describe_all(kits(), changes=changes, with_patches=False)
        np.savez(
            path,
            label=[row.sound.label for row in described],
            instrument=[row.sound.instrument for row in described],
            kit=[row.sound.kit for row in described],
            family=[row.sound.family for row in described],
            plain=[not row.change for row in described],
            descriptors=[row.descriptors for row in described],
            mfcc=[row.mfcc for row in described],
        )
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def parts() -> list[Part]:
    """Return the sounds of the kits in three parts; the first is for tuning."""
    rows = described_kits()
    return [_part(rows, held) for held in folds(np.asarray(rows["family"], np.str_))]


def _part(rows: Mapping[str, NDArray[np.generic]], held: Mask) -> Part:
    descriptors = np.asarray(rows["descriptors"], np.float32)
    projection = fit(descriptors[~held], rows["instrument"][~held], rows["label"][~held])
    chosen = held & np.asarray(rows["plain"], np.bool_)
    return Part(
        np.asarray(rows["label"][chosen], np.str_),
        np.asarray(rows["kit"][chosen], np.str_),
        np.asarray(projection.apply(descriptors[chosen]), np.float32),
        unit_rows(np.asarray(rows["mfcc"][chosen], np.float64)),
    )


def measure(figures: Figures, part: Part, chance: np.random.Generator) -> None:
    """Add the figures of every class and split of a part."""
    names = np.unique(part.kit)
    for label in np.unique(part.label):
        has_tag = part.label == label
        for _ in range(SPLITS):
            teach = np.isin(part.kit, chance.permutation(names)[: len(names) // 2])
            if (has_tag & teach).sum() < MIN_TAUGHT or (has_tag & ~teach).sum() < MIN_TESTED:
                continue
            yes = chance.permutation(np.flatnonzero(has_tag & teach))
            no = chance.permutation(np.flatnonzero(~has_tag & teach))
            _at_random(figures, part, has_tag, ~teach, yes, no)
            _with_questions(figures, part, has_tag, teach, yes)


def _at_random(
    figures: Figures,
    part: Part,
    has_tag: Mask,
    tested: Mask,
    yes: NDArray[np.int64],
    no: NDArray[np.int64],
) -> None:
    """Add the figures of labels drawn at random: five yes, or half yes and half no."""
    for labels in LABELS:
        of_yes = 5 if labels == 5 else labels // 2
        examples, others = yes[:of_yes], no[: labels - of_yes]

        def add(method: str, predicted: Mask, labels: int = labels) -> None:
            figures.add(method, labels, predicted[tested], has_tag[tested])

        near = 1 - part.mfcc @ part.mfcc[examples].T <= RADIUS
        add("cosine radius of 0.002, mel cepstrum", near.any(axis=1))
        known = np.concatenate((examples, others))
        answers = np.arange(len(known)) < len(examples)
        order = np.argsort(-(part.vectors @ part.vectors[known].T), axis=1, kind="stable")
        for neighbours in (1, 3, 5):
            share = answers[order[:, :neighbours]].mean(axis=1)
            add(f"{neighbours} nearest, vectors of samples", share > 0.5)
        add("taught, labels at random", _taught(part, examples, others)[0])


def _with_questions(
    figures: Figures, part: Part, has_tag: Mask, teach: Mask, yes: NDArray[np.int64]
) -> None:
    """Add the figures of five yes and then answers to the most doubtful questions."""
    examples, others = [int(row) for row in yes[:5]], list[int]()
    while (labels := len(examples) + len(others)) <= max(LABELS):
        predicted, values, threshold = _taught(part, np.array(examples), np.array(others, int))
        if labels in LABELS:
            figures.add(
                "taught, answers to its questions", labels, predicted[~teach], has_tag[~teach]
            )
        left = np.setdiff1d(np.flatnonzero(teach), [*examples, *others])
        doubt = np.abs(_logit(values[left]) - _logit(np.array([threshold])))
        for row in left[np.argsort(doubt, kind="stable")[:QUESTIONS]].tolist():
            (examples if has_tag[row] else others).append(row)


def _taught(part: Part, yes: NDArray[np.int64], no: NDArray[np.int64]) -> tuple[Mask, F32, float]:
    unanswered = np.ones(len(part.label), np.bool_)
    unanswered[yes] = unanswered[no] = False
    learnt = learn(Examples(part.vectors[yes], part.vectors[no], part.vectors, unanswered))
    values = confidences(learnt.coefficients, part.vectors)
    return values >= learnt.threshold, values, learnt.threshold


def _logit(values: NDArray[np.floating]) -> F64:
    clipped = np.clip(np.asarray(values, np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(clipped / (1 - clipped)))


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, print the tables and, with `--write`, update the document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.teaching", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into the document")
    options = parser.parse_args(arguments)
    lines: list[str] = []
    if kits():
        figures = Figures()
        chance = np.random.default_rng(0)
        for part in parts() if SMALLEST else parts()[1:]:
            measure(figures, part, chance)
        lines += [*figures.table(), ""]
    else:
        print("no kits: `make train-tagging` fetches them", file=sys.stderr)
    lines += asyncio.run(measure_answers(ITEMS))
    text = "\n".join(lines)
    print(text)
    if options.write and not SMALLEST:
        write_figures(ROOT / "docs" / "teaching.md", text)


if __name__ == "__main__":
    main(sys.argv[1:])
