"""All documents of one owner as arrays in memory, kept up to date by revision.

A search compares whole columns, which takes milliseconds for a million documents. The arrays hold
numbers only, some 110 bytes for a document: texts are codes, and names stay in the database.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, bindparam, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.search import MeasuredField, SortField
from kit.database.engine import database_of
from kit.vectors.ids import Ids, pack, unpack
from services.library.metadata import METADATA
from services.library.search.fulltext import DocumentIds
from services.library.search.tables import SearchDocumentRow

Mask = NDArray[np.bool_]
"""Whether each document is chosen, `[documents]`."""
Positions = NDArray[np.int64]
"""Places of documents in the columns, `[documents]`."""
CODED = ("kind", "sound_class", "stem", "song", "parent", "camelot", "licence")
"""Columns of texts."""
NUMBERS = ("class_confidence", *(measure.value for measure in MeasuredField))
"""Columns of numbers; NaN where a value is not known."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SELECTED = (
    "id",
    "revision",
    "item",
    "removed",
    "favourite",
    "rating",
    "created",
    *CODED,
    *NUMBERS,
)
_CHUNK = 2000
"""Rows that are read at a time: the driver turns them into objects on the event loop."""
_LAST_ID = (1 << 63) - 1


class Codes:
    """The different texts of a column, each with a number from 0 on; -1 is no text."""

    __slots__ = ("_numbers", "texts")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._numbers: dict[str, int] = {}

    def add(self, text: str | None) -> int:
        """Return the code of a text, a new one if it was not seen before."""
        if text is None:
            return -1
        code = self._numbers.setdefault(text, len(self.texts))
        if code == len(self.texts):
            self.texts.append(text)
        return code

    def find(self, text: str) -> int | None:
        """Return the code of a text, or `None` if no document has it."""
        return self._numbers.get(text)


