"""Search documents: written in the transaction that changes their items.

A transaction takes the owner's revision after all rows of items, and before the usage counters.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.items import ItemKind
from contracts.keys import read_camelot
from contracts.search import ClassSource
from kit.database.engine import Database, database_of
from kit.database.notifications import notify_on_commit
from kit.database.plans import unindexed
from kit.database.upsert import insert_into
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
DOCUMENTS_CHANGED = "search documents changed"
"""`Database.listen` gives the event of changed documents."""
_DERIVED = (
    *("owner", "revision", "removed", "name_key", "kind", "stem", "song", "parent", "bpm"),
    *("bpm_source", "key", "key_source", "camelot", "duration", "favourite", "rating", "licence"),
    "updated",
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
    query = select(ItemRow).where(
        unindexed(col(ItemRow.owner)) == owner, col(ItemRow.id).in_(ids_of_items)
    )
    items = list(await session.scalars(query.execution_options(populate_existing=True)))
    if not items:
        return
    findings = await findings_of(session, [item.id for item in items])
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
    await _write_user_tags(session, {ids[item.id]: _user_tags(item) for item in items})
    tags = await tags_of(session, ids.values())
    words = {}
    for item in items:
        text = " ".join((item.name, *item.labels.values(), *tags.get(ids[item.id], ())))
        words[ids[item.id]] = words_of(text, max_length=SEARCHED)
    await write_words(session, owner, words)


async def _write_user_tags(session: AsyncSession, tags: Mapping[int, Sequence[str]]) -> None:
    """Replace the tags that a user gave to documents."""
    old = delete(SearchTagRow).where(
        col(SearchTagRow.document).in_(tags), col(SearchTagRow.source) == ClassSource.USER
    )
    await session.execute(old.execution_options(synchronize_session=False))
    rows = [
        {"document": id_, "tag": tag, "source": ClassSource.USER.value}
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
        .where(
            unindexed(col(SearchDocumentRow.owner)) == owner,
            col(SearchDocumentRow.item).in_(items),
        )
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
    notify_on_commit(session, DOCUMENTS_CHANGED)
    statement = database.prepared("search revision", lambda: _counting(database))
    revision: int = (
        await session.execute(statement, [{"owner": owner, "revision": 1}])
    ).scalar_one()
    return revision


def _counting(database: Database) -> Any:
    new = insert_into(database, SearchRevisionRow)
    counted = {"revision": col(SearchRevisionRow.revision) + 1}
    new = new.on_conflict_do_update(index_elements=["owner"], set_=counted)
    return new.returning(col(SearchRevisionRow.revision))


def _upsert(database: Database) -> Any:
    new = insert_into(database, SearchDocumentRow)
    values: dict[str, Any] = {name: new.excluded[name] for name in _DERIVED}
    # What was measured of a sample stays.
    known = col(SearchDocumentRow.loudness)
    values["loudness"] = func.coalesce(known, new.excluded["loudness"])
    values |= _class_values(new.excluded["sound_class"])
    new = new.on_conflict_do_update(index_elements=["item"], set_=values)
    return new.returning(col(SearchDocumentRow.id), col(SearchDocumentRow.item))


def _class_values(corrected: ColumnElement[str | None]) -> dict[str, Any]:
    """Return the class of a known document: the user's, or else the machine's."""
    machine = col(SearchDocumentRow.machine_class)
    by_machine = case((machine.is_not(None), ClassSource.MACHINE.value))
    confidence = col(SearchDocumentRow.machine_confidence)
    return {
        "sound_class": func.coalesce(corrected, machine),
        "class_source": case((corrected.is_not(None), ClassSource.USER.value), else_=by_machine),
        "class_confidence": case((corrected.is_(None), confidence)),
    }


async def _delete_entries(session: AsyncSession, ids: Sequence[int]) -> None:
    await delete_words(session, ids)
    await session.execute(
        delete(SearchTagRow)
        .where(col(SearchTagRow.document).in_(ids))
        .execution_options(synchronize_session=False)
    )


async def tags_of(session: AsyncSession, ids: Collection[int]) -> Mapping[int, list[str]]:
    """Return the tags of each document, sorted; one that has two sources comes twice."""
    query = select(col(SearchTagRow.document), col(SearchTagRow.tag)).where(
        col(SearchTagRow.document).in_(ids)
    )
    tags: dict[int, list[str]] = {}
    for document, tag in (await session.execute(query.order_by(col(SearchTagRow.tag)))).all():
        tags.setdefault(document, []).append(tag)
    return tags


def licence_key(licence: tuple[str, Ancestor] | None) -> str | None:
    """Return a licence, with the item that states it, as licences are compared."""
    return (name_key(licence[0]) or None) if licence else None


def _user_tags(item: ItemRow) -> list[str]:
    return list(dict.fromkeys(filter(None, (name_key(tag["name"]) for tag in item.tags))))


def _tempo_source(item: ItemRow, findings: Findings) -> str | None:
    """Return who said the tempo of an item: the file, an analysis, or else its user.

    Of what was cut from another item it is not known whether the job or the user said it.
    """
    if item.bpm is None:
        return None
    if "tempo" in item.corrected:
        return ClassSource.USER.value
    if item.bpm == findings.stated_bpm:
        return ClassSource.FILE.value
    if item.bpm == findings.measured_bpm:
        return ClassSource.MACHINE.value
    return ClassSource.USER.value if item.parent is None else None


def _key_of(item: ItemRow, findings: Findings) -> tuple[str | None, str | None, str | None]:
    """Return the key of an item, its Camelot code and who said it.

    The file of a sample counts more than an analysis, as its maker knows what was played and a
    short sound has few notes to measure. Of a song the analysis counts more: tags of songs are
    mostly estimates of other programs.
    """
    corrected: str | None = item.corrected.get("key")
    if corrected is not None:
        return corrected, read_camelot(corrected), ClassSource.USER.value
    stated = findings.stated_key
    if stated is not None and (item.kind == ItemKind.SAMPLE or findings.key is None):
        return stated, read_camelot(stated), ClassSource.FILE.value
    if findings.key is None:
        return None, None, None
    return findings.key, findings.camelot, ClassSource.MACHINE.value


def _document(
    item: ItemRow, revision: int, findings: Findings, lineage: Sequence[Ancestor]
) -> dict[str, Any]:
    licence = nearest(lineage, LICENCE)
    key, camelot, key_source = _key_of(item, findings)
    sound_class = item.corrected.get("class")
    return {
        "item": item.id,
        "owner": item.owner,
        "revision": revision,
        "removed": False,
        "name_key": name_key(item.name)[:NAME_LENGTH],
        "kind": item.kind,
        "sound_class": sound_class,
        "class_source": ClassSource.USER.value if sound_class else None,
        "stem": item.stem,
        "song": lineage[-1].id if item.parent is not None else None,
        "parent": item.parent,
        "bpm": item.bpm,
        "bpm_source": _tempo_source(item, findings),
        "key": key,
        "key_source": key_source,
        "camelot": camelot,
        "duration": item.audio["duration"] if item.audio else None,
        "loudness": findings.loudness,
        "favourite": item.favourite,
        "rating": item.rating,
        "licence": licence_key(licence),
        "created": item.created,
        "updated": item.updated,
    }
