"""Items without files, made at once."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert

from kit.clock import new_id
from services.library.catalogue.tables import ItemRow
from tests.library.catalogue import Catalogue, User


async def samples(
    catalogue: Catalogue,
    user: User,
    count: int,
    *,
    parent: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> list[str]:
    """Return the ids of new samples of a user, named `sample 0` and on."""
    now = datetime.now(UTC)
    ids = [new_id() for _ in range(count)]
    rows = [
        {
            "id": id_,
            "owner": user.owner,
            "kind": "sample",
            "state": "ready",
            "name": f"sample {number}",
            "labels": dict(metadata or {}),
            "search": "",
            "favourite": False,
            "tags": [],
            "parent": parent,
            "created": now,
            "updated": now,
        }
        for number, id_ in enumerate(ids)
    ]
    async with catalogue.database.transaction() as session:
        await session.execute(insert(ItemRow.metadata.tables["items"]), rows)
    return ids


async def refused(answer: Any) -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    assert answer.is_error, answer.text
    return answer.status_code, answer.json()["code"]


async def order(user: User, collection: str) -> list[str]:
    """Return the ids of the items of a collection, read page by page."""
    ids: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        page = await user.get(f"/collections/{collection}/items", **query)
        ids += [row["item"]["id"] for row in page["items"]]
        if page["next"] is None:
            return ids
        query["cursor"] = page["next"]


async def events(user: User, type_: str) -> Sequence[dict[str, Any]]:
    """Return the data of all events of a type in the user's feed."""
    feed = await user.get("/feed", after="start", limit=200)
    return [entry["data"] for entry in feed["items"] if entry["type"] == type_]