class Columns:
    """The documents of one owner, sorted by id.

    Arrays are replaced and never changed in place, so a search goes on with those it began with.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.ids: DocumentIds = np.empty(0, np.int64)
        self.items: Ids = np.empty((0, 16), np.uint8)
        """The items' ids, `[documents, 16]`."""
        self.live: Mask = np.empty(0, np.bool_)
        self.favourite: Mask = np.empty(0, np.bool_)
        self.rating: NDArray[np.int8] = np.empty(0, np.int8)
        """0 where there is none."""
        self.created: NDArray[np.int64] = np.empty(0, np.int64)
        """Microseconds since 1970, UTC."""
        self.codes = {name: Codes() for name in CODED}
        self.coded: dict[str, NDArray[np.int32]] = {n: np.empty(0, np.int32) for n in CODED}
        self.numbers: dict[str, NDArray[np.float32]] = {n: np.empty(0, np.float32) for n in NUMBERS}
        self.tags = Codes()
        self.tag_documents: DocumentIds = np.empty(0, np.int64)
        """With `tag_codes`, the document and the tag of each pair."""
        self.tag_codes: NDArray[np.int32] = np.empty(0, np.int32)
        self.named: DocumentIds | None = None
        """All ids by name, if a search read them since the last change."""
        self._orders: dict[tuple[SortField, bool], Positions] = {}

    @property
    def size(self) -> int:
        """Number of documents, removed ones included."""
        return len(self.ids)

    @property
    def memory(self) -> int:
        """Bytes that the arrays and texts take, to within a few percent."""
        arrays = (
            *(self.ids, self.items, self.live, self.favourite, self.rating, self.created),
            *(self.tag_documents, self.tag_codes, *self.coded.values()),
            *(*self.numbers.values(), *self._orders.values()),
            *(() if self.named is None else (self.named,)),
        )
        texts = sum(len(codes.texts) for codes in (self.tags, *self.codes.values()))
        return int(sum(array.nbytes for array in arrays)) + 150 * texts

    def places(self, ids: DocumentIds) -> Positions:
        """Return the positions of documents; ids that are not in the columns are left out."""
        if not self.size:
            return np.empty(0, np.int64)
        places: Positions = np.searchsorted(self.ids, ids)
        places[places == self.size] = 0
        return np.asarray(places[self.ids[places] == ids], np.int64)

    def items_of(self, mask: Mask) -> list[str]:
        """Return the ids of the chosen documents' items."""
        return unpack(self.items[mask])

    def items_at(self, places: Positions) -> list[str]:
        """Return the ids of the items of documents at some positions."""
        return unpack(self.items[places])

    def places_of_items(self, items: Sequence[str]) -> Positions:
        """Return the position of each item's document, -1 for items without one."""
        if not self.size or not items:
            return np.full(len(items), -1, np.int64)
        known, keys = _as_keys(self.items), _as_keys(pack(items))
        order = np.argsort(known)
        places = np.searchsorted(known, keys, sorter=order)
        rows = order[np.minimum(places, self.size - 1)]
        return np.where(known[rows] == keys, rows, -1)

    def mask(self, ids: DocumentIds) -> Mask:
        """Return the mask of documents with these ids."""
        mask = np.zeros(self.size, np.bool_)
        mask[self.places(ids)] = True
        return mask

    def order(self, field: SortField, *, descending: bool) -> Positions:
        """Return all positions sorted by a field, documents without a value last.

        Of equal documents the newest comes first. The order is kept until a document changes.
        """
        order = self._orders.get((field, descending))
        if order is None:
            # Reversed, so that a stable sort has the newer of two equal documents first.
            keys = self.sort_keys(field, descending=descending)[::-1]
            order = self.size - 1 - np.argsort(keys, kind="stable")
            self._orders[field, descending] = order
        return order

    def sort_keys(self, field: SortField, *, descending: bool) -> NDArray[Any]:
        """Return what sorts documents by a field in ascending order; NaN is last either way."""
        keys: NDArray[Any] = (
            self.created if field is SortField.CREATED else self.numbers[field.value]
        )
        return -keys if descending else keys

    def parse(self, rows: Sequence[Any], tags: Sequence[Any]) -> "ColumnPart":
        """Return changed documents as arrays.

        Parameters
        ----------
        rows
            Documents, by ascending revision.
        tags
            `(document, tag)` of these documents, all of them.
        """
        values = dict(zip(_SELECTED, zip(*rows, strict=True), strict=True))
        add = {name: self.codes[name].add for name in CODED}
        return ColumnPart(
            revision=int(values["revision"][-1]),
            arrays={
                "ids": np.array(values["id"], np.int64),
                "items": pack(values["item"]),
                "live": ~np.array(values["removed"], np.bool_),
                "favourite": np.array(values["favourite"], np.bool_),
                "rating": np.array([rating or 0 for rating in values["rating"]], np.int8),
                "created": np.array([microseconds(time) for time in values["created"]], np.int64),
                **{n: np.array([add[n](text) for text in values[n]], np.int32) for n in CODED},
                **{name: np.array(values[name], np.float32) for name in NUMBERS},
            },
            tag_documents=np.array([document for document, _ in tags], np.int64),
            tag_codes=np.array([self.tags.add(tag) for _, tag in tags], np.int32),
        )

    def merge(self, parts: Sequence["ColumnPart"]) -> None:
        """Take in changed documents: of one that comes twice, the last is the newest."""
        joined = {
            name: np.concatenate([part.arrays[name] for part in parts]) for name in parts[0].arrays
        }
        fresh_ids = joined.pop("ids")
        ids, last = np.unique(fresh_ids[::-1], return_index=True)
        chosen = len(fresh_ids) - 1 - last
        new = np.isin(ids, self.ids[self.places(ids)], invert=True)
        before = np.searchsorted(self.ids, ids[new])
        merged = np.insert(self.ids, before, ids[new])
        changed = np.searchsorted(merged, ids[~new])

        def column(name: str, old: NDArray[Any]) -> NDArray[Any]:
            rows = joined[name][chosen]
            array = np.insert(old, before, rows[new], axis=0)
            array[changed] = rows[~new]
            return array

        for name in ("items", "live", "favourite", "rating", "created"):
            setattr(self, name, column(name, getattr(self, name)))
        self.coded = {name: column(name, old) for name, old in self.coded.items()}
        self.numbers = {name: column(name, old) for name, old in self.numbers.items()}
        stays = ~np.isin(self.tag_documents, ids)
        pairs = np.concatenate([part.tag_documents for part in parts])
        codes = np.concatenate([part.tag_codes for part in parts])
        if len(ids) < len(fresh_ids):
            # Of a document that came twice the tags that came with the newest count.
            numbers = np.arange(len(parts))
            newest = np.repeat(numbers, [len(part.arrays["ids"]) for part in parts])[chosen]
            came = np.repeat(numbers, [len(part.tag_documents) for part in parts])
            counts = newest[np.searchsorted(ids, pairs)] == came
            pairs, codes = pairs[counts], codes[counts]
        self.tag_documents = np.concatenate((self.tag_documents[stays], pairs))
        self.tag_codes = np.concatenate((self.tag_codes[stays], codes))
        self.ids = merged
        self.revision = max(self.revision, *(part.revision for part in parts))
        self.named = None
        self._orders = {}


