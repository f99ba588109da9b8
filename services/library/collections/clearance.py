"""The clearance sheet of a collection: which rights its items carry, and where they come from."""

from collections.abc import Iterable, Sequence

from contracts.collections import Clearance, LicenceStatus
from contracts.ids import ItemId
from kit.csv_sheet import csv_lines
from kit.http.list_cursor import ListQuery
from services.library.catalogue.rights import LICENCE, URL, Ancestor, lineages, nearest
from services.library.catalogue.tables import ItemRow
from services.library.collections.members import page_of_items
from services.library.collections.repository import Collections, OpenCollection

COLUMNS = tuple(Clearance.model_fields)
"""The columns of the sheet as CSV, in the order of the model's fields."""


async def clearance_page(
    collections: Collections, collection: OpenCollection, request: ListQuery
) -> tuple[list[Clearance], str | None]:
    """Return a page of a clearance sheet in the collection's order, and the next page's cursor.

    Raises
    ------
    ProblemError
        The cursor is malformed.
    """
    rows, following = await page_of_items(collections, collection, request)
    items = [item for _, item in rows]
    known = await lineages(collections.session, [item.id for item in items])
    return [clearance_of(item, known[item.id]) for item in items if item.id in known], following


def clearance_lines(rows: Iterable[Clearance], *, head: bool) -> str:
    """Return rows of a clearance sheet as CSV; with `head`, after a line of column names."""
    values = (row.model_dump(mode="json") for row in rows)
    table = [[row[name] for name in COLUMNS] for row in values]
    return csv_lines([COLUMNS, *table] if head else table)


def clearance_of(item: ItemRow, lineage: Sequence[Ancestor]) -> Clearance:
    """Return licence and source of an item.

    Parameters
    ----------
    lineage
        The item first, then its parent, up to the uploaded item; see `rights.lineages`.
    """
    licence = nearest(lineage, LICENCE)
    status = LicenceStatus.UNKNOWN
    if licence is not None:
        own = licence[1].id == item.id
        status = LicenceStatus.OWN if own else LicenceStatus.INHERITED
    source = lineage[-1]
    return Clearance(
        item=ItemId(item.id),
        name=item.name,
        status=status,
        licence=licence[0] if licence else None,
        licence_from=ItemId(licence[1].id) if licence else None,
        source=ItemId(source.id),
        source_name=source.name,
        artist=_entry(lineage, ("artist",)),
        title=_entry(lineage, ("title",)),
        copyright=_entry(lineage, ("copyright",)),
        url=_entry(lineage, URL),
        start=item.start,
        end=item.end,
    )


def _entry(lineage: Sequence[Ancestor], names: Sequence[str]) -> str | None:
    entry = nearest(lineage, names)
    return entry[0] if entry else None
