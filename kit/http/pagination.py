"""Keyset pagination with opaque cursors: new rows neither shift nor repeat a page's rows."""

import re
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query

from contracts.base import Message
from kit.http.cursors import decode_values, encode_values, invalid_cursor

T = TypeVar("T")
MAX_LIMIT = 200
_ID = re.compile(r"[0-9A-Za-z_-]{1,100}")


class Page(Message, Generic[T]):
    """One page of a list; `next` is the `cursor` of the following page."""

    items: tuple[T, ...]
    next: str | None = None


class Cursor(Message):
    """The last row of a page, after which the next one starts."""

    created: datetime
    id: str


class PageQuery(Message):
    """The page that a request asks for."""

    limit: int
    after: Cursor | None


def encode_cursor(cursor: Cursor) -> str:
    """Return a cursor as opaque text."""
    return encode_values((cursor.created.isoformat(), cursor.id))


def decode_cursor(text: str) -> Cursor:
    """Decode a cursor.

    Raises
    ------
    ProblemError
        The cursor is malformed.
    """
    try:
        created, id_ = decode_values(text)
        when = datetime.fromisoformat(created)
        if when.tzinfo is None or not isinstance(id_, str) or not _ID.fullmatch(id_):
            raise ValueError
        return Cursor(created=when.astimezone(UTC), id=id_)
    except (ValueError, TypeError, OverflowError):
        raise invalid_cursor() from None


# `async`, because FastAPI runs other dependencies in a thread, which costs more than the page.
async def _page_query(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Maximum rows of a page.")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=400, description="`next` of the previous page.")
    ] = None,
) -> PageQuery:
    return PageQuery(limit=limit, after=None if cursor is None else decode_cursor(cursor))


Paging = Annotated[PageQuery, Depends(_page_query)]
"""Query parameters `limit` and `cursor` of a list route."""
