"""Collections: ordered, nested lists of items; the tray; sharing; the clearance sheet."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from contracts.base import Message, StrictModel, pattern_string
from contracts.ids import ArtifactId, CollectionId, ItemId, LinkId, UserId
from contracts.items import Item
from contracts.music import Samples

MAX_ITEMS_OF_A_CALL = 500
"""Items that one request adds, removes or moves at most."""
PLACES = 16
"""Places of the tray."""

_FAVOURITES, _TRAY = "favourites", "tray"
CollectionRef = Annotated[
    str,
    pattern_string(
        r"^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|favourites|tray)$",
        "send the id of a collection, or `favourites` or `tray` for your own",
    ),
]
"""The id of a collection, or the name of a built-in one of the caller."""
CollectionName = Annotated[str, StringConstraints(min_length=1, max_length=100)]
CollectionNote = Annotated[str, StringConstraints(max_length=2000)]
"""Free text about a collection."""


class CollectionKind(StrEnum):
    """The kind of a collection: made by its user, or built in."""

    COLLECTION = "collection"
    FAVOURITES = _FAVOURITES
    """Every item with a favourite mark: adding an item sets its mark, removing it clears it."""
    TRAY = _TRAY
    """16 numbered places for items."""


class CollectionChange(StrEnum):
    """What changed in a collection."""

    CREATED = "created"
    EDITED = "edited"
    """Its name, note, cover or parent."""
    ITEMS = "items"
    """Which items it holds, or their order."""
    DELETED = "deleted"


class ShareRole(StrEnum):
    """What an account may do with a collection that another account shares with it."""

    VIEWER = "viewer"
    """Read the collection and its items, and download their files."""
    EDITOR = "editor"
    """Also add own items, and remove and reorder items; the items themselves stay unchanged."""


class CollectionRole(StrEnum):
    """What the caller may do with a collection."""

    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


class CollectionCover(StrictModel):
    """The picture of a collection: that of an item, or an image; exactly one of the two."""

    item: ItemId | None = None
    """Show this item's waveform."""
    artifact: ArtifactId | None = None
    """Show this image."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.item is None) == (self.artifact is None):
            raise ValueError("name an item or an artifact, not both")
        return self


class Collection(Message):
    """A collection."""

    id: CollectionId
    kind: CollectionKind
    name: str
    note: str = ""
    cover: CollectionCover | None = None
    parent: CollectionId | None = None
    """The collection that it is nested in."""
    items: Annotated[int, Field(ge=0)]
    """How many items it holds, without those of nested collections."""
    role: CollectionRole
    created: datetime | None = None
    """Null for a built-in collection that has never been used."""
    updated: datetime | None = None


class CollectionCreate(StrictModel):
    """Request body to create a collection."""

    name: CollectionName
    note: CollectionNote = ""
    cover: CollectionCover | None = None
    parent: CollectionId | None = None
    """The collection to nest it in; null for the top level."""


class CollectionEdit(StrictModel):
    """Request body to change a collection; absent fields stay as they are."""

    name: CollectionName | None = None
    note: CollectionNote | None = None
    cover: CollectionCover | None = None
    """Null for none."""
    parent: CollectionId | None = None
    """Null for the top level."""


ItemIds = Annotated[tuple[ItemId, ...], Field(min_length=1, max_length=MAX_ITEMS_OF_A_CALL)]


class CollectionAdd(StrictModel):
    """Request body to add items; those that the collection already holds stay in their place."""

    items: ItemIds
    before: ItemId | None = None
    """Insert them before this item of the collection; by default they go to the end."""
    after: ItemId | None = None
    """Insert them after this item of the collection."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.before is not None and self.after is not None:
            raise ValueError("name `before` or `after`, not both")
        return self


class CollectionMove(CollectionAdd):
    """Request body to move items of a collection, in the given order; by default to the end."""


class CollectionRemove(StrictModel):
    """Request body to remove items from a collection; items that it does not hold are ignored."""

    items: ItemIds


class CollectionItem(Message):
    """An item in a collection."""

    item: Item
    added: datetime


class TrayPlace(Message):
    """One place of the tray."""

    place: Annotated[int, Field(ge=1, le=PLACES)]
    item: Item | None = None
    locked: bool = False
    """Whether the place keeps its item until it is unlocked."""


class Tray(Message):
    """The 16 places of the tray."""

    places: tuple[TrayPlace, ...]


class TrayPlaceEdit(StrictModel):
    """Request body to fill, clear, lock or unlock a place of the tray."""

    item: ItemId | None = None
    """Null to clear the place. If the item has another place, the two places swap."""
    locked: bool = False


class CollectionShare(Message):
    """An account that a collection is shared with."""

    account: UserId
    role: ShareRole
    link: LinkId | None = None
    """The link that the account opened it with; deleting the link ends the share."""
    created: datetime
    expires: datetime | None = None


class CollectionShareEdit(StrictModel):
    """Request body to share a collection with an account, or to change its role."""

    role: ShareRole


class LinkAccess(StrEnum):
    """What a link gives to whoever has it."""

    ACCOUNT = "account"
    """An account of this server that opens it becomes a viewer."""
    LISTEN = "listen"
    """Without an account: see the collection and listen to its items."""
    DOWNLOAD = "download"
    """Without an account: also download its items."""


class CollectionLinkCreate(StrictModel):
    """Request body to create a link that shares a collection read-only."""

    days: Annotated[int, Field(ge=1, le=366)] = 30
    """Days until the link expires, and with it what was opened with it."""
    access: LinkAccess = LinkAccess.ACCOUNT


class CollectionLink(Message):
    """A link without its secret, which only the response that creates it contains."""

    id: LinkId
    access: LinkAccess = LinkAccess.ACCOUNT
    created: datetime
    expires: datetime


class NewCollectionLink(CollectionLink):
    """A new link with its secret."""

    secret: str


class LinkOpen(StrictModel):
    """Request body to open a link: the caller's account becomes a viewer of the collection."""

    secret: Annotated[str, StringConstraints(min_length=20, max_length=200)]


class LicenceStatus(StrEnum):
    """Where the licence of an item is stated."""

    OWN = "own"
    """In its own metadata."""
    INHERITED = "inherited"
    """In the metadata of an item that it was cut from, directly or in several steps."""
    UNKNOWN = "unknown"


class Clearance(Message):
    """One row of a clearance sheet: which rights an item carries, and where it comes from."""

    item: ItemId
    name: str
    status: LicenceStatus
    licence: str | None = None
    """The nearest metadata entry `licence` or `license` in the item's lineage."""
    licence_from: ItemId | None = None
    """The item whose metadata states the licence."""
    source: ItemId
    """The uploaded item at the top of the lineage; the item itself if it was uploaded."""
    source_name: str
    artist: str | None = None
    title: str | None = None
    copyright: str | None = None
    url: str | None = None
    """The nearest metadata entry `url` or `source` in the lineage."""
    start: Samples | None = None
    """First sample of the item in its direct parent."""
    end: Samples | None = None
    """One past the item's last sample in its direct parent."""
