"""Vectors on Postgres: pgvector's halfvec with an HNSW index for each space.

A space has a table of its own in the schema `vectors`, with the primary key (owner, id). Up to
`EXACT` vectors that a search may return are compared one by one. For more, the HNSW index (Malkov
and Yashunin, 2016) is scanned in the order of distance and goes on until enough of what it finds
passes the filter (pgvector's iterative scan, `strict_order`). The index finds nearly all of the
nearest, not always all. It gives up after a number of steps: if that leaves fewer neighbours than
the limit, all vectors are compared after all.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import delete, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from kit.arrays import F32
from kit.database.engine import Database
from kit.process import StartRefused
from kit.vectors import statements
from kit.vectors.base import (
    Neighbour,
    OwnedVectors,
    Space,
    UnknownSpace,
    WeightedVector,
    check_limit,
    combine,
    half,
    no_vectors,
    unit,
)
from kit.vectors.ids import pack, unpack
from kit.vectors.nearest import nearest_among
from kit.vectors.spaces import SpaceTable, unknown
from kit.vectors.tables import SPACES

SCHEMA = "vectors"
"""The schema of the tables of vectors."""
EXACT = 20_000
"""Vectors up to which all are compared."""
MIN_VERSION = (0, 8)
"""The first pgvector with iterative scans."""
_MIN_EF, _MAX_EF = 200, 1000
"""Candidates that the index keeps while it searches (`hnsw.ef_search`)."""
_SCAN = {
    "hnsw.iterative_scan": "strict_order",
    "hnsw.max_scan_tuples": "40000",
    "hnsw.scan_mem_multiplier": "8",
    # Compiling takes longer than most searches.
    "jit": "off",
    # Else the planner may compare all vectors and sort them, which `search_all` does better.
    "enable_sort": "off",
}
_READ_PER_ID = 2000
"""Vectors that are read in about the time that one search by the index takes."""
_PAGE = 10_000
"""Vectors that are read at a time: some megabytes."""
_BEFORE_ALL = "00000000-0000-0000-0000-000000000000"
_UNDEFINED_TABLE = "42P01"
_INSUFFICIENT_PRIVILEGE = "42501"
_INSTALL = (
    "install pgvector 0.8 or newer on the database server (Debian's package "
    "postgresql-18-pgvector, or the image pgvector/pgvector:pg18)"
)


class PgVectors:
    """The vector store of a Postgres database; see `kit.vectors.base.VectorStore`.

    Parameters
    ----------
    database
        What the sessions belong to; the caller closes it.
    exact
        Vectors up to which all are compared; for more the index is scanned.
    """

    def __init__(self, database: Database, *, exact: int = EXACT) -> None:
        self._database = database
        self._exact = exact
        self._spaces = SpaceTable(database)
        self._numbers: dict[Space, int] = {}

    async def start(self) -> None:
        """Create the extension, the schema and the table of spaces.

        Raises
        ------
        StartRefused
            The server has no pgvector, an old one, or only a superuser may enable it.
        """
        async with self._database.transaction() as session:
            await self._database.lock(session, "vectors")
            await _enable_pgvector(session)
            # Looked up first, because a role that may not create it may use it.
            if (await session.scalar(text(f"SELECT to_regnamespace('{SCHEMA}')"))) is None:
                await session.execute(text(f"CREATE SCHEMA {SCHEMA}"))
            connection = await session.connection()
            await connection.run_sync(SPACES.create, checkfirst=True)

    async def ensure(self, space: Space) -> None:
        """Create a space with its table and index if it does not exist."""
        async with self._database.transaction() as session:
            number = await self._spaces.add(session, space)
            for statement in statements.create(number, space) if number is not None else ():
                await session.execute(text(statement))

    async def spaces(self) -> list[Space]:
        """Return all spaces in the order of their creation."""
        return await self._spaces.all()

    async def active(self, name: str) -> Space:
        """Return the version of a space that searches are meant to use."""
        return await self._spaces.active(name)

    async def activate(self, session: AsyncSession, space: Space) -> None:
        """Make this version of a space the active one."""
        await self._spaces.activate(session, space)

    async def drop(self, session: AsyncSession, space: Space, *, limit: int = 10_000) -> int:
        """Remove a space; its table goes in one step, however large it is."""
        try:
            number = await self._spaces.number(session, space)
        except UnknownSpace:
            return 0
        await session.execute(text(statements.drop(number)))
        await session.execute(delete(SPACES).where(SPACES.c.id == number))
        return 0

    async def put(
        self, session: AsyncSession, space: Space, owner: str, vectors: Mapping[str, F32]
    ) -> None:
        """Store vectors by id."""
        rows = half(vectors, space.dimension).astype(np.float32).tolist()
        pack([owner, *vectors])
        number = await self._spaces.number(session, space)
        parameters = [
            {"owner": owner, "id": id_, "vector": row}
            # Two transactions that store the same ids lock them in the same order.
            for id_, row in sorted(zip(vectors, rows, strict=True), key=lambda pair: pair[0])
        ]
        if parameters:
            await session.execute(text(statements.upsert(number, space)), parameters)

    async def remove(
        self, session: AsyncSession, space: Space, owner: str, ids: Collection[str]
    ) -> int:
        """Remove vectors; return how many of the ids the owner had."""
        pack([owner, *ids])
        number = await self._spaces.number(session, space)
        parameters = {"owner": owner, "ids": ",".join(ids)}
        result: Any = await session.execute(text(statements.remove(number)), parameters)
        return int(result.rowcount)

    async def remove_owner(self, session: AsyncSession, owner: str, *, limit: int = 10_000) -> int:
        """Remove all vectors of an owner step by step."""
        removed = 0
        for number in (await session.scalars(select(SPACES.c.id).order_by(SPACES.c.id))).all():
            parameters = {"owner": owner, "limit": limit - removed}
            result: Any = await session.execute(text(statements.remove_some(number)), parameters)
            removed += int(result.rowcount)
        return removed

    async def get(self, space: Space, owner: str, ids: Collection[str]) -> dict[str, F32]:
        """Return the stored unit vectors of those ids that the owner has."""
        pack([owner, *ids])
        rows = await self._read(space, statements.get, owner=owner, ids=",".join(ids))
        if not rows:
            return {}
        matrix = unit(np.array([row.vector for row in rows], np.float32), space.dimension)
        return {str(row.id): vector for row, vector in zip(rows, matrix, strict=True)}

    async def read_all(self, space: Space, owner: str) -> OwnedVectors:
        """Return all of an owner's vectors."""
        after, parts = _BEFORE_ALL, [no_vectors(space)]
        while True:
            rows = await self._read(
                space, statements.read_page, owner=owner, after=after, limit=_PAGE
            )
            page = rows[0]
            if page.count:
                parts.append(await asyncio.to_thread(_parse_page, page, space))
                after = unpack(parts[-1].ids[-1:])[0]
            if page.count < _PAGE:
                break
        return await asyncio.to_thread(
            lambda: OwnedVectors(
                np.concatenate([part.ids for part in parts]),
                np.concatenate([part.vectors for part in parts]),
            )
        )

    async def count(self, space: Space, owner: str) -> int:
        """Return how many vectors an owner has in a space."""
        return int((await self._read(space, statements.count, owner=owner))[0].count)

    async def search(
        self,
        space: Space,
        owner: str,
        query: Sequence[WeightedVector],
        *,
        limit: int,
        allowed: Collection[str] | None = None,
    ) -> list[Neighbour]:
        """Return an owner's vectors that are closest to a query, the closest first."""
        check_limit(limit)
        direction = combine(query, space.dimension).tolist()
        parameters: dict[str, Any] = {"owner": owner, "query": direction, "limit": limit}
        filtered = allowed is not None
        if allowed is not None:
            pack([owner, *allowed])
            parameters["ids"] = ",".join(allowed)
        by_id = allowed is not None and len(allowed) <= self._exact
        rows: Sequence[Any] = ()
        if not by_id and await self._has_many(space, owner):
            rows = await self._read(
                space,
                lambda number: statements.search_index(number, space, filtered=filtered),
                ef_search=min(max(2 * limit, _MIN_EF), _MAX_EF),
                **parameters,
            )
        if len(rows) < limit:
            rows = await self._read(
                space,
                lambda number: statements.search_all(number, space, filtered=filtered, by_id=by_id),
                **parameters,
            )
        # The index orders by what it has rounded once more: neighbours may have changed places.
        rows = sorted(rows, key=lambda row: row.distance)
        return [Neighbour(str(row.id), min(max(row.distance, 0.0), 2.0)) for row in rows]

    async def nearest_of(
        self, space: Space, owner: str, ids: Collection[str], *, limit: int
    ) -> dict[str, list[Neighbour]]:
        """Return for each of some vectors of an owner the closest ones, itself among them.

        For many at once all of the owner's vectors are read and compared, which is faster and
        exact. The index misses some of many vectors that lie within nearly no distance.
        """
        check_limit(limit)
        if len(ids) * _READ_PER_ID >= await self.count(space, owner):
            owned = await self.read_all(space, owner)
            return await asyncio.to_thread(nearest_among, owned, ids, limit)
        vectors = await self.get(space, owner, ids)
        return {
            id_: await self.search(space, owner, [WeightedVector(vector)], limit=limit)
            for id_, vector in vectors.items()
        }

    async def clean_up(self) -> None:
        """Nothing to do: Postgres's autovacuum frees the room of removed rows."""

    async def close(self) -> None:
        """Nothing runs in the background."""

    async def number(self, space: Space) -> int:
        """Return a space's number, by which `kit.vectors.statements` names its table."""
        if space not in self._numbers:
            async with self._database.session() as session:
                self._numbers[space] = await self._spaces.number(session, space)
        return self._numbers[space]

    async def _has_many(self, space: Space, owner: str) -> bool:
        rows = await self._read(space, statements.has_more, owner=owner, exact=self._exact)
        return bool(rows)

    async def _read(
        self,
        space: Space,
        statement: Callable[[int], str],
        *,
        ef_search: int | None = None,
        **parameters: Any,
    ) -> Sequence[Any]:
        """Run a query on a space's table, with settings for the index if that is searched."""
        query = text(statement(await self.number(space)))
        try:
            async with self._database.session() as session:
                if ef_search is not None:
                    # The settings end with a transaction of their own.
                    options = {"isolation_level": "READ COMMITTED"}
                    await session.connection(execution_options=options)
                    settings = {**_SCAN, "hnsw.ef_search": str(ef_search)}
                    named = {"names": list(settings), "settings": list(settings.values())}
                    await session.execute(text(statements.SET_LOCAL), named)
                return (await session.execute(query, parameters)).all()
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _UNDEFINED_TABLE:
                raise
            self._numbers.pop(space, None)  # Another process has dropped it.
            raise unknown(space) from error


