"""`python -m benchmarks.quality`: every table of how good the musical results are, in one run.

Recordings are those of the test data, or of another folder of the same layout (`--data`). Times and
memory are left to the other benchmarks.
"""

import argparse
import os
import sys
from pathlib import Path

from benchmarks.__main__ import run

TABLES = (
    *("analysis", "rhythm", "midi", "drums", "slicing", "oneshots", "sound_words", "similarity"),
    *("presence", "content", "invariance", "separation", "transcribe", "harmony"),
)


def main() -> int:
    """Print the tables; the exit status is the number of benchmarks that failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--data", type=Path, help="recordings with their truth")
    parser.add_argument(
        "tables", nargs="*", default=TABLES, metavar="table", help=f"only some of {TABLES}"
    )
    arguments = parser.parse_args()
    if arguments.data is not None:
        if not arguments.data.is_dir():
            parser.error(f"{arguments.data} is no folder")
        os.environ["CRATEDIG_TEST_DATA"] = str(arguments.data.resolve())
    if unknown := set(arguments.tables) - set(TABLES):
        parser.error(f"no such table: {sorted(unknown)}")
    return run(arguments.tables)


if __name__ == "__main__":
    sys.exit(main())
