"""Copies the rows of a SQLite database into an empty Postgres database."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import MetaData, Table, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from kit.database.engine import Database

BATCH = 1000
Row = Mapping[str, Any]


async def count_rows(database: Database, tables: Collection[Table]) -> dict[str, int]:
    """Return how many rows each table has."""
    async with database.session() as session:
        return {
            table.name: (
                await session.execute(select(func.count()).select_from(table))
            ).scalar_one()
            for table in tables
        }


async def copy_rows(
    source: Database, session: AsyncSession, metadata: MetaData, *, left_out: Mapping[str, Any]
) -> None:
    """Copy all tables, each after those that it refers to, and let new numbers follow the old.

    Parameters
    ----------
    session
        Of the target, whose transaction it is.
    left_out
        By table, the condition of the rows that are not copied.
    """
    for table in metadata.sorted_tables:
        async for rows in _batches(source, table, left_out.get(table.name)):
            await session.execute(insert(table), rows)
        number = table.autoincrement_column
        if number is not None:
            last = func.max(number)
            sequence = func.pg_get_serial_sequence(table.name, number.name)
            await session.execute(
                select(func.setval(sequence, func.coalesce(last, 1), last.is_not(None)))
            )


async def _batches(
    source: Database, table: Table, left_out: Any
) -> AsyncIterator[Sequence[dict[str, Any]]]:
    query = select(table) if left_out is None else select(table).where(~left_out)
    own = [key for key in table.foreign_keys if key.column.table is table]
    async with source.session() as session:
        if not own:
            result = await session.stream(query.execution_options(yield_per=BATCH))
            async for rows in result.mappings().partitions():
                yield [dict(row) for row in rows]
            return
        (parent,), (key,) = (own[0].parent,), table.primary_key
        pairs = (await session.execute(query.with_only_columns(key, parent))).tuples()
        ordered = parents_first(dict(pairs.all()))
        for first in range(0, len(ordered), BATCH):
            ids = ordered[first : first + BATCH]
            rows = (await session.execute(query.where(key.in_(ids)))).mappings().all()
            by_id = {row[key.name]: dict(row) for row in rows}
            yield [by_id[id_] for id_ in ids]


def parents_first(parents: Mapping[str, str | None]) -> list[str]:
    """Return the keys of `parents`, each after its parent."""
    ordered: dict[str, None] = {}
    for id_ in parents:
        line = []
        above: str | None = id_
        while above is not None and above not in ordered:
            line.append(above)
            above = parents[above]
        ordered.update(dict.fromkeys(reversed(line)))
    return list(ordered)
