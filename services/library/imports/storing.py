"""Make the item of a file that an import has read, so that a kill at any time loses nothing.

The upload of the file is written down before its bytes are stored: what a killed process left
behind is dropped like any upload that was never completed. Three transactions follow each other,
and each finds out whether it was made before.
"""

from collections.abc import Sequence
from pathlib import Path

from sqlmodel import col

from contracts.collections import CollectionAdd
from contracts.identity import Principal
from contracts.imports import ImportFileState, ImportState
from contracts.items import ItemKind
from contracts.objects import Bucket
from contracts.uploads import UploadCreate, UploadState
from kit.database.engine import Database
from kit.http.errors import ProblemError
from kit.objects.base import ObjectStore
from services.library.access import Action
from services.library.catalogue.events import emit_items_changed
from services.library.catalogue.repository import Repository
from services.library.catalogue.tables import OPENING, ItemRow, UploadRow
from services.library.catalogue.uploads import BINARY, Uploads
from services.library.collections.members import add_items
from services.library.collections.repository import Collections
from services.library.imports.files import FileDetails, clean_tags
from services.library.imports.tables import ImportFileRow, ImportRow
from services.library.jobs.locks import hold_owner
from services.library.tags.item_tags import changed_tags, store_tags


class NotNow(Exception):
    """The file cannot be stored now, but later."""


class Storing:
    """Makes items of files.

    Parameters
    ----------
    max_items
        Items that a collection may hold.
    """

    def __init__(
        self, database: Database, objects: ObjectStore, uploads: Uploads, *, max_items: int
    ) -> None:
        self._database = database
        self._objects = objects
        self._uploads = uploads
        self._max_items = max_items

    async def store(
        self, principal: Principal, file: ImportFileRow, path: Path, *, size: int, sha256: str
    ) -> None:
        """Make the item of a file that lies at a path, or find the item that has its bytes.

        Raises
        ------
        ProblemError
            There is no room for it.
        NotNow
        ObjectError
        """
        upload = await self._open_upload(principal, file, size=size, sha256=sha256)
        if upload is None:
            return
        if upload.state == OPENING:
            await self._objects.put_file(
                Bucket.ORIGINALS, upload.object_key, path, media_type=BINARY
            )
            async with self._database.transaction() as session:
                await self._uploads.create_item(Repository(session, principal), upload.id)
        await self._finish(principal, file)

    async def refuse(
        self,
        principal: Principal,
        file: ImportFileRow,
        reason: str,
        state: ImportFileState = ImportFileState.REFUSED,
    ) -> None:
        """Write why a file is not imported."""
        async with self._database.transaction() as session:
            await hold_owner(session, principal.owner)
            row = await session.get(ImportFileRow, (file.import_id, file.position))
            if row is not None and row.state == ImportFileState.WAITING:
                row.state, row.reason = state.value, reason
                await session.flush()

    async def _open_upload(
        self, principal: Principal, file: ImportFileRow, *, size: int, sha256: str
    ) -> UploadRow | None:
        """Return the upload of a file; `None` if the file has an outcome already."""
        async with self._database.transaction() as session:
            await hold_owner(session, principal.owner)
            row = await session.get(ImportFileRow, (file.import_id, file.position))
            parent = await session.get(ImportRow, file.import_id)
            if row is None or row.state != ImportFileState.WAITING or parent is None:
                return None
            if parent.state == ImportState.CANCELLED:
                return None
            repository = Repository(session, principal)
            if row.upload is not None:
                known = await repository.uploads.get(row.upload)
                usable = known is not None and known.state in (OPENING, UploadState.COMPLETED)
                if known is not None and usable and known.sha256 == sha256:
                    return known
            details = FileDetails.model_validate(row.details)
            kind = parent.options.get("kind")
            upload = await self._uploads.create(
                repository,
                UploadCreate(
                    name=details.name[:1000] or "untitled",
                    size=size,
                    sha256=sha256,
                    kind=ItemKind(kind) if kind else details.kind,
                    stem=details.stem,
                    metadata=details.metadata,
                ),
            )
            row.upload = upload.id
            await session.flush()
            return upload

    async def _finish(self, principal: Principal, file: ImportFileRow) -> None:
        """Give a new item its tags and tempo, collect it, and write the outcome of the file."""
        async with self._database.transaction() as session:
            await hold_owner(session, principal.owner)
            row = await session.get(ImportFileRow, (file.import_id, file.position))
            parent = await session.get(ImportRow, file.import_id)
            if row is None or parent is None or row.state != ImportFileState.WAITING:
                return
            repository = Repository(session, principal)
            upload = await repository.uploads.get(row.upload or "")
            if upload is None or upload.item is None:
                raise NotNow
            query = repository.items.select().where(col(ItemRow.id) == upload.item)
            item = (await session.scalars(query.with_for_update(key_share=True))).one_or_none()
            row.item = upload.item
            row.state = (
                ImportFileState.DUPLICATE if upload.duplicate else ImportFileState.ADDED
            ).value
            if upload.duplicate:
                row.reason = "An earlier item has the same bytes; it was left as it is."
            if item is not None:
                if not upload.duplicate:
                    await self._describe(repository, item, row, parent)
                await self._collect(Collections(session, principal), parent, item)
            await session.flush()

    async def _describe(
        self, repository: Repository, item: ItemRow, row: ImportFileRow, parent: ImportRow
    ) -> None:
        details = FileDetails.model_validate(row.details)
        names: Sequence[str] = clean_tags([*parent.options.get("tags", ()), *details.tags])
        if names:
            tags = changed_tags(item, names, (), field="tags")
            await store_tags(repository.session, [(item, tags)])
        if details.bpm is not None and item.bpm is None:
            item.bpm = details.bpm
        if names or details.bpm is not None:
            await repository.session.flush()
            await emit_items_changed(repository.session, [item])

    async def _collect(self, collections: Collections, parent: ImportRow, item: ItemRow) -> None:
        """Add an item to the collection of its import, unless that is gone or full."""
        if parent.collection is None:
            return
        try:
            collection = await collections.get(parent.collection, Action.ARRANGE, hold=True)
            await add_items(
                collections,
                collection,
                CollectionAdd(items=(item.id,)),
                max_items=self._max_items,
            )
        except ProblemError:
            return