def _parse_page(page: Any, space: Space) -> OwnedVectors:
    ids = np.frombuffer(page.ids, np.uint8).reshape(-1, 16)
    halves = np.frombuffer(page.vectors, ">f2").reshape(len(ids), 2 + space.dimension)[:, 2:]
    return OwnedVectors(ids, unit(halves.astype(np.float32), space.dimension))


async def _enable_pgvector(session: AsyncSession) -> None:
    """Create the extension if it is not there. Raises `StartRefused`."""
    row = (await session.execute(text(statements.PGVECTOR))).one_or_none()
    if row is None:
        raise StartRefused(f"Postgres has no pgvector, which stores vectors: {_INSTALL}.")
    version = row.installed_version or row.default_version
    if tuple(map(int, version.split(".")[:2])) < MIN_VERSION:
        raise StartRefused(
            f"Postgres has pgvector {version}, which is too old: {_INSTALL}, then run ALTER "
            "EXTENSION vector UPDATE in this database."
        )
    if row.installed_version is not None:
        return
    try:
        await session.execute(text("CREATE EXTENSION vector"))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _INSUFFICIENT_PRIVILEGE:
            raise
        raise StartRefused(
            "pgvector is installed but not enabled: let a superuser run CREATE EXTENSION vector "
            "in this database."
        ) from error
