"""`python -m benchmarks [name …]`: run all benchmarks, or those that are named, one by one."""

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
ORDER = (
    "house",
    "jobs",
    "gateway",
    "searching",
    "memory",
    "midi",
    "drums",
    "slicing",
    "tagging",
    "oneshots",
    "analysis",
    "separation",
    "transcribe",
    "full",
)


def names() -> list[str]:
    """Return the benchmarks that are there, in the order in which they run."""
    return [name for name in ORDER if (HERE / f"{name}.py").is_file()]


def main() -> int:
    """Run them; the exit code is the number that failed."""
    chosen = sys.argv[1:] or names()
    if unknown := set(chosen) - set(names()):
        print(f"no such benchmark: {sorted(unknown)}; there are {', '.join(names())}")
        return 2
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
