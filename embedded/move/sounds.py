"""Copies what each database keeps in its own form: vectors, and the full-text index."""

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from kit.database.engine import Database
from kit.vectors.base import VectorStore
from services.library.search.fulltext import write_words
from services.library.search.tables import SearchDocumentRow
from services.library.similarity.tables import SoundRow

BATCH = 1000


async def copy_vectors(
    source: Database, stored: VectorStore, session: AsyncSession, target: VectorStore
) -> None:
    """Copy the vectors of all owners; the target's spaces exist (`prepare_spaces`)."""
    async with source.session() as reading:
        owners = list(await reading.scalars(select(col(SoundRow.owner)).distinct()))
    for space in await stored.spaces():
        for owner in owners:
            ids = await _ids_in(source, owner, space.name, space.version)
            for first in range(0, len(ids), BATCH):
                vectors = await stored.get(space, owner, ids[first : first + BATCH])
                if vectors:
                    await target.put(session, space, owner, vectors)
        if await stored.active(space.name) == space:
            await target.activate(session, space)


async def prepare_spaces(stored: VectorStore, target: VectorStore) -> None:
    """Create the spaces that the source has."""
    for space in await stored.spaces():
        await target.ensure(space)


async def copy_words(source: Database, session: AsyncSession) -> None:
    """Copy the words of every document into the full-text index."""
    document = SearchDocumentRow
    owners = select(col(document.id), col(document.owner)).where(~col(document.removed))
    async with source.session() as reading:
        owner_of = dict((await reading.execute(owners)).tuples().all())
        indexed = await reading.stream(
            text("SELECT rowid, words FROM search_index").execution_options(yield_per=BATCH)
        )
        async for rows in indexed.partitions():
            by_owner: dict[str, dict[int, list[str]]] = {}
            for id_, words in rows:
                if id_ in owner_of:
                    # The first word is the owner's, which `write_words` adds.
                    by_owner.setdefault(owner_of[id_], {})[id_] = words.split()[1:]
            for owner, listed in by_owner.items():
                await write_words(session, owner, listed)


async def _ids_in(source: Database, owner: str, space: str, version: str) -> list[str]:
    sound = SoundRow
    query = (
        select(col(sound.item))
        .where(col(sound.owner) == owner, col(sound.space) == space, col(sound.version) == version)
        .order_by(col(sound.item))
    )
    async with source.session() as session:
        return list(await session.scalars(query))
