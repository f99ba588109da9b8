"""New sounds on maps: each is placed among its nearest neighbours, and no other one moves."""

import asyncio

import numpy as np
from sqlalchemy import select
from sqlmodel import col

from contracts.maps import GRID, MapChange, MapState
from contracts.tagging import VectorSpace
from kit.arrays import F32, F64
from kit.database.engine import Database, database_of
from kit.database.notifications import notify_on_commit
from kit.vectors.base import Space
from kit.vectors.ids import Ids
from services.library.jobs.locks import hold_owner
from services.library.maps.events import emit_map_changed
from services.library.maps.layout import Nearest
from services.library.maps.maps import CHANGED, request_layout
from services.library.maps.points import (
    PART,
    Places,
    Points,
    as_keys,
    on_grid,
    read_parts,
    split,
    write_parts,
)
from services.library.maps.sounds import VECTORS_AT_ONCE, sounds_in, vectors_of
from services.library.maps.tables import MapRow
from services.library.similarity.sound_vectors import SoundVectors

MIN_LAID_OUT = 50
AT_ONCE = 500


class Placer:
    """Places new sounds.

    Parameters
    ----------
    max_points
        Points of a map.
    min_laid_out
        A map with fewer sounds in its layout is computed again when others come.
    at_once
        Sounds that one transaction places.
    """

    def __init__(
        self,
        database: Database,
        vectors: SoundVectors,
        *,
        max_points: int,
        min_laid_out: int = MIN_LAID_OUT,
        at_once: int = AT_ONCE,
    ) -> None:
        self._min_laid_out = min_laid_out
        self._at_once = at_once
        self._database = database
        self._vectors = vectors
        self._max_points = max_points

    async def place(self) -> bool:
        """Place the next sounds of one map; return whether there was a map that lacked some."""
        query = select(MapRow).where(col(MapRow.stale), col(MapRow.state) == MapState.READY)
        async with self._database.session() as session:
            row = await session.scalar(query.order_by(col(MapRow.id)).limit(1))
        if row is None:
            return False
        async with self._database.transaction() as session:
            # Before the sounds are read: those that come meanwhile mark it again.
            await hold_owner(session, row.owner)
            held = await session.get(MapRow, row.id)
            if held is None or held.state != MapState.READY:
                return True
            held.stale = False
        await self._place(held)
        return True

    async def _place(self, row: MapRow) -> None:
        async with self._database.session() as session:
            points = Points.join(
                [Points.from_bytes(part) for part in await read_parts(session, row.id)]
            )
            sounds = await sounds_in(session, row, row.version or "")
        new = await asyncio.to_thread(_without, sounds, points.ids)
        room = max(0, self._max_points - len(points.ids))
        batch = new[: min(self._at_once, room)]
        if row.laid_out < self._min_laid_out:
            # Without a layout, what its version would be is not known either.
            if len(new) or row.version is None:
                await self._store(row, None, is_last=True)
            return
        if not len(batch):
            return
        placed = await self._nearest(row, batch, points)
        await self._store(row, placed, is_last=len(batch) in (len(new), room))

    async def _nearest(self, row: MapRow, batch: Ids, points: Points) -> Points | None:
        """Return some sounds with places, or `None` if none of the placed ones has a vector."""
        space = Space(VectorSpace.SAMPLE, str(row.version), row.dimension or 1)
        known, vectors = await vectors_of(self._vectors, row.owner, space, batch)
        nearest = Nearest.none(len(vectors))
        for start in range(0, len(points.ids), VECTORS_AT_ONCE):
            part = slice(start, start + VECTORS_AT_ONCE)
            has_vector, others = await vectors_of(self._vectors, row.owner, space, points.ids[part])
            if len(others):
                places = points.places[part][has_vector] / GRID
                nearest = await asyncio.to_thread(_compared, nearest, vectors, others, places)
        if not np.isfinite(nearest.distances[:, 0]).all():
            return None
        places_of: Places = on_grid(nearest.mean())
        return Points(batch[known], places_of)

    async def _store(self, row: MapRow, placed: Points | None, *, is_last: bool) -> None:
        """Write new points, unless a new layout was requested meanwhile; `None` requests one."""
        async with self._database.transaction() as session:
            await hold_owner(session, row.owner)
            held = await session.get(MapRow, row.id)
            if held is None or held.generation != row.generation:
                return
            if placed is None:
                held.requested = await database_of(session).time(session)
                request_layout(held)
                change = MapChange.REQUESTED
            else:
                first = max(0, held.points - 1) // PART
                parts = (await read_parts(session, held.id))[first:]
                joined = Points.join([*map(Points.from_bytes, parts), placed])
                await write_parts(session, held.id, split(joined), first)
                held.points += len(placed.ids)
                held.stale = held.stale or not is_last
                change = MapChange.PLACED
            await session.flush()
            await emit_map_changed(session, held, change)
            notify_on_commit(session, CHANGED)


def _compared(nearest: Nearest, vectors: F32, others: F32, places: F64) -> Nearest:
    return nearest.among(vectors @ others.T, places)


def _without(ids: Ids, known: Ids) -> Ids:
    return ids[~np.isin(as_keys(ids), as_keys(known))]
