"""Events of saved searches."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.events import SearchMatched
from contracts.ids import ItemId, OwnerId, SavedSearchId
from contracts.topics import LIBRARY_EVENTS
from services.library.events.outbox import About, record
from services.library.saved_searches.tables import SavedSearchRow

MAX_REPORTED = 20
"""Items that one event names."""


async def emit_search_matched(
    session: AsyncSession, row: SavedSearchRow, items: Sequence[str], *, added: int
) -> None:
    """Emit that a saved search newly found items, of which the first are named."""
    data = SearchMatched(
        search=SavedSearchId(row.id),
        name=row.name,
        added=added,
        new=row.new,
        items=tuple(map(ItemId, items)),
    )
    about = About(event_subject=row.id, key=row.id, owner=OwnerId(row.owner))
    await record(session, LIBRARY_EVENTS, "search.matched", data, about=about)
