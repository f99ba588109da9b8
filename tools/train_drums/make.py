"""Train the drum network, choose its thresholds, and write its manifest and figures."""

import argparse
import csv
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from services.midi.strokes.features import DRUMS
from tools.train_drums import batches, fitting, network
from tools.train_drums.export import export
from tools.train_drums.kits import HELD_OUT
from tools.train_drums.pieces import digest, pieces
from tools.train_drums.scoring import MIXES, Score, best_thresholds, counts, f_measure, presence_of
from tools.train_tagging.sounds import Sound, load

WEIGHTS = Path(__file__).parents[2] / "services" / "midi" / "weights"
_BEGIN, _END = "<!-- training: begin -->", "<!-- training: end -->"
_VALIDATED = 40


def main(arguments: list[str]) -> None:
    """Train on generated pieces, and evaluate on others with held-out kits."""
    parser = argparse.ArgumentParser(prog="make train-drums", description=__doc__)
    parser.add_argument("packages", type=Path, help="the folder of unpacked packages")
    parser.add_argument("--target", type=Path, default=WEIGHTS, help="where the weights go")
    parser.add_argument(
        "--steps", type=int, default=fitting.STEPS, help="end early, to see that it works"
    )
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    learnt = pieces(args.packages, "train", fitting.PIECES)
    kept = args.packages / "drums" / f"state-{_recipe()}.pt"
    fitted = fitting.fit(learnt, kept, steps=args.steps)
    scores = fitting.evaluate(fitted, pieces(args.packages, "validate", _VALIDATED))
    args.target.mkdir(parents=True, exist_ok=True)
    export(fitted, args.target / "drums.onnx")
    chosen = {kind: best_thresholds(scores, kind) for kind in MIXES}
    _json(args.target / "drums.json", {**chosen, "present": presence_of(scores, chosen)})
    measured = {
        "parameters": network.parameters(fitted),
        "pieces": fitting.PIECES,
        "steps": args.steps,
        **{f"f_{kind}": _overall(scores, kind, chosen[kind]) for kind in MIXES},
    }
    _json(args.target / "metrics.json", measured)
    _manifest(args.packages, args.target / "manifest.csv")
    table = "\n".join(_table(scores, chosen))
    print(table)
    readme = args.target / "README.md"
    if readme.is_file():
        before, rest = readme.read_text(encoding="utf-8").split(_BEGIN, 1)
        after = rest.split(_END, 1)[1]
        readme.write_text(f"{before}{_BEGIN}\n{table}\n{_END}{after}", encoding="utf-8")


def _recipe() -> str:
    """Return a hash of everything that decides the weights."""
    recipe = hashlib.sha256(digest().encode())
    for module in (batches, fitting, network):
        recipe.update(Path(str(module.__file__)).read_bytes())
    return recipe.hexdigest()[:12]


def _json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _overall(scores: Sequence[Score], kind: str, thresholds: Sequence[float]) -> float:
    some = [score for score in scores if score.kind == kind]
    each = [counts(some, drum, thresholds[drum]) for drum in range(len(DRUMS))]
    return round(f_measure(*(int(column) for column in np.sum(each, axis=0))), 4)


def _manifest(packages: Path, path: Path) -> None:
    """Write a line for each kit: its licence, how it is used, and a hash of its sounds."""
    kits: dict[tuple[str, str, str], list[str]] = {}
    for sound in map(Sound.broadly, load(packages)):
        if sound.label in DRUMS and not sound.held_out:
            place = (sound.kit, sound.family, sound.licence)
            kits.setdefault(place, []).append(f"{sound.name} {sound.label} {sound.sha256}")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["kit", "family", "licence", "use", "sounds", "sha256"])
        for (kit, family, licence), lines in kits.items():
            use = "validation" if family in HELD_OUT else "training"
            content = hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
            writer.writerow([kit, family, licence, use, len(lines), content])


def _table(scores: Sequence[Score], chosen: dict[str, list[float]]) -> Iterator[str]:
    yield "| drum | strokes | F, drums alone | threshold | F, mixtures | threshold |"
    yield "|---|---:|---:|---:|---:|---:|"
    of_kind = {kind: [score for score in scores if score.kind == kind] for kind in MIXES}
    for number, drum in enumerate(DRUMS):
        cells = []
        played = 0
        for kind, some in of_kind.items():
            threshold = chosen[kind][number]
            matches, played, estimated = counts(some, number, threshold)
            cells.append(f"{f_measure(matches, played, estimated):.3f} | {threshold:.2f}")
        yield f"| {drum.replace('_', ' ')} | {played} | {' | '.join(cells)} |"
    totals = [f"**{_overall(scores, kind, chosen[kind]):.3f}** |" for kind in MIXES]
    yield f"| all | | {' | '.join(totals)} |"


if __name__ == "__main__":
    main(sys.argv[1:])
