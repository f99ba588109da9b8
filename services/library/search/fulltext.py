"""The full-text index: FTS5 on SQLite, `tsvector` with GIN on Postgres.

Both store words that `services.library.search.text` has split, and the owner as one more word, so
that the index itself finds only what belongs to the owner. Expressions are built from such words
alone, each in quotation marks: no query reaches the syntax of FTS5 or `tsquery`.
"""

import asyncio
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.search import Term
from kit.database.engine import database_of
from services.library.search.text import words_of

DocumentIds = NDArray[np.int64]
"""Ids of documents, `[documents]`."""
MAX_POSITIONS = 10_000
"""Words of a document that are indexed; a `tsvector` counts up to 16,383."""
MIN_PREFIX = 2
"""Characters from which on the last word of a term is a prefix."""
_OWNER_MARK = "\ue000"
"""Begins the word of the owner; a private-use character is no letter, so no query contains it."""

_WRITE_SQLITE = text("INSERT OR REPLACE INTO search_index (rowid, words) VALUES (:id, :words)")
_WRITE_POSTGRES = text(
    "INSERT INTO search_index (document, words)"
    " SELECT id, CAST(words AS tsvector)"
    " FROM unnest(CAST(:ids AS bigint[]), CAST(:words AS text[])) AS new (id, words)"
    " ON CONFLICT (document) DO UPDATE SET words = excluded.words"
)
_DELETE_SQLITE = text("DELETE FROM search_index WHERE rowid IN (SELECT value FROM json_each(:ids))")
_DELETE_POSTGRES = text("DELETE FROM search_index WHERE document = ANY(CAST(:ids AS bigint[]))")
# One value in place of a row for each document: reading 100,000 rows takes longer than finding
# them.
_FIND_SQLITE = text(
    "SELECT group_concat(rowid) FROM search_index WHERE search_index MATCH :expression"
)
_FIND_POSTGRES = text(
    "SELECT string_agg(int8send(document), '') FROM search_index"
    " WHERE words @@ CAST(:expression AS tsquery)"
)
# FTS5 skips to a range of row ids, so little is read where the documents are the newest.
_FIND_AMONG_SQLITE = text(
    "SELECT group_concat(rowid) FROM search_index WHERE search_index MATCH :expression"
    " AND rowid BETWEEN :low AND :high AND +rowid IN (SELECT value FROM json_each(:ids))"
)
_FIND_AMONG_POSTGRES = text(
    "SELECT string_agg(int8send(document), '') FROM search_index"
    " WHERE document = ANY(CAST(:ids AS bigint[]))"
    " AND words @@ CAST(:expression AS tsquery)"
)
# The plus sign keeps SQLite from searching once for each id.
_RANK_SQLITE = text(
    "SELECT rowid, -rank FROM search_index WHERE search_index MATCH :expression"
    " AND +rowid IN (SELECT value FROM json_each(:ids))"
)
# 1: divided by 1 + the logarithm of the document's length.
_RANK_POSTGRES = text(
    "SELECT document, ts_rank(words, CAST(:expression AS tsquery), 1) FROM search_index"
    " WHERE document = ANY(CAST(:ids AS bigint[]))"
    " AND words @@ CAST(:expression AS tsquery)"
)


async def write_words(
    session: AsyncSession, owner: str, words: Mapping[int, Sequence[str]]
) -> None:
    """Index the words of documents in place of those indexed before."""
    if not words:
        return
    if database_of(session).sqlite:
        rows = [
            {"id": id_, "words": " ".join((_owner_word(owner), *listed))}
            for id_, listed in words.items()
        ]
        await session.execute(_WRITE_SQLITE, rows)
        return
    vectors = [_vector((_owner_word(owner), *listed)) for listed in words.values()]
    await session.execute(_WRITE_POSTGRES, {"ids": list(words), "words": vectors})


