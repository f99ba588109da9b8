"""Paths that documents name, and the files that they stand for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.sources import ROOT

UNCHECKED = "<!-- check path -->"
"""Follows a path of code that is about to be moved there."""
_PATH = re.compile(
    rf"`((?:[\w.-]+/)+[\w.-]*\.(?:py|md|toml|yaml|json))(?::(\w+))?`(\s*{re.escape(UNCHECKED)})?"
)


@dataclass(frozen=True, slots=True)
class NamedPath:
    """A path in a document."""

    line: str
    path: str
    symbol: str | None
    """The class or function of it, where the document names one: `kit/main.py:run`."""
    is_checked: bool

    @property
    def file(self) -> Path | None:
        """The file, or for a path that is not checked yet the one file of that name, if any."""
        path = ROOT / self.path
        if path.is_file() or self.is_checked:
            return path
        folder = ROOT.joinpath(*Path(self.path).parts[:2])
        named = list(folder.rglob(path.name)) if folder.is_dir() else []
        return named[0] if len(named) == 1 else None


def named_paths(document: str) -> Iterator[NamedPath]:
    """Yield the paths that a document names in backticks; a placeholder is no path."""
    for line in (ROOT / document).read_text(encoding="utf-8").splitlines():
        for match in _PATH.finditer(line):
            yield NamedPath(line, match[1], match[2], match[3] is None)
