"""Collections, the tray, tags with their counts, clearance sheets, and results of bulk edits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypedDict

from cratedig.types.base import Answer
from cratedig.types.catalogue import Audio, Item, ItemKind, Stem

ShareRole = Literal["viewer", "editor"]
"""What an account may do with a collection that is shared with it."""


LinkAccess = Literal["account", "listen", "download"]
"""What a link gives: an account becomes a viewer, or anybody listens, or also downloads."""


class TagCount(Answer):
    """A custom tag and how many items have it."""

    name: str
    items: int


class CollectionCover(Answer):
    """The picture of a collection: an item's waveform, or an image among the files."""

    item: str | None = None
    artifact: str | None = None


class Collection(Answer):
    """An ordered list of items; `items` is how many, `role` what the caller may do with it."""

    id: str
    kind: str
    name: str
    note: str = ""
    cover: CollectionCover | None = None
    parent: str | None = None
    items: int
    role: str
    created: datetime | None = None
    updated: datetime | None = None


class CollectionChanges(TypedDict, total=False):
    """Changes of a collection. Absent keys stay as they are; `None` clears a value."""

    name: str
    note: str
    cover: dict[str, str] | None
    """`{"item": id}` or `{"artifact": id}`."""
    parent: str | None


class CollectionItem(Answer):
    """An item in a collection."""

    item: Item
    added: datetime


class TrayPlace(Answer):
    """One of the 16 places of the tray."""

    place: int
    item: Item | None = None
    locked: bool = False


class Tray(Answer):
    """The tray."""

    places: tuple[TrayPlace, ...]


class CollectionShare(Answer):
    """An account that a collection is shared with, through `link` if it opened one."""

    account: str
    role: str
    link: str | None = None
    created: datetime
    expires: datetime | None = None


class CollectionLink(Answer):
    """A link to a collection; only the answer that creates it has the `secret`."""

    id: str
    access: LinkAccess = "account"
    created: datetime
    expires: datetime
    secret: str | None = None


class SharedCollection(Answer):
    """A collection as its link shows it; `items` is how many.

    `downloads` says whether the link allows to download them.
    """

    name: str
    note: str
    cover_item: str | None = None
    has_cover_image: bool
    items: int
    downloads: bool
    expires: datetime


class SharedItem(Answer):
    """An item of a collection as its link shows it; `waveform` is one of `Waveforms`."""

    id: str
    kind: str
    name: str
    stem: str | None = None
    audio: Audio | None = None
    bpm: float | None = None
    waveform: str | None = None


class Clearance(Answer):
    """A row of a clearance sheet: the rights of an item, and where it comes from."""

    item: str
    name: str
    status: str
    licence: str | None = None
    licence_from: str | None = None
    source: str
    source_name: str
    artist: str | None = None
    title: str | None = None
    copyright: str | None = None
    url: str | None = None
    start: int | None = None
    end: int | None = None


class ItemsEdit(TypedDict, total=False):
    """Changes of the items in `items`. Absent keys stay as they are; `None` clears a value."""

    items: Sequence[str]
    add_tags: Sequence[str]
    remove_tags: Sequence[str]
    favourite: bool
    rating: int | None
    kind: ItemKind
    stem: Stem | None
    set_metadata: dict[str, str | None]
    """Values to set by name; all other metadata stays."""
    collections: Sequence[str]
    """Ids of collections to add the items to."""
    hide: bool
    """Delete the items; for 30 days they can be restored."""


class FieldProblem(Answer):
    """One invalid field of a request."""

    field: str
    message: str


class EditFailure(Answer):
    """Why an item was not changed."""

    code: str
    detail: str
    fields: tuple[FieldProblem, ...] = ()


class EditResult(Answer):
    """The result of a bulk edit for one item."""

    item: str
    failure: EditFailure | None = None


class EditResults(Answer):
    """The results of a bulk edit, in the order of the request."""

    results: tuple[EditResult, ...]
    failed: int
