"""Rights of items: licence and source, inherited from what an item was cut from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from kit.database.actors import SERVICE, acting_as
from services.library.catalogue.tables import ItemRow

LICENCE = ("licence", "license")
URL = ("url", "source")


@dataclass(frozen=True, slots=True)
class Ancestor:
    """One item of a lineage: what its rights are read from."""

    id: str
    name: str
    labels: Mapping[str, str]


async def lineages(session: AsyncSession, items: Sequence[str]) -> dict[str, list[Ancestor]]:
    """Return the lineage of items: each one first, then its parent, up to the uploaded item."""
    up = (
        select(
            col(ItemRow.id).label("item"),
            col(ItemRow.id).label("id"),
            col(ItemRow.parent).label("parent"),
            literal(0).label("depth"),
        )
        .where(col(ItemRow.id).in_(items))
        .cte("up", recursive=True)
    )
    above = select(up.c.item, col(ItemRow.id), col(ItemRow.parent), up.c.depth + 1)
    up = up.union_all(above.where(col(ItemRow.id) == up.c.parent))
    ordered = select(up.c.item, up.c.id).order_by(up.c.item, up.c.depth)
    with acting_as(SERVICE):  # What a shared item was cut from is not shared with it.
        steps = (await session.execute(ordered)).all()
        known = await _ancestors(session, {step.id for step in steps})
    chains: dict[str, list[Ancestor]] = {}
    for item, id_ in steps:
        if id_ in known:
            chains.setdefault(item, []).append(known[id_])
    return chains


async def _ancestors(session: AsyncSession, ids: set[str]) -> dict[str, Ancestor]:
    # The siblings of a song share its metadata, which is large: it is read once.
    columns = (col(ItemRow.id), col(ItemRow.name), col(ItemRow.labels))
    query = select(*columns).where(col(ItemRow.id).in_(ids))
    return {row.id: Ancestor(*row) for row in await session.execute(query)}


def nearest(lineage: Sequence[Ancestor], names: Sequence[str]) -> tuple[str, Ancestor] | None:
    """Return the nearest metadata entry with one of some names, and the item that has it.

    Case does not matter in names, and an empty entry counts as none.
    """
    for ancestor in lineage:
        labels = {name.casefold(): value.strip() for name, value in ancestor.labels.items()}
        for name in names:
            if value := labels.get(name):
                return value, ancestor
    return None
