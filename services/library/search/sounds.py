"""What tagging found out about items, written into their search documents."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table, bindparam, case, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.search import ClassSource
from contracts.tagging import SampleTags, SoundFacts, Tag
from kit.database.plans import unindexed
from services.library.catalogue.events import emit_items_described
from services.library.catalogue.tables import ItemRow
from services.library.metadata import METADATA
from services.library.search.documents import index_items, next_revision
from services.library.search.tables import SearchDocumentRow, SearchTagRow
from services.library.search.values import name_key

_MEASURED = ("loudness", "brightness", "noisiness", "attack", "pitch")


async def describe_sounds(
    session: AsyncSession, owner: str, sounds: Mapping[str, SampleTags]
) -> None:
    """Write classes and measured values of an owner's items, by item.

    A class that a user chose stays. The caller holds the owner's lock.
    """
    if not sounds:
        return
    await _index_missing(session, owner, list(sounds))
    before = await _classes_of(session, list(sounds))
    revision = await next_revision(session, owner)
    for is_measured in (True, False):
        rows = [
            _values(item, sample, revision)
            for item, sample in sorted(sounds.items())
            if (sample.sound is not None) is is_measured
        ]
        if rows:
            await session.execute(_UPDATES[is_measured], rows)
    after = await _classes_of(session, list(sounds))
    await emit_items_described(session, sorted(i for i in after if after[i] != before.get(i)))


async def describe_song(session: AsyncSession, owner: str, item: str, tags: Sequence[Tag]) -> None:
    """Write the tags of an item in place of those that a machine gave it before.

    The caller holds the owner's lock.
    """
    await _index_missing(session, owner, [item])
    query = select(col(SearchDocumentRow.id)).where(col(SearchDocumentRow.item) == item)
    document = await session.scalar(query)
    if document is None:
        # It was deleted meanwhile.
        return
    await session.execute(
        delete(SearchTagRow)
        .where(
            col(SearchTagRow.document) == document,
            col(SearchTagRow.source) == ClassSource.MACHINE,
        )
        .execution_options(synchronize_session=False)
    )
    # Both vocabularies have some tags: the higher confidence counts.
    confidences: dict[str, float] = {}
    for tag in tags:
        if name := name_key(tag.name):
            confidences[name] = max(tag.confidence, confidences.get(name, 0.0))
    rows = [
        {"document": document, "tag": name, "source": ClassSource.MACHINE, "confidence": confidence}
        for name, confidence in confidences.items()
    ]
    if rows:
        await session.execute(insert(SearchTagRow), rows)
    # The words of tags are searched with those of the item.
    await index_items(session, owner, [item])


async def _classes_of(session: AsyncSession, items: Sequence[str]) -> dict[str, str | None]:
    """Return the class of each item that has a document."""
    document = SearchDocumentRow
    query = select(col(document.item), col(document.sound_class)).where(
        col(document.item).in_(items), ~col(document.removed)
    )
    return dict((await session.execute(query)).all())


async def _index_missing(session: AsyncSession, owner: str, items: Sequence[str]) -> None:
    """Write the documents of items that have none yet, as after an upgrade."""
    known = select(col(SearchDocumentRow.id)).where(col(SearchDocumentRow.item) == col(ItemRow.id))
    query = select(col(ItemRow.id)).where(
        col(ItemRow.id).in_(items), unindexed(col(ItemRow.owner)) == owner, ~known.exists()
    )
    await index_items(session, owner, list(await session.scalars(query.order_by(col(ItemRow.id)))))


def _values(item: str, sample: SampleTags, revision: int) -> dict[str, Any]:
    measured = sample.sound or SoundFacts()
    return {
        "of_item": item,
        "to_revision": revision,
        "to_class": sample.label.value,
        "to_confidence": sample.confidence,
        **{f"to_{name}": getattr(measured, name) for name in _MEASURED},
    }


def _update(*, is_measured: bool) -> Any:
    documents: Table = METADATA.tables["search_documents"]
    column = documents.c
    by_user = column.class_source == ClassSource.USER
    chosen = {
        "sound_class": bindparam("to_class"),
        "class_confidence": bindparam("to_confidence"),
        "class_source": ClassSource.MACHINE.value,
    }
    values: dict[str, Any] = {
        name: case((by_user, column[name]), else_=value) for name, value in chosen.items()
    }
    values |= {
        "machine_class": bindparam("to_class"),
        "machine_confidence": bindparam("to_confidence"),
    }
    if is_measured:
        values |= {name: bindparam(f"to_{name}", type_=column[name].type) for name in _MEASURED}
    return (
        update(documents)
        .where(column.item == bindparam("of_item"), ~column.removed)
        .values(revision=bindparam("to_revision"), **values)
    )


_UPDATES = {is_measured: _update(is_measured=is_measured) for is_measured in (True, False)}
