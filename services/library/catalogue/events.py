"""Events of items and artifacts."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.events import ArtifactAdded, ItemAdded, ItemChanged
from contracts.ids import ArtifactId, ItemId, JobId, OwnerId
from contracts.items import ArtifactKind, ItemKind, ItemState
from contracts.subjects import Subject
from contracts.topics import LIBRARY_EVENTS
from services.library.catalogue.changes import item_changed
from services.library.catalogue.tables import ArtifactRow, ItemRow
from services.library.events.outbox import About, Fact, record_all
from services.library.jobs.subjects import subject_of


async def emit_item_added(session: AsyncSession, row: ItemRow) -> None:
    """Emit `item.added`, and report the new item to `ITEM_CHANGED`."""
    item_changed(session, row)
    await record_all(session, (item_added(row),))


def item_added(row: ItemRow) -> Fact:
    """Return the event `item.added`."""
    data = ItemAdded(
        item=ItemId(row.id),
        kind=ItemKind(row.kind),
        state=ItemState(row.state),
        name=row.name,
        parent=ItemId(row.parent) if row.parent else None,
    )
    return Fact(LIBRARY_EVENTS, "item.added", data, _about(row))


async def emit_item_changed(session: AsyncSession, row: ItemRow) -> None:
    """Emit `item.changed`, and report the changed item to `ITEM_CHANGED`."""
    await emit_items_changed(session, (row,))


async def emit_items_changed(session: AsyncSession, rows: Sequence[ItemRow]) -> None:
    """Emit `item.changed` for items with one statement, and report them to `ITEM_CHANGED`."""
    for row in rows:
        item_changed(session, row)
    if rows:
        await record_all(session, [_changed(row) for row in rows])


async def emit_items_described(session: AsyncSession, items: Sequence[str]) -> None:
    """Emit `item.changed` for items of which something was found out that their rows do not hold.

    They are not reported to `ITEM_CHANGED`.
    """
    query = select(ItemRow).where(col(ItemRow.id).in_(items)).order_by(col(ItemRow.id))
    rows = list(await session.scalars(query))
    if rows:
        await record_all(session, [_changed(row) for row in rows])


def _changed(row: ItemRow) -> Fact:
    data = ItemChanged(item=ItemId(row.id), state=ItemState(row.state))
    return Fact(LIBRARY_EVENTS, "item.changed", data, _about(row))


async def emit_artifact_added(session: AsyncSession, row: ArtifactRow) -> None:
    """Emit `artifact.added`."""
    await record_all(session, (artifact_added(row),))


def artifact_added(row: ArtifactRow) -> Fact:
    """Return the event `artifact.added`."""
    data = ArtifactAdded(
        artifact=ArtifactId(row.id),
        subject=subject_of(row),
        job=JobId(row.job) if row.job else None,
        kind=ArtifactKind(row.kind),
        name=row.name,
    )
    about = About(
        event_subject=row.subject_id,
        key=row.subject_id,
        owner=OwnerId(row.owner),
        subject=subject_of(row),
        job=JobId(row.job) if row.job else None,
    )
    return Fact(LIBRARY_EVENTS, "artifact.added", data, about)


def _about(row: ItemRow) -> About:
    return About(
        event_subject=row.id,
        key=row.id,
        owner=OwnerId(row.owner),
        subject=Subject.of_item(row.id),
    )
