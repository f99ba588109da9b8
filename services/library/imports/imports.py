"""Imports: created, cancelled, and the limits of both."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.collections import CollectionCreate
from contracts.ids import CollectionId
from contracts.imports import ImportCreate, ImportFileState, ImportState
from contracts.ingest import clean_tag
from contracts.problems import FieldProblem, ProblemCode
from contracts.uploads import UploadState
from kit.clock import new_id
from kit.database.engine import database_of
from kit.database.notifications import notify_on_commit
from kit.http.errors import ProblemError
from services.library.access import Action
from services.library.catalogue.tables import UploadRow
from services.library.catalogue.uploads import give_up
from services.library.collections.builtin import NAMES
from services.library.collections.collections import create_collection
from services.library.collections.repository import Collections
from services.library.imports.events import emit_import_changed
from services.library.imports.files import MAX_NAME
from services.library.imports.providers.base import Listing, RemoteFile
from services.library.imports.repository import Imports
from services.library.imports.tables import ImportFileRow, ImportRow
from services.library.jobs.locks import hold_owner

IMPORTS = "imports"
"""The signal that is set when an import was created, and the name of the leadership."""
MAX_UNDER_WAY = 20
"""Imports of one owner that have not ended."""
KEPT = 200
"""Imports of one owner that are remembered; older ones that have ended are deleted."""
UNDER_WAY = (ImportState.QUEUED, ImportState.RUNNING)
PACK_LASTS = timedelta(days=7)
"""Time in which a pack must be imported; then its upload is dropped like any other."""


async def create_import(
    imports: Imports, request: ImportCreate, listing: Listing | None, *, max_collections: int
) -> ImportRow:
    """Create an import of a pack, or of files that a provider found.

    Raises
    ------
    ProblemError
    """
    session, owner = imports.session, imports.owner
    await hold_owner(session, owner)
    collections = Collections(session, imports.principal)
    await _admit(session, owner)
    if request.collection is not None:
        await _check_collection(collections, request.collection)
    now = await database_of(session).time(session)
    row = ImportRow(
        id=new_id(),
        owner=owner,
        provider=request.provider,
        reference=request.reference,
        state=ImportState.QUEUED.value,
        collection=request.collection,
        options={"kind": request.kind, "tags": list(request.tags)},
        due=now,
        created=now,
        updated=now,
    )
    if listing is None:
        await _hold_pack(imports, row)
    else:
        row.title = clean_tag(listing.title, 100)
        if request.collection is None and len(listing.files) > 1:
            row.collection = await make_collection(
                collections, listing.title, listing.note, max_collections=max_collections
            )
    imports.rows.add(row)
    await session.flush()
    if listing is not None:
        await _add_files(session, row, listing.files)
    await emit_import_changed(session, row)
    notify_on_commit(session, IMPORTS)
    return row


async def cancel_import(imports: Imports, id_: str) -> ImportRow:
    """Cancel an import that has not ended; the items that it made stay.

    Raises
    ------
    ProblemError
    """
    session = imports.session
    await hold_owner(session, imports.owner)
    row = await imports.get(id_, Action.WRITE, hold=True)
    if row.state in UNDER_WAY:
        await end_import(session, row, ImportState.CANCELLED)
    return row


async def end_import(
    session: AsyncSession, row: ImportRow, state: ImportState, *, failure: str | None = None
) -> None:
    """End an import whose owner's lock is held; a pack's archive is deleted."""
    row.state, row.failure = state.value, failure
    row.updated = await database_of(session).time(session)
    await session.flush()
    await emit_import_changed(session, row)
    query = select(UploadRow).where(col(UploadRow.id) == row.upload).with_for_update(key_share=True)
    upload = (await session.scalars(query)).one_or_none() if row.upload else None
    if upload is not None:
        await give_up(session, upload)


async def make_collection(
    collections: Collections, name: str, note: str, *, max_collections: int
) -> str:
    """Create the collection of an import. Raises `ProblemError`."""
    created = await create_collection(
        collections,
        CollectionCreate(name=clean_tag(name, 100) or "Import", note=note[:2000]),
        max_collections=max_collections,
    )
    return created.row.id


async def _admit(session: AsyncSession, owner: str) -> None:
    """Refuse an import beyond the limit, and forget the oldest that have ended."""
    own = col(ImportRow.owner) == owner
    under_way = col(ImportRow.state).in_(UNDER_WAY)
    query = select(func.count()).select_from(ImportRow).where(own, under_way)
    count = (await session.execute(query)).scalar_one()
    if count >= MAX_UNDER_WAY:
        raise ProblemError(
            ProblemCode.TOO_MANY_REQUESTS,
            f"{count} imports of yours are under way; wait until some have ended, or cancel them.",
            retry_after=60,
        )
    old = (
        select(col(ImportRow.id))
        .where(own, ~under_way)
        .order_by(col(ImportRow.created).desc(), col(ImportRow.id).desc())
        .offset(KEPT - 1)
        .limit(10)
    )
    ended = list(await session.scalars(old))
    if ended:
        await session.execute(
            delete(ImportRow)
            .where(col(ImportRow.id).in_(ended))
            .execution_options(synchronize_session=False)
        )


async def _check_collection(collections: Collections, id_: CollectionId) -> None:
    collection = await collections.get(id_, Action.WRITE)
    if collection.kind in NAMES:
        raise _wrong("collection", "choose a collection that you created, no built-in one")


async def _hold_pack(imports: Imports, row: ImportRow) -> None:
    """Take the upload of a pack, whose parts were joined, out of the time limit of uploads."""
    session = imports.session
    query = (
        select(UploadRow)
        .where(col(UploadRow.id) == row.reference, col(UploadRow.owner) == imports.owner)
        .with_for_update(key_share=True)
    )
    upload = (await session.scalars(query)).one_or_none()
    if upload is None or upload.state != UploadState.OPEN:
        raise _wrong("reference", "no open upload of yours has this id")
    other = select(col(ImportRow.id)).where(
        col(ImportRow.upload) == upload.id, col(ImportRow.state).in_(UNDER_WAY)
    )
    if (await session.scalars(other)).first() is not None:
        raise ProblemError(ProblemCode.CONFLICT, "This upload is being imported already.")
    row.upload, row.title = upload.id, clean_tag(upload.name, 100)
    upload.expires = row.created + PACK_LASTS
    await session.flush()


async def _add_files(session: AsyncSession, row: ImportRow, files: Sequence[RemoteFile]) -> None:
    values = [
        file_values(
            row,
            position,
            name=file.name,
            source=file.url,
            details=file.details.model_dump(mode="json"),
        )
        for position, file in enumerate(files)
    ]
    if values:
        await session.execute(insert(ImportFileRow.metadata.tables["import_files"]), values)


def file_values(
    row: ImportRow,
    position: int,
    *,
    name: str,
    source: str,
    details: dict[str, object],
    state: ImportFileState = ImportFileState.WAITING,
    reason: str | None = None,
) -> dict[str, object]:
    """Return the columns of a new file of an import."""
    return {
        "import_id": row.id,
        "position": position,
        "owner": row.owner,
        "state": state.value,
        "name": name[:MAX_NAME],
        "source": source,
        "details": details,
        "reason": reason,
        "tries": 0,
    }


def _wrong(field: str, text: str) -> ProblemError:
    return ProblemError(
        ProblemCode.INVALID_REQUEST,
        f"{text[0].upper()}{text[1:]}.",
        fields=(FieldProblem(field=f"body.{field}", message=text),),
    )
