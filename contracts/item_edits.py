"""Bulk edits: many items changed by one request, each with a result of its own."""

from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.base import Message, StrictModel
from contracts.collections import MAX_ITEMS_OF_A_CALL, CollectionRef
from contracts.ids import ItemId
from contracts.items import ItemKind, PartOfSong
from contracts.problems import FieldProblem, ProblemCode
from contracts.tags import MAX_TAGS, Rating, TagName

MetadataChanges = Annotated[
    dict[
        Annotated[str, StringConstraints(min_length=1, max_length=64)],
        Annotated[str, StringConstraints(max_length=2000)] | None,
    ],
    Field(max_length=64),
]
"""Metadata entries to set by name; null removes an entry, and all others stay."""
_Tags = Annotated[tuple[TagName, ...], Field(max_length=MAX_TAGS)]


class ItemsEdit(StrictModel):
    """Changes of one or more items; absent fields stay as they are."""

    items: Annotated[tuple[ItemId, ...], Field(min_length=1, max_length=MAX_ITEMS_OF_A_CALL)]
    add_tags: _Tags = ()
    remove_tags: _Tags = ()
    favourite: bool | None = None
    rating: Rating | None = None
    """0 to 5; null for no rating."""
    kind: ItemKind | None = None
    stem: PartOfSong | None = None
    """The part of a song that the items hold; null for none."""
    set_metadata: MetadataChanges = Field(default_factory=dict)
    collections: Annotated[tuple[CollectionRef, ...], Field(max_length=20)] = ()
    """Collections to add the items to, at their end."""
    hide: bool = False
    """Whether to delete the items, after the other changes; for 30 days they can be restored."""


class BulkEdit(StrictModel):
    """Request body to edit many items: at most 500 in all, each named once."""

    edits: Annotated[tuple[ItemsEdit, ...], Field(min_length=1, max_length=MAX_ITEMS_OF_A_CALL)]


class EditFailure(Message):
    """Why an item was not changed."""

    code: ProblemCode
    detail: str
    fields: tuple[FieldProblem, ...] = ()


class EditResult(Message):
    """The result of a bulk edit for one item: changed as requested, or left as it was."""

    item: ItemId
    failure: EditFailure | None = None
    """Null if the item was changed."""


class EditResults(Message):
    """The results of a bulk edit, in the order of the request."""

    results: tuple[EditResult, ...]
    failed: Annotated[int, Field(ge=0)]
    """How many items were left as they were."""
