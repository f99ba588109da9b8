"""Listeners that note which maps may lack sounds, in the transaction that brings the sounds."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from kit.database.notifications import notify_on_commit
from services.library.maps.maps import CHANGED
from services.library.maps.tables import MapRow


async def mark_maps_of_owners(session: AsyncSession, owners: Sequence[str]) -> None:
    """Note that owners have new sounds; a listener of `SOUNDS_DESCRIBED`."""
    # A collection may have held them before they were described.
    await _mark(session, col(MapRow.owner).in_(sorted(set(owners))))


async def mark_maps_of_collections(session: AsyncSession, collections: Sequence[str]) -> None:
    """Note that collections hold other items; a listener of `MEMBERS_CHANGED`."""
    await _mark(session, col(MapRow.collection).in_(sorted(set(collections))))


async def _mark(session: AsyncSession, which: Any) -> None:
    marked = (
        update(MapRow)
        .where(which, ~col(MapRow.stale))
        .values(stale=True)
        .returning(col(MapRow.id))
        .execution_options(synchronize_session=False)
    )
    if (await session.execute(marked)).first() is not None:
        notify_on_commit(session, CHANGED)
