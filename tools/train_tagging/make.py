"""Train the weights, and write their manifest and figures; run in the training environment."""

import argparse
import csv
import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from services.tagging.oneshots import CLASSES, FEATURES
from tools.train_tagging import figures, fitting
from tools.train_tagging.examples import Examples, examples
from tools.train_tagging.synthesis import FAMILY

WEIGHTS = Path(__file__).parents[2] / "services" / "tagging" / "weights"
_BEGIN, _END = "<!-- training: begin -->", "<!-- training: end -->"


def main(arguments: list[str]) -> None:
    """Train on all permitted sounds, and evaluate on the held-out ones."""
    parser = argparse.ArgumentParser(prog="make train-tagging", description=__doc__)
    parser.add_argument("packages", type=Path, help="the folder of unpacked packages")
    parser.add_argument("--permissive", action="store_true", help="learn from CC0, MIT, CC-BY only")
    parser.add_argument("--target", type=Path, default=WEIGHTS, help="where the weights go")
    args = parser.parse_args(arguments)
    # The number of epochs is chosen: that more would still change the weights is known.
    warnings.simplefilter("ignore", ConvergenceWarning)
    known = examples(args.packages)
    permitted = np.ones(len(known.sound), bool)
    if args.permissive:
        families = {sound.family for sound in known.sounds if sound.permissive}
        permitted = np.isin(known.families, sorted({*families, FAMILY}))
    held_out = fitting.cross_validate(known, permitted)
    final = fitting.fit(known, permitted & known.learnt, fitting.MEMBERS)
    args.target.mkdir(parents=True, exist_ok=True)
    fitting.write(final, held_out.temperature, args.target / "oneshots.npz")
    _manifest(known, permitted & known.learnt, args.target / "manifest.csv")
    measured = _measured(known, held_out)
    text = json.dumps(measured, indent=2, sort_keys=True)
    (args.target / "metrics.json").write_text(text + "\n", encoding="utf-8")
    table = "\n".join(_tables(known, held_out, measured))
    print(table)
    readme = args.target / "README.md"
    if readme.is_file():
        before, rest = readme.read_text(encoding="utf-8").split(_BEGIN, 1)
        after = rest.split(_END, 1)[1]
        readme.write_text(f"{before}{_BEGIN}\n{table}\n{_END}{after}", encoding="utf-8")


def _measured(known: Examples, held_out: fitting.HeldOut) -> dict[str, float | int]:
    rows = known.real
    probabilities, labels = held_out.probabilities[rows], known.labels[rows]
    five, strict, number = figures.coarse(probabilities, labels)
    notes = [CLASSES.index(name) for name in ("bass", "vocal", "synth")]
    drums = ~np.isin(labels, notes)
    error = figures.calibration_error
    return {
        "five_accuracy": round(five, 4),
        "five_accuracy_of_all": round(strict, 4),
        "five_sounds": number,
        "accuracy": round(figures.accuracy(probabilities, labels), 4),
        "mean_recall": round(figures.recall(probabilities, labels), 4),
        "calibration_error": round(error(probabilities, labels), 4),
        "sounds": len(labels),
        "drums_accuracy": round(figures.accuracy(probabilities[drums], labels[drums]), 4),
        "drums_calibration_error": round(error(probabilities[drums], labels[drums]), 4),
        "drums_sounds": int(drums.sum()),
        "features": FEATURES,
        "temperature": held_out.temperature,
    }


def _manifest(known: Examples, rows: NDArray[np.bool_], path: Path) -> None:
    learnt = set(known.sound[rows].tolist())
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["kit", "file", "class", "licence", "learnt", "sha256"])
        for place, sound in enumerate(known.sounds):
            if sound.licence:
                used = "yes" if place in learnt else "no"
                row = [sound.kit, sound.name, sound.label, sound.licence, used, sound.sha256]
                writer.writerow(row)


def _tables(
    known: Examples, held_out: fitting.HeldOut, measured: dict[str, float | int]
) -> Iterator[str]:
    rows = known.real
    probabilities, labels = held_out.probabilities[rows], known.labels[rows]
    yield "| on families of kits that were held out | sounds | accuracy | calibration error |"
    yield "|---|---:|---:|---:|"
    yield (
        f"| kick, snare, cymbal, tom, loop: the likeliest of the five | {measured['five_sounds']} "
        f"| **{measured['five_accuracy']:.3f}** | |"
    )
    yield (
        f"| the same sounds, the likeliest of all classes | {measured['five_sounds']} "
        f"| {measured['five_accuracy_of_all']:.3f} | |"
    )
    yield (
        f"| all {len(CLASSES)} classes | {measured['sounds']} | {measured['accuracy']:.3f} "
        f"(mean over the classes {measured['mean_recall']:.3f}) "
        f"| {measured['calibration_error']:.3f} |"
    )
    yield (
        f"| without bass, vocal and synth | {measured['drums_sounds']} "
        f"| {measured['drums_accuracy']:.3f} | {measured['drums_calibration_error']:.3f} |"
    )
    yield ""
    yield from figures.confusion(probabilities, labels)
    yield ""
    yield from figures.thresholds(probabilities, labels, (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8))
    yield ""
    yield "| kit | held out with | licence | sounds | accuracy, all classes |"
    yield "|---|---|---|---:|---:|"
    kits = known.column(sound.kit for sound in known.sounds)[rows]
    facts = {sound.kit: sound for sound in known.sounds if sound.licence}
    for kit, sound in facts.items():
        of_kit = kits == kit
        share = figures.accuracy(probabilities[of_kit], labels[of_kit])
        yield f"| {kit} | {sound.family} | {sound.licence} | {of_kit.sum()} | {share:.3f} |"


if __name__ == "__main__":
    main(sys.argv[1:])
