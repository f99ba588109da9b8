"""`python -m tools.train_similarity`: learn the projection from the kits of the classifier."""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.environments import ROOT
from benchmarks.similarity_sounds import KITS, VARIATIONS, describe_all, kits
from tools.train_similarity.fitting import fit
from tools.train_tagging.packages import configuration, fetch

WEIGHTS = ROOT / "services" / "tagging" / "weights" / "similarity.npz"


def main() -> None:
    """Fetch the kits, learn from all of them, and write the weights."""
    parser = argparse.ArgumentParser(prog="python -m tools.train_similarity", description=__doc__)
    parser.add_argument("--target", type=Path, default=WEIGHTS, help="where the weights go")
    options = parser.parse_args()
    fetch(KITS, {kit["package"] for kit in configuration()["kit"]})
    changes = [str(number) for number in range(1, 1 + VARIATIONS)]
    rows = describe_all(kits(), changes=changes, with_patches=False)
    projection = fit(
        np.stack([row.descriptors for row in rows]),
        np.array([row.sound.instrument for row in rows]),
        np.array([row.sound.label for row in rows]),
    )
    half = ("centre", "matrix")
    arrays = {name: getattr(projection, name) for name in ("mean", "scale", *half)}
    arrays |= {name: arrays[name].astype(np.float16) for name in half}
    np.savez(options.target, **arrays)
    print(f"learnt from {len(rows)} sounds and variations: {options.target}")


if __name__ == "__main__":
    main()
