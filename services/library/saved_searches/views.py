"""Saved searches as the API shows them."""

from contracts.ids import SavedSearchId
from contracts.saved_searches import SavedSearch
from services.library.saved_searches.tables import SavedSearchRow


def saved_search_to_api(row: SavedSearchRow) -> SavedSearch:
    """Return a saved search as the API shows it."""
    return SavedSearch(
        id=SavedSearchId(row.id),
        name=row.name,
        q=row.q,
        notify=row.notify,
        created=row.created,
        updated=row.updated,
        seen=row.seen,
        new=row.new,
        total=row.total,
    )
