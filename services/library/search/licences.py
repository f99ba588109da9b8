"""Licences of search documents, which items inherit from what they were cut from."""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.library.catalogue.rights import LICENCE, Ancestor, lineages, nearest
from services.library.catalogue.tables import ItemRow
from services.library.search.documents import AT_ONCE, licence_key, next_revision
from services.library.search.tables import SearchDocumentRow


async def inherit_licences(session: AsyncSession, items: Sequence[ItemRow]) -> None:
    """Write licences that changed into the documents of what was cut from items.

    Listens to `LICENCE_CHANGED`. An item with a licence of its own keeps it, and so does what was
    cut from it.
    """
    by_owner: dict[str, set[str]] = {}
    for item in items:
        by_owner.setdefault(item.owner, set()).add(item.id)
    for owner in sorted(by_owner):
        lineage = await lineages(session, sorted(by_owner[owner]))
        licences = {item: licence_key(nearest(chain, LICENCE)) for item, chain in lineage.items()}
        inherited = await _inherited(session, licences)
        if not inherited:
            continue
        revision = await next_revision(session, owner)
        document = SearchDocumentRow
        for licence in set(inherited.values()):
            chosen = sorted(item for item, key in inherited.items() if key == licence)
            for part in _parts(chosen):
                await session.execute(
                    update(document)
                    .where(
                        col(document.item).in_(part),
                        col(document.owner) == owner,
                        ~col(document.removed),
                    )
                    .values(licence=licence, revision=revision)
                    .execution_options(synchronize_session=False)
                )


async def _inherited(
    session: AsyncSession, licences: Mapping[str, str | None]
) -> dict[str, str | None]:
    """Return the licence of each item that inherits one of some items' licences."""
    inherited: dict[str, str | None] = {}
    level = dict(licences)
    while level:
        below: dict[str, str | None] = {}
        for part in _parts(sorted(level)):
            query = select(
                col(ItemRow.id), col(ItemRow.parent), col(ItemRow.name), col(ItemRow.labels)
            ).where(col(ItemRow.parent).in_(part))
            for id_, parent, name, labels in (await session.execute(query)).all():
                if parent is None or id_ in licences:
                    continue
                if nearest([Ancestor(id_, name, labels)], LICENCE):
                    continue
                below[id_] = level[parent]
        inherited |= below
        level = below
    return inherited


def _parts(items: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield as many items as one statement names."""
    for first in range(0, len(items), AT_ONCE):
        yield items[first : first + AT_ONCE]
