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

from contracts.search import ClassSource, SearchTag
from kit.database.engine import Database, database_of
from services.library.catalogue.artifacts import SEARCHED
from services.library.catalogue.rights import LICENCE, Ancestor, lineages, nearest
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
_DERIVED = (
    *("owner", "revision", "removed", "name_key", "kind", "sound_class", "class_confidence"),
    *("class_source", "stem", "song", "parent", "bpm", "key", "camelot", "duration", "loudness"),
    *("brightness", "noisiness", "attack", "pitch", "favourite", "rating", "licence", "updated"),
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
    lineage = await lineages(session, [item.id for item in items])
    rows = [
        _document(item, revision, findings.get(item.id, Findings()), lineage[item.id])
        for item in items
    ]
    database = database_of(session)
    statement = database.prepared("search document", lambda: _upsert(database))
    ids: dict[str, int] = {
        item: id_ for id_, item in (await session.execute(statement, rows)).all()
    }
    words, tags = {}, {}
    for item in items:
        id_, of_item = ids[item.id], _tags(item, findings.get(item.id, Findings()))
        text = " ".join((item.name, *item.labels.values(), *(tag.name for tag in of_item)))
        words[id_] = words_of(text, max_length=SEARCHED)
        tags[id_] = of_item
    await write_words(session, owner, words)
    await _write_tags(session, tags)


async def _write_tags(session: AsyncSession, tags: Mapping[int, Sequence[SearchTag]]) -> None:
    """Replace the tags of documents."""
    old = delete(SearchTagRow).where(col(SearchTagRow.document).in_(tags))
    await session.execute(old.execution_options(synchronize_session=False))
    rows = [
        {
            "document": id_,
            "tag": tag.name,
            "source": tag.source.value,
            "confidence": tag.confidence,
        }
        for id_, listed in tags.items()
        for tag in listed
    ]
    if rows:
        await session.execute(insert(SearchTagRow), rows)


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


def _tags(item: ItemRow, findings: Findings) -> list[SearchTag]:
    """Return the tags of an item, its user's before those of the machine."""
    of_user = dict.fromkeys(filter(None, (name_key(tag["name"]) for tag in item.tags)))
    return [*(SearchTag(name=name, source=ClassSource.USER) for name in of_user), *findings.tags]


def _document(
    item: ItemRow, revision: int, findings: Findings, lineage: Sequence[Ancestor]
) -> dict[str, Any]:
    licence = nearest(lineage, LICENCE)
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
        "song": lineage[-1].id if item.parent is not None else None,
        "parent": item.parent,
        "bpm": item.bpm,
        "key": findings.key,
        "camelot": findings.camelot,
        "duration": item.audio["duration"] if item.audio else None,
        "loudness": findings.loudness,
        "favourite": item.favourite,
        "rating": item.rating,
        "licence": (name_key(licence[0]) or None) if licence else None,
        "created": item.created,
        "updated": item.updated,
    }