async def delete_words(session: AsyncSession, ids: Collection[int]) -> None:
    """Remove documents from the index."""
    if not ids:
        return
    if database_of(session).sqlite:
        await session.execute(_DELETE_SQLITE, {"ids": json.dumps(list(ids))})
    else:
        await session.execute(_DELETE_POSTGRES, {"ids": list(ids)})


async def find_all(
    session: AsyncSession, owner: str, terms: Sequence[Term], *, among: DocumentIds | None = None
) -> DocumentIds:
    """Return the ids of an owner's documents that match every term, in no order.

    Whether a term is negated is left to the caller.

    Parameters
    ----------
    among
        Only these documents, at most a few thousand; by default all.
    """
    sqlite = database_of(session).sqlite
    expression = _expression(owner, terms, joined_by=" AND " if sqlite else " & ", sqlite=sqlite)
    if among is None:
        statement = _FIND_SQLITE if sqlite else _FIND_POSTGRES
        return await decode_ids(await session.scalar(statement, {"expression": expression}))
    if not len(among):
        return among
    listed: Any = among.tolist()
    parameters = {"expression": expression, "ids": json.dumps(listed) if sqlite else listed}
    if sqlite:
        parameters |= {"low": min(listed), "high": max(listed)}
    statement = _FIND_AMONG_SQLITE if sqlite else _FIND_AMONG_POSTGRES
    return await decode_ids(await session.scalar(statement, parameters))


async def decode_ids(joined: str | bytes | None) -> DocumentIds:
    """Return ids that a database joined into one value: decimal text, or 64-bit big-endian."""
    return await asyncio.to_thread(_decode, joined)


async def rank(
    session: AsyncSession, owner: str, terms: Sequence[Term], ids: DocumentIds
) -> tuple[DocumentIds, NDArray[np.float64]]:
    """Return how well documents match any of the terms: bm25 on SQLite, `ts_rank` on Postgres.

    Returns
    -------
    ids, ranks
        `[documents]` each, the higher the better; documents that match no term are left out.
    """
    sqlite = database_of(session).sqlite
    expression = _expression(owner, terms, joined_by=" OR " if sqlite else " | ", sqlite=sqlite)
    listed: Any = ids.tolist()
    parameters = {"expression": expression, "ids": json.dumps(listed) if sqlite else listed}
    rows = (await session.execute(_RANK_SQLITE if sqlite else _RANK_POSTGRES, parameters)).all()
    return (
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.float64),
    )


def _owner_word(owner: str) -> str:
    return _OWNER_MARK + owner.replace("-", "")


def _expression(owner: str, terms: Iterable[Term], *, joined_by: str, sqlite: bool) -> str:
    """Return the expression of an owner's documents that match all or any of the terms."""
    write = _phrase_sqlite if sqlite else _phrase_postgres
    mine = write((_owner_word(owner),), prefix=False)
    parts = [write(words_of(term.text), prefix=not term.phrase) for term in terms]
    return f"{mine} {'AND' if sqlite else '&'} ({joined_by.join(parts)})" if parts else mine


def _phrase_sqlite(words: Sequence[str], *, prefix: bool) -> str:
    star = " *" if prefix and len(words[-1]) >= MIN_PREFIX else ""
    return f'"{" ".join(words)}"{star}'


def _phrase_postgres(words: Sequence[str], *, prefix: bool) -> str:
    star = ":*" if prefix and len(words[-1]) >= MIN_PREFIX else ""
    return "(" + " <-> ".join(f"'{word}'" for word in words) + star + ")"


def _vector(words: Sequence[str]) -> str:
    """Return words with their positions, as Postgres reads a `tsvector`."""
    places = enumerate(words[:MAX_POSITIONS], start=1)
    return " ".join(f"'{word}':{place}" for place, word in places)


def _decode(joined: str | bytes | None) -> DocumentIds:
    if not joined:
        return np.empty(0, np.int64)
    if isinstance(joined, bytes):
        return np.frombuffer(joined, ">i8").astype(np.int64)
    return np.fromstring(joined, np.int64, sep=",")
