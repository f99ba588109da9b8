"""Keyset cursors of lists that are in another order than the newest first."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Query

from contracts.base import Message
from kit.http.cursors import decode_values, encode_values, invalid_cursor
from kit.http.pagination import MAX_LIMIT

_MAX_INTEGER = (1 << 63) - 1


class ListQuery(Message):
    """The page that a caller requests."""

    limit: int
    cursor: str | None


def encode_list_cursor(values: Sequence[int | str]) -> str:
    """Return the sort values of the last row of a page as text that means nothing to callers."""
    return encode_values(values)


def decode_list_cursor(cursor: str, kinds: Sequence[type[int] | type[str]]) -> list[int | str]:
    """Return the sort values in a cursor.

    Parameters
    ----------
    kinds
        The type of each value. Integers have 64 bits; texts are UTF-8 without NUL.

    Raises
    ------
    ProblemError
        The cursor is malformed.
    """
    try:
        values = decode_values(cursor)
        if not isinstance(values, list) or [type(value) for value in values] != list(kinds):
            raise ValueError
        for value in values:
            if isinstance(value, int) and abs(value) > _MAX_INTEGER:
                raise ValueError
            if isinstance(value, str) and "\x00" in value.encode().decode():
                raise ValueError
        return values
    except ValueError:
        raise invalid_cursor() from None


# Not `async`, it would run in another thread, which costs more than the rest of a page.
async def _list_query(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Rows of a page.")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=2000, description="`next` of the page before.")
    ] = None,
) -> ListQuery:
    return ListQuery(limit=limit, cursor=cursor)


ListPaging = Annotated[ListQuery, Depends(_list_query)]
"""The dependency of a route that lists in another order than the newest first."""
