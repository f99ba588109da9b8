"""`python -m tools.train_drums`: fetch the packages, then train in the environment with torch."""

import os
import subprocess
import sys

from benchmarks.environments import ROOT, reference_python
from tools.train_tagging.__main__ import PACKAGES
from tools.train_tagging.packages import fetch


def main() -> int:
    """Train the network; arguments are those of `tools.train_drums.make`."""
    fetch(PACKAGES)
    command = [reference_python("drums"), "-m", "tools.train_drums.make", PACKAGES]
    # One thread in linear algebra: its sums have one order, and give the same weights again.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = {**os.environ, **threads}
    return subprocess.run(
        [*command, *sys.argv[1:]], check=False, cwd=ROOT, env=environment
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
