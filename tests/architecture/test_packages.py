"""The record of the customer's packages is true: each is used where it says, and its legs exist."""

import re
from dataclasses import dataclass

import pytest

from tests.architecture.sources import ROOT, imports
from tests.architecture.test_guarantees import names

PAGE = ROOT / "docs" / "decisions" / "0004-where-each-package-serves.md"
MODULES = {
    "fastapi": "fastapi",
    "uvicorn": "uvicorn",
    "pydantic": "pydantic",
    "sqlmodel": "sqlmodel",
    "aiokafka": "aiokafka",
    "httpx": "httpx",
    "python-jose": "jose",
    "demucs": "demucs",
    "basic-pitch": "basic_pitch",
    "openai-whisper": "whisper",
    "onnxruntime-gpu": "onnxruntime",
    "minio": "minio",
}
"""The customer's list, and the name by which each is imported."""


@dataclass(frozen=True, slots=True)
class Row:
    """What the record says of a package."""

    places: tuple[str, ...]
    legs: tuple[str, ...]


def rows() -> dict[str, Row]:
    """Return the table of the record."""
    result = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 4 and cells[0] != "package":
            places, legs = (tuple(re.findall(r"`([^`]+)`", cells[n])) for n in (1, 3))
            result[cells[0]] = Row(places, legs)
    return result


ROWS = rows()


def test_the_record_names_every_package_of_the_list() -> None:
    assert set(ROWS) == set(MODULES)


@pytest.mark.parametrize("package", MODULES)
def test_a_package_is_used_where_the_record_says(package: str) -> None:
    module = MODULES[package]
    assert ROWS[package].places
    for place in ROWS[package].places:
        path = ROOT / place
        assert path.is_file(), place
        if path.suffix == ".py":
            used = {name.split(".")[0] for name in imports(path)}
            assert module in used, f"{place} does not import {module}"
        else:
            assert f'"{package}"' in path.read_text(encoding="utf-8"), place


@pytest.mark.parametrize("package", MODULES)
def test_a_packages_legs_exist(package: str) -> None:
    assert ROWS[package].legs
    for leg in ROWS[package].legs:
        file, _, name = leg.partition("::")
        path = ROOT / file
        assert path.is_file(), leg
        if file.startswith("tests/"):
            assert name in names(path), leg
        else:
            from benchmarks.__main__ import ORDER

            assert path.parent == ROOT / "benchmarks"
            assert path.stem in ORDER, f"`make bench` does not run {leg}"
