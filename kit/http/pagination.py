"""Keyset pagination with opaque cursors: new rows neither shift nor repeat a page's rows."""

import base64
import binascii
import json
import re
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query

from contracts.base import Message
from contracts.problems import FieldProblem, ProblemCode
from kit.http.errors import ProblemError

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
    text = json.dumps([cursor.created.isoformat(), cursor.id], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(text: str) -> Cursor:
    """Decode a cursor.

    Raises
    ------
    ProblemError
        The cursor is malformed.
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        created, id_ = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        when = datetime.fromisoformat(created)
        if when.tzinfo is None or not isinstance(id_, str) or not _ID.fullmatch(id_):
            raise ValueError
        return Cursor(created=when.astimezone(UTC), id=id_)
    except (ValueError, TypeError, OverflowError, binascii.Error, UnicodeError):
        raise ProblemError(
            ProblemCode.INVALID_REQUEST,
            "Invalid cursor. Send `next` of a page of this list, or leave `cursor` out.",
            fields=(FieldProblem(field="query.cursor", message="not a cursor"),),
        ) from None


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
