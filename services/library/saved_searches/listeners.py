"""Changes besides those of items after which saved searches are matched again."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.library.saved_searches.tables import SavedSearchRow
from services.library.search.documents import next_revision


async def match_wide_again(session: AsyncSession, owner: str) -> None:
    """Have an owner's searches matched again whose results depend on more than documents."""
    query = select(col(SavedSearchRow.id)).where(
        col(SavedSearchRow.owner) == owner, col(SavedSearchRow.wide)
    )
    if (await session.execute(query.limit(1))).first() is not None:
        await next_revision(session, owner)


async def match_members_again(session: AsyncSession, owners: Sequence[str]) -> None:
    """Match searches in collections again; a listener of `COLLECTION_CHANGED`."""
    for owner in sorted(set(owners)):
        await match_wide_again(session, owner)
