"""The order of the items of a collection: integer positions with gaps.

A new item takes a position in the gap between its neighbours. If the gap is too small, all items
of the collection are numbered again with one statement. Every change holds the lock of the
collection's owner, so two changes of one collection never see the same gap.
"""

from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.library.collections.tables import CollectionItemRow

GAP = 1 << 20
"""Distance between the positions of neighbours after items are appended or numbered again."""
_POSITION = col(CollectionItemRow.position)


def between(low: int | None, high: int | None, count: int) -> list[int] | None:
    """Return `count` increasing positions between two others, or `None` if they do not fit.

    Parameters
    ----------
    low, high
        The positions of the neighbours, both exclusive; `None` if there is no neighbour.
    """
    if high is None:
        start = 0 if low is None else low
        return [start + GAP * n for n in range(1, count + 1)]
    if low is None:
        return [high - GAP * n for n in range(count, 0, -1)]
    step = (high - low) // (count + 1)
    return [low + step * n for n in range(1, count + 1)] if step else None


async def free_positions(
    session: AsyncSession,
    collection: str,
    count: int,
    *,
    before: str | None,
    after: str | None,
    without: Sequence[str] = (),
) -> list[int] | None:
    """Return positions for items that are inserted next to another one, or at the end.

    Parameters
    ----------
    before, after
        The item of the collection to insert before or after; both `None` for the end.
    without
        Items that are about to leave their position, which therefore count as absent.

    Returns
    -------
    list
        `None` if the collection does not hold the item to insert next to.
    """
    neighbour = before or after
    for _ in range(2):
        low = high = None
        if neighbour is None:
            low = await _nearest(session, collection, without, last=True)
        else:
            at = await session.scalar(
                select(_POSITION).where(
                    col(CollectionItemRow.collection) == collection,
                    col(CollectionItemRow.item) == neighbour,
                )
            )
            if at is None:
                return None
            if before is not None:
                low, high = await _nearest(session, collection, without, below=at), at
            else:
                low, high = at, await _nearest(session, collection, without, above=at)
        if (positions := between(low, high, count)) is not None:
            return positions
        await renumber(session, collection)
    raise RuntimeError(f"{count} items do not fit between two positions that are {GAP} apart")


async def renumber(session: AsyncSession, collection: str) -> None:
    """Number the items of a collection again in their order, `GAP` apart."""
    ranked = (
        select(
            col(CollectionItemRow.item).label("item"),
            func.row_number().over(order_by=(_POSITION, col(CollectionItemRow.item))).label("rank"),
        )
        .where(col(CollectionItemRow.collection) == collection)
        .subquery()
    )
    await session.execute(
        update(CollectionItemRow)
        .where(
            col(CollectionItemRow.collection) == collection,
            col(CollectionItemRow.item) == ranked.c.item,
        )
        .values(position=ranked.c.rank * GAP)
        .execution_options(synchronize_session=False)
    )


async def _nearest(
    session: AsyncSession,
    collection: str,
    without: Sequence[str],
    *,
    below: int | None = None,
    above: int | None = None,
    last: bool = False,
) -> int | None:
    query = select(_POSITION).where(
        col(CollectionItemRow.collection) == collection,
        col(CollectionItemRow.item).not_in(without),
    )
    if below is not None:
        query = query.where(below > _POSITION)
    if above is not None:
        query = query.where(above < _POSITION)
    descending = last or below is not None
    query = query.order_by(_POSITION.desc() if descending else _POSITION).limit(1)
    position: int | None = await session.scalar(query)
    return position
