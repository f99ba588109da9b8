"""Search documents: written in the transaction that changes their items.

A transaction takes the owner's revision after all rows of items, and before the usage counters.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.search import ClassSource
from kit.database.engine import Database, database_of
from services.library.catalogue.artifacts import SEARCHED
from services.library.catalogue.tables import ItemRow
from services.library.search.findings import Findings, findings_of
from services.library.search.fulltext import delete_words, write_words
from services.library.search.tables import SearchDocumentRow, SearchRevisionRow, SearchTagRow
from services.library.search.text import words_of
from services.library.search.values import name_key

AT_ONCE = 500
"""Documents that are written with one statement."""
NAME_LENGTH = 200
"""Characters of a name that decide its place in the order of names."""
KEPT_REMOVED = timedelta(days=1)
"""How long the document of a removed item stays."""
_LICENCES = ("licence", "license")
_DERIVED = (
    *("owner", "revision", "removed", "name_key", "kind", "sound_class", "class_confidence"),
    *("class_source", "stem", "song", "parent", "bpm", "key", "camelot", "duration", "loudness"),
    *("brightness", "noisiness", "attack", "pitch", "licence", "updated"),
)
"""Columns that are written again with every change of the item."""


async def index_items(session: AsyncSession, owner: str, items: Sequence[str]) -> None:
    """Write the documents of an owner's items, which were added or changed.

    The rows are read after the owner's revision is held. So they are the newest: whoever changes
    one of them meanwhile waits for the revision, and then writes its document again.

    Parameters
    ----------
    items
        Their ids; those that do not exist any more are left out.
    """
    for first in range(0, len(items), AT_ONCE):
        await _index(session, owner, items[first : first + AT_ONCE])


async def _index(session: AsyncSession, owner: str, ids_of_items: Sequence[str]) -> None:
    revision = await next_revision(session, owner)
    query = select(ItemRow).where(col(ItemRow.owner) == owner, col(ItemRow.id).in_(ids_of_items))
    items = list(await session.scalars(query.execution_options(populate_existing=True)))
    if not items:
        return
    findings = await findings_of(session, items)
    songs = await _songs(session, {item.parent for item in items if item.parent is not None})
    rows = [
        _document(item, revision, findings.get(item.id, Findings()), songs.get(item.parent or ""))
        for item in items
    ]
    database = database_of(session)
    statement = database.prepared("search document", lambda: _upsert(database))
    ids: dict[str, int] = {
        item: id_ for id_, item in (await session.execute(statement, rows)).all()
    }
    words, tags = {}, []
    for item in items:
        known = findings.get(item.id, Findings()).tags
        text = " ".join((item.name, *item.labels.values(), *(tag.name for tag in known)))
        words[ids[item.id]] = words_of(text, max_length=SEARCHED)
        tags += [
            {"document": ids[item.id], "tag": tag.name, "source": tag.source.value,
             "confidence": tag.confidence}
            for tag in known
        ]  # fmt: skip
    await write_words(session, owner, words)
    if tags:
        described = {tag["document"] for tag in tags}
        await session.execute(
            delete(SearchTagRow)
            .where(
                col(SearchTagRow.document).in_(described),
                col(SearchTagRow.source) == ClassSource.MACHINE,
            )
            .execution_options(synchronize_session=False)
        )
        await session.execute(insert(SearchTagRow), tags)


async def remove_items(session: AsyncSession, owner: str, items: Collection[str]) -> None:
    """Mark the documents of items as removed; they are found no more."""
    revision = await next_revision(session, owner)
    now = await database_of(session).time(session)
    removed = (
        update(SearchDocumentRow)
        .where(col(SearchDocumentRow.owner) == owner, col(SearchDocumentRow.item).in_(items))
        .values(removed=True, revision=revision, updated=now)
        .returning(col(SearchDocumentRow.id))
        .execution_options(synchronize_session=False)
    )
    await _delete_entries(session, list(filter(None, await session.scalars(removed))))


async def delete_documents(session: AsyncSession, which: Any, *, limit: int) -> int:
    """Delete documents for good, at most `limit`; return how many."""
    query = select(col(SearchDocumentRow.id)).where(which).limit(limit)
    ids = list(filter(None, await session.scalars(query)))
    if ids:
        await _delete_entries(session, ids)
        await session.execute(
            delete(SearchDocumentRow)
            .where(col(SearchDocumentRow.id).in_(ids))
            .execution_options(synchronize_session=False)
        )
    return len(ids)


async def delete_removed(database: Database) -> int:
    """Delete documents of items that were removed over a day ago; return how many."""
    late = col(SearchDocumentRow.removed) & (
        col(SearchDocumentRow.updated) < database.now(offset=-KEPT_REMOVED)
    )
    count = 0
    while True:
        async with database.transaction() as session:
            deleted = await delete_documents(session, late, limit=AT_ONCE)
        count += deleted
        if deleted < AT_ONCE:
            return count


async def next_revision(session: AsyncSession, owner: str) -> int:
    """Return the owner's next revision and hold it until the transaction ends."""
    database = database_of(session)
    statement = database.prepared("search revision", lambda: _counting(database))
    revision: int = (
        await session.execute(statement, [{"owner": owner, "revision": 1}])
    ).scalar_one()
    return revision


