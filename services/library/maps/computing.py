"""Layouts of maps, computed in the background, one at a time."""

import asyncio
import logging
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.maps import MapChange, MapState
from contracts.music import Seconds
from kit.arrays import F32
from kit.database.base import DatabaseUnavailable
from kit.database.engine import Database, database_of
from kit.database.notifications import notify_on_commit
from services.library.background import lead, until
from services.library.jobs.locks import hold_owner
from services.library.maps.events import emit_map_changed
from services.library.maps.labels import find_labels
from services.library.maps.layout import Layout
from services.library.maps.layout_process import LayoutFailed
from services.library.maps.maps import CHANGED
from services.library.maps.placing import Placer
from services.library.maps.points import Points, on_grid, split, write_parts
from services.library.maps.sounds import read_sounds, sounds_in, space_of
from services.library.maps.tables import MapRow
from services.library.similarity.sound_vectors import SoundVectors

log = logging.getLogger(__name__)

POLL: Seconds = 5.0
MAX_STARTS = 5
"""A layout that was started so often and never ended is given up."""
_EMPTY = "None of these samples is tagged yet. Tag them; then they appear here."
_GIVEN_UP = (
    f"The server ended {MAX_STARTS} times while it computed this map, perhaps for lack of memory. "
    "Request it again, or make a map of a smaller collection."
)


class ComputeLayout(Protocol):
    """See `LayoutProcess.compute`."""

    async def __call__(self, vectors: F32, *, seed: int) -> Layout:
        """Return a layout. Raises `LayoutFailed`."""
        ...


class MapLayouts:
    """Computes layouts that were requested, and places new sounds; of several, one is active.

    Parameters
    ----------
    compute_layout
        Computes a layout.
    max_points
        Sounds of a map; larger ones are refused.
    placer
        Places new sounds.
    """

    def __init__(
        self,
        database: Database,
        vectors: SoundVectors,
        compute_layout: ComputeLayout,
        *,
        max_points: int,
        placer: Placer,
    ) -> None:
        self._database = database
        self._vectors = vectors
        self._max_points = max_points
        self._compute_layout = compute_layout
        self._placer = placer
        self._task: asyncio.Task[None] | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Compute and place until `stopping` is set; a layout under way is begun again later."""
        try:
            await until(stopping, lead(self._database, "maps", CHANGED, self.act, poll=POLL))
        finally:
            if self._task is not None:
                self._task.cancel()
                await asyncio.wait({self._task})

    async def act(self) -> bool:
        """Start the next layout if none is under way, and place some sounds; see `lead`."""
        if self._task is None or self._task.done():
            id_ = await self._next()
            if id_ is not None:
                self._task = asyncio.create_task(self._guarded(id_))
                self._task.add_done_callback(lambda _: self._database.listen(CHANGED).set())
        return await self._placer.place()

    async def compute(self) -> bool:
        """Compute the next layout; return whether one was requested."""
        id_ = await self._next()
        if id_ is not None:
            await self._compute(id_)
        return id_ is not None

    async def _next(self) -> str | None:
        # A map that is being computed was left so by a process that ended.
        unfinished = col(MapRow.state).in_((MapState.WAITING, MapState.COMPUTING))
        query = select(col(MapRow.id)).where(unfinished).order_by(col(MapRow.requested)).limit(1)
        async with self._database.session() as session:
            id_: str | None = await session.scalar(query)
            return id_

    async def _guarded(self, id_: str) -> None:
        try:
            await self._compute(id_)
        except DatabaseUnavailable as error:
            log.warning("a map waits: %s", error)
            await asyncio.sleep(POLL)
        except SQLAlchemyError:
            log.exception("the map %s is computed again", id_)
            await asyncio.sleep(POLL)

    async def _compute(self, id_: str) -> None:
        row = await self._start(id_)
        if row is None:
            return
        async with self._database.session() as session:
            space, count = await space_of(session, row)
            if space is None:
                await self._finish(row, reason=_EMPTY)
                return
            if count > self._max_points:
                await self._fail(
                    row,
                    f"These are {count:,} samples, and a map shows at most {self._max_points:,}. "
                    "Make maps of collections.",
                )
                return
            ids = await sounds_in(session, row, space.version)
        ids, vectors, classes = await read_sounds(
            self._database, self._vectors, row.owner, space, ids
        )
        try:
            layout = await self._compute_layout(vectors, seed=row.seed)
        except LayoutFailed as error:
            log.warning("the map %s has no layout: %s", row.id, error)
            await self._fail(
                row, f"The layout could not be computed: {error}. Request it again later."
            )
            return
        row.version, row.dimension = space.version, space.dimension
        row.trustworthiness = layout.trustworthiness
        labels = await asyncio.to_thread(find_labels, layout.places, classes)
        row.labels = [label.model_dump(mode="json") for label in labels]
        await self._finish(row, Points(ids, on_grid(layout.places)))

    async def _start(self, id_: str) -> MapRow | None:
        """Note that a layout is being computed; return `None` if it is not wanted any more."""
        async with self._database.transaction() as session:
            row = await session.get(MapRow, id_)
            if row is None:
                return None
            await hold_owner(session, row.owner)
            await session.refresh(row)
            if row.state not in (MapState.WAITING, MapState.COMPUTING):
                return None
            if row.starts >= MAX_STARTS:
                row.state, row.reason = MapState.FAILED, _GIVEN_UP
                await session.flush()
                await emit_map_changed(session, row, MapChange.FAILED)
                return None
            row.state = MapState.COMPUTING
            row.starts += 1
            # Before the sounds are read: those that come meanwhile mark it again.
            row.stale = False
            await session.flush()
            await emit_map_changed(session, row, MapChange.STARTED)
        return row

    async def _finish(
        self, row: MapRow, points: Points | None = None, *, reason: str | None = None
    ) -> None:
        """Write a layout, unless another one was requested meanwhile."""
        points = points or Points.empty()
        parts = await asyncio.to_thread(split, points)
        async with self._database.transaction() as session:
            held = await self._held(session, row)
            if held is None:
                return
            held.state, held.reason = MapState.READY, reason
            held.version, held.dimension = row.version, row.dimension
            held.trustworthiness, held.labels = row.trustworthiness, row.labels
            held.points = held.laid_out = len(points.ids)
            held.computed = await database_of(session).time(session)
            await write_parts(session, held.id, parts, 0)
            await session.flush()
            await emit_map_changed(session, held, MapChange.COMPUTED)
            notify_on_commit(session, CHANGED)

    async def _held(self, session: AsyncSession, row: MapRow) -> MapRow | None:
        """Return a map under the owner's lock, unless a later layout was requested."""
        await hold_owner(session, row.owner)
        held = await session.get(MapRow, row.id)
        return held if held is not None and held.generation == row.generation else None

    async def _fail(self, row: MapRow, reason: str) -> None:
        async with self._database.transaction() as session:
            held = await self._held(session, row)
            if held is not None:
                held.state, held.reason = MapState.FAILED, reason
                await session.flush()
                await emit_map_changed(session, held, MapChange.FAILED)
