"""Collections: listed, created, edited and deleted."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlmodel import col

from contracts.collections import (
    CollectionChange,
    CollectionCover,
    CollectionCreate,
    CollectionEdit,
    CollectionKind,
)
from contracts.ids import CollectionId, ItemId, OwnerId
from contracts.items import ArtifactKind
from contracts.problems import FieldProblem, ProblemCode
from kit.clock import new_id
from kit.database.engine import database_of
from kit.database.repository import OwnedRows
from kit.http.errors import ProblemError
from kit.http.pagination import PageQuery
from services.library.access import Action
from services.library.collections.builtin import NAMES
from services.library.collections.events import emit_collection_changed
from services.library.collections.repository import Collections, OpenCollection
from services.library.collections.results import delete_results
from services.library.collections.tables import CollectionItemRow, CollectionRow
from services.library.jobs.locks import hold_owner
from services.library.repository import page

MAX_DEPTH = 8
"""Levels of nested collections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionFilter:
    """Which collections to list."""

    parent: CollectionId | None = None
    item: ItemId | None = None
    """Only those that hold this item."""


async def list_collections(
    collections: Collections, filter_: CollectionFilter, request: PageQuery
) -> tuple[list[OpenCollection], str | None]:
    """Return a page of the caller's own collections, newest first, and the next page's cursor.

    The first page begins with the built-in ones, unless only nested collections are listed.
    """
    rows = OwnedRows(collections.session, CollectionRow, collections.owner)
    query = rows.select().where(col(CollectionRow.kind) == CollectionKind.COLLECTION)
    holding = select(col(CollectionItemRow.collection)).where(
        col(CollectionItemRow.item) == filter_.item
    )
    if filter_.parent is not None:
        query = query.where(col(CollectionRow.parent) == filter_.parent)
    if filter_.item is not None:
        query = query.where(col(CollectionRow.id).in_(holding))
    listed, following = await page(rows, query, request)
    shown = [OpenCollection(row, collections.owner) for row in listed]
    if request.after is None and filter_.parent is None:
        builtin = [await collections.get(kind, Action.READ) for kind in NAMES]
        if filter_.item is not None:
            held = set(await collections.session.scalars(holding))
            builtin = [c for c in builtin if c.row.id in held]
        shown = [*builtin, *shown]
    return shown, following


async def create_collection(
    collections: Collections, request: CollectionCreate, *, max_collections: int
) -> OpenCollection:
    """Create a collection.

    Raises
    ------
    ProblemError
    """
    session, owner = collections.session, collections.owner
    await hold_owner(session, owner)
    count = select(func.count()).where(
        col(CollectionRow.owner) == owner, col(CollectionRow.kind) == CollectionKind.COLLECTION
    )
    if (await session.execute(count)).scalar_one() >= max_collections:
        raise ProblemError(
            ProblemCode.CONFLICT,
            f"You have {max_collections} collections, which is the maximum; delete one first.",
        )
    await _check_parent(collections, request.parent, moved=None)
    now = await database_of(session).time(session)
    row = CollectionRow(
        id=new_id(),
        owner=owner,
        kind=CollectionKind.COLLECTION.value,
        name=request.name,
        note=request.note,
        parent=request.parent,
        **await _cover(collections, request.cover),
        created=now,
        updated=now,
    )
    session.add(row)
    await session.flush()
    await emit_collection_changed(session, row, CollectionChange.CREATED)
    return OpenCollection(row, owner)


async def edit_collection(
    collections: Collections, ref: str, edit: CollectionEdit
) -> OpenCollection:
    """Change the name, note, cover or parent of a collection; absent fields stay as they are.

    Raises
    ------
    ProblemError
    """
    collection = await collections.get(ref, Action.WRITE, hold=True)
    row, session = collection.row, collections.session
    changes = edit.model_fields_set
    if collection.kind in NAMES and changes & {"name", "parent"}:
        raise _built_in("keeps its name and stays at the top level")
    if edit.name is not None:
        row.name = edit.name
    if edit.note is not None:
        row.note = edit.note
    if "parent" in changes:
        await _check_parent(collections, edit.parent, moved=row.id)
        row.parent = edit.parent
    if "cover" in changes:
        for name, value in (await _cover(collections, edit.cover)).items():
            setattr(row, name, value)
    row.updated = await database_of(session).time(session)
    await session.flush()
    await emit_collection_changed(session, row, CollectionChange.EDITED)
    return collection


