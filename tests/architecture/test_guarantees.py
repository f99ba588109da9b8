"""Every test that a guarantee rests on exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, ROOT, sources

PAGE = ROOT / "docs" / "guarantees.md"
REFERENCE = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
REFERENCES = sorted(set(REFERENCE.findall(PAGE.read_text(encoding="utf-8"))))

NUMBER = re.compile(r"\b([RS])([1-9]\d?)\b(?:–[RS](\d+)\b)?")


def numbers(text: str) -> set[str]:
    """Return the numbers of promises in a text; `R7–R9` names three."""
    return {
        f"{letter}{number}"
        for letter, first, last in NUMBER.findall(text)
        for number in range(int(first), int(last or first) + 1)
    }


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


def test_every_number_in_code_is_on_the_page() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources(*PACKAGES, "tests"))
    assert numbers(code) - numbers(PAGE.read_text(encoding="utf-8")) == set()


def test_a_range_of_numbers_names_all_of_them() -> None:
    assert numbers("held by R7–R9, S11") == {"R7", "R8", "R9", "S11"}
