"""Cursors of a search: where a page ended in the order of the results."""

import math
from dataclasses import dataclass

from contracts.problems import FieldProblem, ProblemCode
from contracts.search import Sort, SortField
from kit.http.cursors import decode_values, encode_values
from kit.http.errors import ProblemError


@dataclass(frozen=True, slots=True)
class SearchCursor:
    """The last row of a page.

    Parameters
    ----------
    sort
        The order of the results.
    key
        What the row was sorted by, ascending: a name, or a number; `None` if it has no value.
    id
        The row's document.
    """

    sort: Sort
    key: str | float | None
    id: int


def encode_cursor(cursor: SearchCursor) -> str:
    """Return a cursor as text that means nothing to callers."""
    key = None if isinstance(cursor.key, float) and math.isnan(cursor.key) else cursor.key
    return encode_values((cursor.sort.field, cursor.sort.descending, key, cursor.id))


def decode_cursor(text: str, sort: Sort) -> SearchCursor:
    """Decode the cursor of results in an order.

    Raises
    ------
    ProblemError
        The cursor is malformed, or of results in another order.
    """
    try:
        field, descending, key, id_ = decode_values(text)
        numeric = sort.field is not SortField.NAME
        if (field, descending) != (sort.field, sort.descending) or type(id_) is not int:
            raise ValueError
        if not 0 <= id_ < 1 << 63 or isinstance(key, bool):
            raise ValueError
        if isinstance(key, int | float):
            key = float(key)
        if key is not None and isinstance(key, float) is not numeric:
            raise ValueError
        if isinstance(key, str):
            key.encode()
            if "\x00" in key:
                raise ValueError
        elif key is None and not numeric:
            raise ValueError
        return SearchCursor(sort, key, id_)
    except (ValueError, TypeError, OverflowError):
        raise ProblemError(
            ProblemCode.INVALID_REQUEST,
            "Invalid cursor. Send `next` of a page of the same search, or leave `cursor` out.",
            fields=(FieldProblem(field="query.cursor", message="not a cursor of this search"),),
        ) from None
