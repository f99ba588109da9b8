"""Changes of items, for packages that must write something in the same transaction.

A package above the catalogue registers a listener on `Database.hooks` in `app.py`. It gets each
added or changed item, just before the transaction commits; an item that changed twice comes twice,
with the values that it has then. Deletions remove rows that refer to an item with it.
"""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from kit.database.hooks import Hook, report
from services.library.catalogue.rights import LICENCE, Ancestor, nearest
from services.library.catalogue.tables import ItemRow

ITEM_CHANGED = Hook[ItemRow]("item changed")
"""Reported in the transaction that adds an item or changes what users see of it."""


LICENCE_CHANGED = Hook[ItemRow]("licence changed")
"""Reported in the transaction that changes the licence in an item's own metadata."""
RATED = Hook[str]("items rated")
"""The owner of items whose rating changed, reported in the transaction of it."""


def labels_changed(session: AsyncSession, item: ItemRow, before: Mapping[str, str]) -> None:
    """Report an item to `LICENCE_CHANGED` if its metadata now states another licence.

    Parameters
    ----------
    before
        The metadata before the change.
    """
    old, new = (
        nearest([Ancestor(item.id, item.name, labels)], LICENCE) for labels in (before, item.labels)
    )
    if (old and old[0]) != (new and new[0]):
        report(session, LICENCE_CHANGED, item)


def item_changed(session: AsyncSession, item: ItemRow) -> None:
    """Report an item that was added or changed, and flushed."""
    report(session, ITEM_CHANGED, item)
