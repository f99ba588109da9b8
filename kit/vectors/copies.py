"""A searchable copy of one owner's vectors in one space, kept up to date from the database."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import and_, bindparam, delete, func, select, text, update

from contracts.music import Seconds
from kit.database.engine import Database
from kit.durable import Disk
from kit.vectors.base import Space
from kit.vectors.files import VectorFiles
from kit.vectors.flat_index import FlatIndex, FlatIndexBuilder
from kit.vectors.spaces import unknown
from kit.vectors.tables import SETS, SPACES, VECTORS

log = logging.getLogger(__name__)

PAGE = 4096
"""Changes that one statement reads."""
_RETRY_AFTER: Seconds = 60.0
"""How long after an error of the disk nothing is written."""
_REBUILDS = 3
_LOADING = 16
"""While many rows are read, so many times as many are collected before each sync."""

_CHANGES = (
    select(
        SETS.c.id.label("set"),
        SETS.c.token,
        SETS.c.count,
        SETS.c.purged,
        VECTORS.c.sequence,
        VECTORS.c.id,
        VECTORS.c.vector,
    )
    .select_from(SPACES)
    .outerjoin(SETS, and_(SETS.c.space == SPACES.c.id, SETS.c.owner == bindparam("owner")))
    .outerjoin(
        VECTORS, and_(VECTORS.c.set == SETS.c.id, VECTORS.c.sequence > bindparam("sequence"))
    )
    .where(
        SPACES.c.name == bindparam("name"),
        SPACES.c.version == bindparam("version"),
        SPACES.c.dimension == bindparam("dimension"),
        ~SPACES.c.dropping,
    )
    .order_by(VECTORS.c.sequence)
    .limit(bindparam("limit"))
)
"""Changes after a sequence, next to the state of the set: one statement, so one view of both. A set
without changes gives one row, a space without the set one of NULLs, an unknown space none."""
_LAST_SEQUENCE = text("SELECT seq FROM sqlite_sequence WHERE name = 'vectors'")


@dataclass(slots=True)
class _Loaded:
    """The set that a copy was made of."""

    set: int
    token: str
    files: VectorFiles
    builder: FlatIndexBuilder


class Copy:
    """The newest index of a set in this process; every change of it happens under its lock."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        space: Space,
        owner: str,
        *,
        flush_rows: int,
        disk: Disk,
    ) -> None:
        self._database = database
        self._folder = folder
        self._space = space
        self._flush_rows = flush_rows
        self._disk = disk
        self._key = {
            "name": space.name,
            "version": space.version,
            "dimension": space.dimension,
            "owner": owner,
        }
        self._lock = asyncio.Lock()
        self._loaded: _Loaded | None = None
        self._no_writes_until = -np.inf
        self.compacting = False

    @property
    def nbytes(self) -> int:
        """Bytes of this process's memory."""
        return self._loaded.builder.nbytes if self._loaded else 0

    @property
    def needs_compaction(self) -> bool:
        """Whether more than a quarter of the rows, or of what is read at a start, is dead."""
        if self._loaded is None or self.compacting:
            return False
        builder = self._loaded.builder
        dead = len(builder.index.alive) - builder.index.live
        return max(dead, builder.removals) > max(self._flush_rows, builder.index.live // 4)

    async def refresh(self) -> FlatIndex | None:
        """Return an index of all that is committed by now; nothing if the owner has no vectors.

        Raises
        ------
        UnknownSpace
        """
        async with self._lock:
            for _ in range(_REBUILDS):
                if await self._read_changes():
                    return self._loaded.builder.index if self._loaded else None
            raise RuntimeError(f"vectors of set {self._key} do not agree with their count")

    async def compact(self) -> None:
        """Leave dead rows out of the files, and removals out of the database."""
        async with self._lock:
            if self._loaded is None:
                return
            loaded = self._loaded
            if loaded.builder.index.header is not None:
                await self._flush(loaded)
            if self._loaded is not loaded:
                return
            index, header = loaded.builder.index, loaded.builder.index.header
        if header is not None:
            if len(index.recent):
                return
            # Meanwhile searches go on: they find the old files and collect changes in memory.
            alive = np.flatnonzero(index.alive)
            rewritten = await asyncio.to_thread(
                loaded.files.rewrite,
                *(header, index.ids, index.stored, alive),
                sequence=index.sequence,
                purged=loaded.builder.purged,
            )
            if not rewritten:
                return
        await self._purge(loaded.set, index.sequence)
        async with self._lock:
            if self._loaded is loaded:
                self._loaded = None

    async def _read_changes(self) -> bool:
        """Read changes until there are no more; return whether the result is right."""
        while True:
            rows = await self._select_changes()
            set_row = rows[0]
            if set_row.set is None:
                self._loaded = None
                return True
            loaded = self._loaded
            if loaded is None or loaded.token != set_row.token:
                self._loaded = await self._load(set_row)
                continue
            builder = loaded.builder
            if set_row.purged != builder.purged:
                if set_row.purged > builder.index.sequence:
                    # Removals were forgotten that this copy has not seen.
                    await self._start_again(loaded)
                    continue
                builder.purged = set_row.purged
            changes = [(row.sequence, row.id, row.vector) for row in rows if row.id is not None]
            if changes:
                await asyncio.to_thread(builder.apply, changes)
            complete = len(changes) < PAGE
            enough = self._flush_rows if complete else _LOADING * self._flush_rows
            if len(builder.index.recent) >= enough:
                await self._flush(loaded)
                if self._loaded is None:
                    continue
            if complete:
                if builder.index.live == set_row.count:
                    return True
                log.warning("vectors differ from the database, which they are read from again")
                await asyncio.to_thread(loaded.files.discard)
                self._loaded = None
                return False

    async def _select_changes(self) -> Sequence[Any]:
        sequence = self._loaded.builder.index.sequence if self._loaded else 0
        limit = PAGE if self._loaded else 1
        parameters = {**self._key, "sequence": sequence, "limit": limit}
        async with self._database.session() as session:
            rows = (await session.execute(_CHANGES, parameters)).all()
        if not rows:
            raise unknown(self._space)
        return rows

    async def _load(self, set_row: Any) -> _Loaded:
        """Read the files, if there are any and they are not ahead of the database."""
        files = VectorFiles(self._folder / set_row.token, self._space.dimension, disk=self._disk)
        async with self._database.session() as session:
            last = (await session.execute(_LAST_SEQUENCE)).scalar_one_or_none() or 0

        def load() -> FlatIndexBuilder:
            stored = files.load()
            if stored is not None and not set_row.purged <= stored.header.sequence <= last:
                stored = None  # The database was restored from a backup, or the files were.
            if stored is None and files.current() is not None:
                files.discard()
            return FlatIndexBuilder(self._space.dimension, stored)

        builder = await asyncio.to_thread(load)
        builder.purged = set_row.purged
        return _Loaded(set_row.set, set_row.token, files, builder)

    async def _start_again(self, loaded: _Loaded) -> None:
        """Forget a copy; files that no other process has written since are as old, and go too."""
        header = loaded.builder.index.header
        if header is not None and loaded.files.current() == header:
            await asyncio.to_thread(loaded.files.discard)
        self._loaded = None

    async def _flush(self, loaded: _Loaded) -> None:
        """Append the rows in memory to the files, if no other process writes them now."""
        if time.monotonic() < self._no_writes_until:
            return
        files, builder = loaded.files, loaded.builder
        index = builder.index
        first = len(index.stored)

        def append() -> bool:
            header = files.append(
                index.header,
                index.ids[first:],
                index.recent,
                np.flatnonzero(~index.alive),
                sequence=index.sequence,
                purged=builder.purged,
            )
            if header is not None:
                builder.stored(header, files.map(header))
            return header is not None or files.current() == index.header

        try:
            if not await asyncio.to_thread(append):
                self._loaded = None  # Another process has written newer files.
        except OSError as error:
            log.warning("vectors stay in memory, their files cannot be written: %s", error)
            self._no_writes_until = time.monotonic() + _RETRY_AFTER

    async def _purge(self, set_: int, sequence: int) -> None:
        """Forget removals up to a sequence. Copies that have not seen them all are made again."""
        mark = update(SETS).where(SETS.c.id == set_)
        removals = delete(VECTORS).where(
            VECTORS.c.set == set_, VECTORS.c.vector.is_(None), VECTORS.c.sequence <= sequence
        )
        async with self._database.transaction() as session:
            await session.execute(mark.values(purged=func.max(SETS.c.purged, sequence)))
            await session.execute(removals)
