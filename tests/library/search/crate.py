"""An owner's items with their search documents, written as the catalogue would."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, update
from sqlmodel import col

from contracts.identity import Principal, Scope
from contracts.ids import OwnerId, UserId
from contracts.search import SearchResult
from kit.clock import new_id
from kit.database.engine import Database
from services.library.catalogue.tables import ItemRow
from services.library.search.documents import index_items, next_revision
from services.library.search.language import parse_query
from services.library.search.searching import Searches, SearchRequest
from services.library.search.tables import SearchDocumentRow, SearchTagRow

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
IN_ITEM = ("kind", "stem", "bpm", "labels", "parent", "audio", "state")


@dataclass
class Crate:
    """The items of one owner."""

    database: Database
    searches: Searches
    owner: str
    count: int = 0

    @property
    def principal(self) -> Principal:
        return Principal(
            user=UserId(self.owner),
            owner=OwnerId(self.owner),
            scopes=frozenset({Scope.READ}),
            token=new_id(),
            expires=datetime.now(UTC) + timedelta(hours=1),
        )

    def item(self, name: str, **values: Any) -> ItemRow:
        """Return a new item that is not stored, a second younger than the one before."""
        self.count += 1
        moment = NOON + timedelta(seconds=self.count)
        length = values.pop("duration", None)
        row = {
            "id": new_id(), "owner": self.owner, "kind": "sample", "state": "ready",
            "name": name, "labels": {}, "created": moment, "updated": moment,
            "audio": None if length is None else {
                "duration": length, "sample_rate": 44_100, "channels": 1, "samples": 1
            },
            **values,
        }  # fmt: skip
        return ItemRow(**row)

    async def add(self, name: str, tags: tuple[str, ...] = (), **values: Any) -> str:
        """Store an item with its document; return its id.

        Values that are no column of an item are set in the document.
        """
        of_item = {k: values.pop(k) for k in (*IN_ITEM, "duration") if k in values}
        row = self.item(name, **of_item)
        async with self.database.transaction() as session:
            session.add(row)
            await session.flush()
            await index_items(session, self.owner, [row.id])
        if values or tags:
            await self.describe(row.id, tags, **values)
        return row.id

    async def describe(self, item: str, tags: tuple[str, ...] = (), **values: Any) -> None:
        """Set columns and tags of a document."""
        document = SearchDocumentRow
        async with self.database.transaction() as session:
            values["revision"] = await next_revision(session, self.owner)
            changed = update(document).where(col(document.item) == item).values(**values)
            (id_,) = (await session.execute(changed.returning(col(document.id)))).one()
            if tags:
                rows = [{"document": id_, "tag": tag, "source": "user"} for tag in tags]
                await session.execute(insert(SearchTagRow), rows)

    async def search(self, text: str = "", **request: Any) -> SearchResult:
        query, understood = parse_query(text)
        return await self.searches.search(
            self.principal, SearchRequest(query=query, understood=understood, **request)
        )

    async def names(self, text: str = "", **request: Any) -> list[str]:
        """Return the names of all results, in order."""
        result = await self.search(text, **{"limit": 200, **request})
        assert result.total == len(result.items)
        return [hit.item.name for hit in result.items]

    async def found(self, text: str) -> set[str]:
        return set(await self.names(text))
