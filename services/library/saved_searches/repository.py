"""The saved searches of one principal, and the queries of an owner's saved searches."""

from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.identity import Principal
from contracts.search import SearchQuery
from kit.database.repository import OwnedRows
from services.library.access import Action
from services.library.repository import OwnerRepository
from services.library.saved_searches.tables import SavedSearchRow
from services.library.search.language import parse_query


class SavedSearches(OwnerRepository):
    """The saved searches of one principal, within one session."""

    def __init__(self, session: AsyncSession, principal: Principal) -> None:
        super().__init__(session, principal)
        self.rows = OwnedRows(session, SavedSearchRow, self.owner)

    async def get(self, id_: str, action: Action, *, hold: bool = False) -> SavedSearchRow:
        """Return a saved search. Raises `ProblemError` of code `not_found`."""
        return self.allowed(await self.rows.get(id_, for_update=hold), action)


async def saved_queries(
    session: AsyncSession, owner: str, names: Sequence[str]
) -> list[SearchQuery]:
    """Return the queries of an owner's saved searches with some folded names or ids."""
    row = SavedSearchRow
    query = select(col(row.q)).where(
        col(row.owner) == owner, or_(col(row.name_key).in_(names), col(row.id).in_(names))
    )
    return [parse_query(q)[0] for q in await session.scalars(query)]
