"""Custom tags and ratings: what a user notes about an item, besides its metadata."""

import unicodedata
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from contracts.base import Message

MAX_TAGS = 64
"""Maximum number of custom tags of one item."""
_NOT_IN_TAGS = "/\\,"
"""Characters that separate tags, or parts of a path, elsewhere."""


def _tag(text: str) -> str:
    tag = " ".join(unicodedata.normalize("NFC", text).split())
    kinds = {unicodedata.category(character) for character in tag}
    if kinds & {"Cc", "Cs"}:
        raise ValueError("a tag has no control characters")
    if any(character in _NOT_IN_TAGS for character in tag):
        raise ValueError("a tag has no slash, backslash or comma")
    if not any(kind[0] in "LNPS" for kind in kinds) or not tag.strip("."):
        raise ValueError("a tag has at least one letter, digit or sign other than a full stop")
    return tag


TagName = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_tag)]
"""A custom tag as its user typed it, at most 64 characters, in Unicode's form NFC with single
spaces. Two tags are equal if they differ only in case, accents or width."""
Rating = Annotated[int, Field(ge=0, le=5)]
"""How good a user finds an item, 0 to 5; an item without a rating has null."""


class CustomTagSource(StrEnum):
    """Who put a tag on an item."""

    USER = "user"


class ItemTag(Message):
    """A custom tag of an item."""

    name: str
    source: CustomTagSource = CustomTagSource.USER


class TagCount(Message):
    """A custom tag and how many items have it."""

    name: str
    """One of the spellings that the items have."""
    items: Annotated[int, Field(ge=1)]
