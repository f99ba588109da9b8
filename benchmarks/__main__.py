"""`python -m benchmarks [name …]`: run all benchmarks, or those that are named, one by one.

`--smallest` runs each on its smallest case, which shows that it still works and gives no figure.
Those that are compared with PyTorch or TensorFlow (several GB to install) are then left out where
they are not named.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
ORDER = (
    "server",
    "jobs",
    "gateway",
    "http_servers",
    "attack",
    "searching",
    "search",
    "row_security",
    "crate",
    "web",
    "vectors",
    "memory",
    "midi",
    "drums",
    "stored_notes",
    "slicing",
    "tagging",
    "export",
    "oneshots",
    "sound_words",
    "similarity",
    "teaching",
    "recommendations",
    "map",
    "analysis",
    "rhythm",
    "harmony",
    "separation",
    "presence",
    "content",
    "invariance",
    "transcribe",
    "full",
    "capacity",
)


def names() -> list[str]:
    """Return the names of the benchmarks, in the order in which they run."""
    return [name for name in ORDER if (HERE / f"{name}.py").is_file()]


HEAVY = ("tagging", "transcribe")
"""Benchmarks whose references take gigabytes to install."""


def main() -> int:
    """Run the benchmarks; the exit code is the number that failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(names()))
    parser.add_argument("--smallest", action="store_true", help="only show that each still works")
    args = parser.parse_args()
    chosen = args.names or names()
    if args.smallest:
        os.environ["CRATEDIG_BENCH"] = "smallest"
        if not args.names:
            chosen = [name for name in chosen if name not in HEAVY]
            print(f"left out, since they need PyTorch or TensorFlow: {', '.join(HEAVY)}")
    if unknown := set(chosen) - set(names()):
        print(f"no such benchmark: {sorted(unknown)}; there are {', '.join(names())}")
        return 2
    return run(chosen)


def run(chosen: Sequence[str]) -> int:
    """Run benchmarks one by one; return how many failed."""
    failed = []
    for name in chosen:
        print(f"\n== {name}", flush=True)
        began = time.monotonic()
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False)
        print(f"== {name} took {time.monotonic() - began:.0f} s", flush=True)
        if done.returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
