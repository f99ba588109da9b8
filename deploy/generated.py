"""Files that follow from the code: written by a command, and compared by it with `--check`."""

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path


def write_or_check(
    files: Mapping[Path, str], *, obsolete: Iterable[Path] = (), prog: str, description: str | None
) -> int:
    """Write files that differ; with `--check` among the arguments, only name them.

    Parameters
    ----------
    files
        The text of every file.
    obsolete
        Files that are generated no longer; they are removed.
    prog, description
        The command, for its `--help`.

    Returns
    -------
    int
        The exit status: 1 if `--check` finds a file that is not up to date.
    """
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if outdated")
    check = parser.parse_args().check
    status = 0
    for path, text in files.items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if check:
            print(f"{path} is outdated: run `make schemas`", file=sys.stderr)
            status = 1
        else:
            path.write_text(text, encoding="utf-8")
    for path in obsolete:
        if check:
            print(f"{path} is generated no longer: run `make schemas`", file=sys.stderr)
            status = 1
        else:
            path.unlink()
    return status
