"""Every test that a guarantee rests on exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

PAGE = ROOT / "docs" / "guarantees.md"
REFERENCE = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
REFERENCES = sorted(set(REFERENCE.findall(PAGE.read_text(encoding="utf-8"))))


@cache
def names(path: Path) -> frozenset[str]:
    """Return the functions at the top of a module: what pytest collects, and what it takes over."""
    return frozenset(
        node.name
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def test_the_page_names_tests() -> None:
    assert len(REFERENCES) > 60
    assert all(name for _, name in REFERENCES), "a file alone proves nothing in particular"


@pytest.mark.parametrize(("file", "name"), REFERENCES)
def test_a_named_test_exists(file: str, name: str) -> None:
    path = ROOT / file
    assert path.is_file(), f"docs/guarantees.md names {file}, which is not there"
    assert path.name.startswith("test_"), f"pytest collects nothing from {file}"
    assert name.startswith("test_"), f"{name} is no test"
    assert name in names(path), f"docs/guarantees.md names {name}, which {file} does not hold"
