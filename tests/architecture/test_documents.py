"""Documents name files and functions that exist."""

import ast
import re

import pytest

from tests.architecture.documents import NamedPath, named_paths
from tests.architecture.sources import ROOT

PAGES = ("README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/adding-a-service.md")
PATHS = sorted({(page, row.path) for page in PAGES for row in named_paths(page) if row.is_checked})
CODE_PATH = [
    row for row in named_paths("docs/architecture.md") if re.match(r"\d+\. |    ", row.line)
]


@pytest.mark.parametrize(("page", "path"), PATHS)
def test_a_named_file_exists(page: str, path: str) -> None:
    assert (ROOT / path).is_file(), f"{page} names {path}, which does not exist"


def test_contributing_lists_twenty_changes_or_more() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text[text.index("| change | file |") :].splitlines()[2:]
    assert len(table) >= 20


def test_the_walk_of_a_job_is_there() -> None:
    assert len(CODE_PATH) > 15


@pytest.mark.parametrize(
    "row", [row for row in CODE_PATH if row.is_checked], ids=lambda row: f"{row.path}:{row.symbol}"
)
def test_a_function_of_the_walk_exists(row: NamedPath) -> None:
    tree = ast.parse((ROOT / row.path).read_text(encoding="utf-8"))
    names = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    assert row.symbol in names, f"docs/architecture.md names {row.symbol}, which is not there"