@dataclass(frozen=True, slots=True)
class ColumnPart:
    """Some changed documents as arrays."""

    revision: int
    arrays: dict[str, NDArray[Any]]
    tag_documents: DocumentIds
    tag_codes: NDArray[np.int32]


def _as_keys(ids: Ids) -> NDArray[np.bytes_]:
    """Return ids as one value each, which can be sorted: all have the same length."""
    return np.ascontiguousarray(ids).view("S16")[:, 0]


def microseconds(moment: datetime) -> int:
    """Return a time as `Columns.created` holds it."""
    return (moment - _EPOCH) // _MICROSECOND


_DOCUMENTS = METADATA.tables[SearchDocumentRow.__tablename__].c
# Columns of the table, and not attributes of its class: plain rows take a third of the time.
_CHANGED = (
    select(*(_DOCUMENTS[name] for name in _SELECTED))
    .where(
        _DOCUMENTS.owner == bindparam("owner"),
        tuple_(_DOCUMENTS.revision, _DOCUMENTS.id)
        > tuple_(bindparam("revision", type_=BigInteger), bindparam("id", type_=BigInteger)),
    )
    .order_by(_DOCUMENTS.revision, _DOCUMENTS.id)
    .limit(_CHUNK)
)
_TAGS_SQLITE = text(
    "SELECT DISTINCT document, tag FROM search_tags"
    " WHERE document IN (SELECT value FROM json_each(:ids))"
)
_TAGS_POSTGRES = text(
    "SELECT DISTINCT document, tag FROM search_tags WHERE document = ANY(CAST(:ids AS bigint[]))"
)


async def refresh(session: AsyncSession, owner: str, columns: Columns) -> None:
    """Read what changed since the columns were read last: one index look-up if nothing did."""
    parts: list[ColumnPart] = []
    revision, id_ = columns.revision, _LAST_ID
    while True:
        position = {"owner": owner, "revision": revision, "id": id_}
        rows = (await session.execute(_CHANGED, position)).all()
        if rows:
            id_, revision = rows[-1][:2]
            tags = await _tags_of(session, [row[0] for row in rows])
            parts.append(await asyncio.to_thread(columns.parse, rows, tags))
        if len(rows) < _CHUNK:
            break
    if parts:
        await asyncio.to_thread(columns.merge, parts)


async def changes_since(
    session: AsyncSession, owner: str, revision: int
) -> tuple[Columns, int | None]:
    """Return the documents that changed after a revision, a bounded number of them.

    Returns
    -------
    columns
        The changed documents alone, removed ones included.
    revision
        Up to which all changes are in the columns; `None` if these are the latest ones.
    """
    columns = Columns()
    position = {"owner": owner, "revision": revision, "id": _LAST_ID}
    rows: Sequence[Any] = (await session.execute(_CHANGED, position)).all()
    reached = None
    if len(rows) == _CHUNK:
        # A transaction writes fewer documents with one revision, so an earlier one is complete.
        last = rows[-1][1]
        rows = [row for row in rows if row[1] < last]
        reached = int(rows[-1][1])
    if rows:
        tags = await _tags_of(session, [row[0] for row in rows])
        part = await asyncio.to_thread(columns.parse, rows, tags)
        await asyncio.to_thread(columns.merge, (part,))
    return columns, reached


async def _tags_of(session: AsyncSession, ids: list[int]) -> Sequence[Any]:
    """Return `(document, tag)` of documents, whoever put the tag there."""
    if database_of(session).sqlite:
        return (await session.execute(_TAGS_SQLITE, {"ids": json.dumps(ids)})).all()
    return (await session.execute(_TAGS_POSTGRES, {"ids": ids})).all()
