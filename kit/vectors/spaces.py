"""The table of spaces: which exist, their numbers, and which version of each is active."""

from sqlalchemy import ColumnElement, Table, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from kit.database.engine import Database
from kit.vectors.base import Space, UnknownSpace
from kit.vectors.tables import SPACES


class SpaceTable:
    """The spaces of a database.

    Parameters
    ----------
    table
        `SPACES`, or a copy of it for a store of its own.
    """

    def __init__(self, database: Database, table: Table = SPACES) -> None:
        self._database = database
        self._table = table

    async def add(self, session: AsyncSession, space: Space) -> int | None:
        """Add a space if it does not exist; return its number if it is new.

        Raises
        ------
        ValueError
            It exists with another dimension, or is being dropped.
        """
        await self._database.lock(session, "vector_spaces")
        query = select(self._table.c.dimension, self._table.c.dropping).where(self._is(space))
        row = (await session.execute(query)).one_or_none()
        if row is None:
            first = (
                select(func.count())
                .where(self._table.c.name == space.name)
                .select_from(self._table)
            )
            values = {
                "name": space.name,
                "version": space.version,
                "dimension": space.dimension,
                "active": not (await session.execute(first)).scalar_one(),
            }
            insert = self._table.insert().values(values).returning(self._table.c.id)
            return int((await session.execute(insert)).scalar_one())
        if row.dropping:
            raise ValueError(f"the space {space.name} {space.version} is being dropped")
        if row.dimension != space.dimension:
            raise ValueError(
                f"the space {space.name} {space.version} has {row.dimension} dimensions, "
                f"not {space.dimension}: another network needs another version"
            )
        return None

    async def all(self) -> list[Space]:
        """Return all spaces in the order of their creation."""
        query = select(self._table).where(~self._table.c.dropping).order_by(self._table.c.id)
        async with self._database.session() as session:
            rows = (await session.execute(query)).all()
        return [Space(row.name, row.version, row.dimension) for row in rows]

    async def number(self, session: AsyncSession, space: Space) -> int:
        """Return a space's number. Raises `UnknownSpace`."""
        fits = self._table.c.dimension == space.dimension
        query = select(self._table.c.id).where(self._is(space), fits, ~self._table.c.dropping)
        number = (await session.execute(query)).scalar_one_or_none()
        if number is None:
            raise unknown(space)
        return int(number)

    async def active(self, name: str) -> Space:
        """Return the active version of a space. Raises `UnknownSpace`."""
        query = select(self._table).where(
            self._table.c.name == name, self._table.c.active, ~self._table.c.dropping
        )
        async with self._database.session() as session:
            row = (await session.execute(query)).one_or_none()
        if row is None:
            raise UnknownSpace(f"no version of the space {name} is active")
        return Space(row.name, row.version, row.dimension)

    async def activate(self, session: AsyncSession, space: Space) -> None:
        """Make a version the active one. Raises `UnknownSpace`."""
        await self._database.lock(session, "vector_spaces")
        number = await self.number(session, space)
        others = update(self._table).where(self._table.c.name == space.name)
        await session.execute(others.values(active=self._table.c.id == number))

    def _is(self, space: Space) -> ColumnElement[bool]:
        return (self._table.c.name == space.name) & (self._table.c.version == space.version)


def unknown(space: Space) -> UnknownSpace:
    """Return the error for a space that does not exist."""
    return UnknownSpace(
        f"there is no vector space {space.name} {space.version} of {space.dimension} dimensions"
    )
