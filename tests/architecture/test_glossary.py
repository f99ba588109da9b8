"""The glossary is true: each module exists and uses the term that the glossary says it defines."""

import re

import pytest

from tests.architecture.documents import NamedPath, named_paths
from tests.architecture.sources import ROOT

PAGE = "docs/glossary.md"


def _term(row: NamedPath) -> str:
    return row.line.strip("| ").split("|")[0].strip()


ROWS = {_term(row): row for row in named_paths(PAGE)}


def _plain(text: str) -> str:
    """Return text in lower case, with `DeadLetter`, `dead_letter` and `dead-letter` as words."""
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return re.sub(r"[\s_-]+", " ", split).lower()


def test_every_row_names_a_module() -> None:
    lines = (ROOT / PAGE).read_text(encoding="utf-8").splitlines()
    terms = [line for line in lines if line.startswith("| ") and not line.startswith("| term")]
    assert len(terms) == len(ROWS) > 24


@pytest.mark.parametrize("term", ROWS)
def test_a_terms_module_exists_and_mentions_it(term: str) -> None:
    row = ROWS[term]
    if row.file is None:
        return  # The module comes with code that is about to be moved there.
    assert row.file.is_file(), f"{PAGE} names {row.path}, which does not exist"
    assert _plain(term) in _plain(row.file.read_text(encoding="utf-8"))