async def delete_collection(collections: Collections, ref: str) -> None:
    """Delete a collection with the results of jobs over it.

    Its items stay, and its nested collections move up to its parent.

    Raises
    ------
    ProblemError
    """
    collection = await collections.get(ref, Action.WRITE, hold=True)
    if collection.kind in NAMES:
        raise _built_in("cannot be deleted; remove its items instead")
    row, session = collection.row, collections.session
    await session.execute(
        update(CollectionRow)
        .where(col(CollectionRow.parent) == row.id)
        .values(parent=row.parent)
        .execution_options(synchronize_session=False)
    )
    await emit_collection_changed(session, row, CollectionChange.DELETED)
    await session.delete(row)
    await session.flush()
    await delete_results(session, OwnerId(row.owner), CollectionId(row.id))


async def _check_parent(
    collections: Collections, parent: CollectionId | None, *, moved: str | None
) -> None:
    """Refuse a parent that does not exist, is nested in what moves below it, or is too deep."""
    if parent is None:
        return
    if (await collections.get(parent, Action.WRITE)).kind in NAMES:
        raise _wrong_parent("A built-in collection contains no other collections.")
    above = await _ancestors(collections, parent)
    if moved in above:
        raise _wrong_parent("A collection cannot be nested in itself, or in one that it contains.")
    below = await _height(collections, moved) if moved else 1
    if len(above) + below > MAX_DEPTH:
        raise _wrong_parent(f"Collections can be nested {MAX_DEPTH} levels deep.")


async def _ancestors(collections: Collections, id_: str) -> Sequence[str]:
    """Return a collection of the caller and those that it is nested in, itself included."""
    row = CollectionRow
    up = (
        select(col(row.id).label("id"), col(row.parent).label("parent"))
        .where(col(row.id) == id_, col(row.owner) == collections.owner)
        .cte("up", recursive=True)
    )
    up = up.union(select(col(row.id), col(row.parent)).where(col(row.id) == up.c.parent))
    return list(await collections.session.scalars(select(up.c.id)))


async def _height(collections: Collections, id_: str) -> int:
    """Return how many levels a collection and those nested in it have."""
    level = [id_]
    height = 0
    while level and height <= MAX_DEPTH:
        height += 1
        query = select(col(CollectionRow.id)).where(col(CollectionRow.parent).in_(level))
        level = list(await collections.session.scalars(query))
    return height


async def _cover(collections: Collections, cover: CollectionCover | None) -> dict[str, str | None]:
    """Return the columns of a cover. Raises `ProblemError` if it does not exist."""
    item = artifact = None
    if cover is not None and cover.item is not None:
        item = (await collections.catalogue.item(cover.item, Action.READ)).id
    if cover is not None and cover.artifact is not None:
        file = await collections.catalogue.artifact(cover.artifact, Action.READ)
        if file.kind != ArtifactKind.IMAGE:
            text = f"a cover is an image, and this file is of kind {file.kind}"
            raise ProblemError(
                ProblemCode.INVALID_REQUEST,
                f"{text[0].upper()}{text[1:]}.",
                fields=(FieldProblem(field="body.cover.artifact", message=text),),
            )
        artifact = file.id
    return {"cover_item": item, "cover_artifact": artifact}


def _built_in(text: str) -> ProblemError:
    return ProblemError(ProblemCode.CONFLICT, f"A built-in collection {text}.")


def _wrong_parent(text: str) -> ProblemError:
    return ProblemError(
        ProblemCode.CONFLICT, text, fields=(FieldProblem(field="body.parent", message=text),)
    )
