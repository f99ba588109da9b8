"""Saved searches: queries with a name, which count what they newly find."""

import unicodedata
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from contracts.base import Message, StrictModel
from contracts.ids import SavedSearchId
from contracts.search import MAX_QUERY_LENGTH


def _name(text: str) -> str:
    name = " ".join(unicodedata.normalize("NFC", text).split())
    kinds = {unicodedata.category(character) for character in name}
    if kinds & {"Cc", "Cs"}:
        raise ValueError("a name has no control characters")
    if '"' in name or "," in name:
        raise ValueError("a name has no quotation mark or comma")
    if not any(kind[0] in "LN" for kind in kinds):
        raise ValueError("a name has at least one letter or digit")
    return name


SavedSearchName = Annotated[
    str, StringConstraints(min_length=1, max_length=100), AfterValidator(_name)
]
"""The name of a saved search, at most 100 characters, as the query language writes it after
`search:`. Two names are equal if they differ only in case, accents or width."""
SavedQuery = Annotated[str, StringConstraints(max_length=MAX_QUERY_LENGTH)]
"""A search in the query language."""


class SavedSearch(Message):
    """A saved search."""

    id: SavedSearchId
    name: str
    q: str
    """The search in the query language, as it was saved."""
    notify: bool
    """Whether `search.matched` is emitted when it finds something new."""
    created: datetime
    updated: datetime
    seen: datetime
    """When it was last opened."""
    new: Annotated[int, Field(ge=0)]
    """Items that it finds and did not find when it was last opened."""
    total: Annotated[int, Field(ge=0)] | None = None
    """Items that it finds; null for a search with `like:`, which finds the nearest ones only when
    it is opened."""


class SavedSearchCreate(StrictModel):
    """Request body to save a search."""

    name: SavedSearchName
    q: SavedQuery
    notify: bool = False


class SavedSearchEdit(StrictModel):
    """Request body to change a saved search; absent fields stay as they are.

    A changed query starts counting from zero.
    """

    name: SavedSearchName | None = None
    q: SavedQuery | None = None
    notify: bool | None = None
