"""`python -m tools.train_tagging`: fetch the packages, then train in the training environment."""

import os
import subprocess
import sys

from benchmarks.environments import ROOT, reference_python
from tools.train_tagging.packages import fetch

PACKAGES = ROOT / ".cache" / "training"


def main() -> int:
    """Train the weights; arguments are those of `tools.train_tagging.make`."""
    fetch(PACKAGES)
    command = [reference_python("training"), "-m", "tools.train_tagging.make", PACKAGES]
    # One thread in linear algebra: its sums have one order, and give the same weights again.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment = {**os.environ, **threads}
    return subprocess.run(
        [*command, *sys.argv[1:]], check=False, cwd=ROOT, env=environment
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
