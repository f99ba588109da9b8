"""Collections that are read by a link, without an account."""

from base64 import b64encode
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.collections import LinkAccess
from contracts.identity import Principal
from contracts.ids import ItemId, OwnerId
from contracts.items import ArtifactKind, AudioFacts, ItemKind
from contracts.music import Stem
from contracts.shared_links import SharedCollection, SharedItem
from kit.database.engine import database_of
from kit.database.repository import OwnedRows
from kit.http.errors import not_found
from kit.http.list_cursor import ListQuery
from services.library.access import Action, may
from services.library.catalogue.repository import item_is_kept
from services.library.catalogue.tables import ArtifactRow, ItemRow, WaveformRow
from services.library.collections.members import page_of_items
from services.library.collections.repository import Collections, OpenCollection
from services.library.collections.sharing import digest
from services.library.collections.tables import (
    CollectionItemRow,
    CollectionLinkRow,
    CollectionRow,
)
from services.library.collections.views import collection_to_api

_LISTENED = (ArtifactKind.CANONICAL, ArtifactKind.ORIGINAL)
_DOWNLOADED = (ArtifactKind.ORIGINAL, ArtifactKind.CANONICAL)


@dataclass(frozen=True, slots=True)
class LinkedCollection:
    """A collection that was reached by a link, and the link."""

    link: CollectionLinkRow
    row: CollectionRow

    @property
    def access(self) -> LinkAccess:
        """What the link gives."""
        return LinkAccess(self.link.access)


class SharedLinks:
    """What links give to callers without an account, within one session.

    Everything that is refused raises `ProblemError` of code `not_found`, so that nobody learns
    whether a link exists, has expired, was revoked or gives less.
    """

    def __init__(self, session: AsyncSession, guest: Principal) -> None:
        self._session = session
        self._guest = guest
        self._collections = Collections(session, guest)

    async def open(self, secret: str) -> LinkedCollection:
        """Return the collection of a link. Raises `ProblemError`."""
        query = (
            select(CollectionLinkRow, CollectionRow)
            .join(CollectionRow, col(CollectionRow.id) == col(CollectionLinkRow.collection))
            .where(
                col(CollectionLinkRow.secret_sha256) == digest(secret),
                col(CollectionLinkRow.expires) > database_of(self._session).now(),
            )
        )
        if (row := (await self._session.execute(query)).first()) is None:
            raise not_found()
        linked = LinkedCollection(*row)
        if not may(self._guest, Action.LISTEN, linked.row, role=linked.access):
            raise not_found()
        return linked

    async def show(self, linked: LinkedCollection) -> SharedCollection:
        """Return a collection as its link shows it."""
        shown = await collection_to_api(self._session, self._opened(linked))
        held = shown.cover.item if shown.cover and shown.cover.item else None
        if held is not None and await self._member(linked, held) is None:
            held = None
        return SharedCollection(
            name=shown.name,
            note=shown.note,
            cover_item=held,
            has_cover_image=linked.row.cover_artifact is not None,
            items=shown.items,
            downloads=may(self._guest, Action.DOWNLOAD, linked.row, role=linked.access),
            expires=linked.link.expires,
        )

    async def items(
        self, linked: LinkedCollection, request: ListQuery
    ) -> tuple[list[SharedItem], str | None]:
        """Return a page of the items in their order, and the cursor of the next page.

        Raises
        ------
        ProblemError
            The cursor is malformed.
        """
        rows, following = await page_of_items(self._collections, self._opened(linked), request)
        listed = [item for _, item in rows if self._may(Action.LISTEN, linked, item)]
        query = select(col(WaveformRow.item), col(WaveformRow.data)).where(
            col(WaveformRow.item).in_([item.id for item in listed])
        )
        waveforms = dict((await self._session.execute(query)).all())
        return [_to_api(item, waveforms.get(item.id)) for item in listed], following

    async def audio(self, linked: LinkedCollection, item: ItemId) -> ArtifactRow:
        """Return the file with which an item is listened to. Raises `ProblemError`."""
        return (await self._file(linked, item, Action.LISTEN, _LISTENED))[1]

    async def download(self, linked: LinkedCollection, item: ItemId) -> tuple[ItemRow, ArtifactRow]:
        """Return an item and the file to download: the uploaded one, or the audio of a cut.

        Raises
        ------
        ProblemError
        """
        return await self._file(linked, item, Action.DOWNLOAD, _DOWNLOADED)

    async def cover(self, linked: LinkedCollection) -> ArtifactRow:
        """Return the image that is the cover. Raises `ProblemError`."""
        owned = OwnedRows(self._session, ArtifactRow, OwnerId(linked.row.owner), shown=item_is_kept)
        id_ = linked.row.cover_artifact
        file = await owned.get(id_) if id_ is not None else None
        if file is None or not may(self._guest, Action.LISTEN, file, role=linked.access):
            raise not_found()
        return file

    async def _file(
        self,
        linked: LinkedCollection,
        id_: ItemId,
        action: Action,
        kinds: tuple[ArtifactKind, ...],
    ) -> tuple[ItemRow, ArtifactRow]:
        item = await self._member(linked, id_)
        if item is None or not self._may(action, linked, item):
            raise not_found()
        query = select(ArtifactRow).where(
            col(ArtifactRow.item) == item.id, col(ArtifactRow.kind).in_(kinds)
        )
        newest_last = query.order_by(col(ArtifactRow.created), col(ArtifactRow.id))
        files = {file.kind: file for file in await self._session.scalars(newest_last)}
        for kind in kinds:
            if (file := files.get(kind)) is not None:
                return item, file
        raise not_found()

    async def _member(self, linked: LinkedCollection, item: ItemId) -> ItemRow | None:
        query = self._collections.items_of(linked.row.id).where(col(CollectionItemRow.item) == item)
        row = (await self._session.execute(query)).first()
        return row[1] if row is not None else None

    def _may(self, action: Action, linked: LinkedCollection, item: ItemRow) -> bool:
        return may(self._guest, action, item, role=linked.access)

    def _opened(self, linked: LinkedCollection) -> OpenCollection:
        return OpenCollection(linked.row, self._guest.owner)


def _to_api(item: ItemRow, waveform: bytes | None) -> SharedItem:
    return SharedItem(
        id=ItemId(item.id),
        kind=ItemKind(item.kind),
        name=item.name,
        stem=Stem(item.stem) if item.stem else None,
        audio=AudioFacts.model_validate(item.audio) if item.audio else None,
        bpm=item.bpm,
        waveform=b64encode(waveform).decode() if waveform is not None else None,
    )
