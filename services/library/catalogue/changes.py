"""Changes of items, for packages that must write something in the same transaction.

A package above the catalogue registers a listener on `Database.hooks` in `app.py`. It gets each
added or changed item, just before the transaction commits; an item that changed twice comes twice,
with the values that it has then. Deletions remove rows that refer to an item with it.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from kit.database.hooks import Hook, report
from services.library.catalogue.tables import ItemRow

ITEM_CHANGED = Hook[ItemRow]("item changed")
"""Reported in the transaction that adds an item or changes what users see of it."""


def item_changed(session: AsyncSession, item: ItemRow) -> None:
    """Report an item that was added or changed, and flushed."""
    report(session, ITEM_CHANGED, item)