def _insert(database: Database) -> Any:
    return sqlite.insert if database.sqlite else postgresql.insert


def _counting(database: Database) -> Any:
    new = _insert(database)(SearchRevisionRow)
    counted = {"revision": col(SearchRevisionRow.revision) + 1}
    new = new.on_conflict_do_update(index_elements=["owner"], set_=counted)
    return new.returning(col(SearchRevisionRow.revision))


def _upsert(database: Database) -> Any:
    new = _insert(database)(SearchDocumentRow)
    values = {name: new.excluded[name] for name in _DERIVED}
    new = new.on_conflict_do_update(index_elements=["item"], set_=values)
    return new.returning(col(SearchDocumentRow.id), col(SearchDocumentRow.item))


async def _delete_entries(session: AsyncSession, ids: Sequence[int]) -> None:
    await delete_words(session, ids)
    await session.execute(
        delete(SearchTagRow)
        .where(col(SearchTagRow.document).in_(ids))
        .execution_options(synchronize_session=False)
    )


async def _songs(session: AsyncSession, parents: Collection[str]) -> Mapping[str, str]:
    """Return the root of the lineage of each item."""
    if not parents:
        return {}
    up = (
        select(col(ItemRow.id).label("item"), col(ItemRow.id), col(ItemRow.parent))
        .where(col(ItemRow.id).in_(parents))
        .cte("up", recursive=True)
    )
    further = select(up.c.item, col(ItemRow.id), col(ItemRow.parent))
    up = up.union(further.where(col(ItemRow.id) == up.c.parent))
    query = select(up.c.item, up.c.id).where(up.c.parent.is_(None))
    return dict((await session.execute(query)).all())


def _document(item: ItemRow, revision: int, findings: Findings, song: str | None) -> dict[str, Any]:
    licence = next((name_key(item.labels[n]) for n in _LICENCES if n in item.labels), None)
    sound = findings.sound
    return {
        "item": item.id,
        "owner": item.owner,
        "revision": revision,
        "removed": False,
        "name_key": name_key(item.name)[:NAME_LENGTH],
        "kind": item.kind,
        "sound_class": sound.label.value if sound else None,
        "class_confidence": sound.confidence if sound else None,
        "class_source": ClassSource.MACHINE.value if sound else None,
        "brightness": sound.brightness if sound else None,
        "noisiness": sound.noisiness if sound else None,
        "attack": sound.attack if sound else None,
        "pitch": sound.pitch if sound else None,
        "stem": item.stem,
        "song": song,
        "parent": item.parent,
        "bpm": item.bpm,
        "key": findings.key,
        "camelot": findings.camelot,
        "duration": item.audio["duration"] if item.audio else None,
        "loudness": findings.loudness,
        "licence": licence or None,
        "created": item.created,
        "updated": item.updated,
    }
