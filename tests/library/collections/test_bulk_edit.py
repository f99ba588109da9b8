"""Bulk edits: each item whole or not at all, whatever becomes of the others."""

from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from services.library.catalogue.tables import ArtifactRow
from services.library.settings import LibrarySettings
from tests.library.catalogue import UNKNOWN, Catalogue, User, open_catalogue
from tests.library.collections.crate import events, order, refused, samples
from tests.library.test_statements import statements


async def edit(user: User, *edits: dict[str, Any]) -> list[str | None]:
    """Return for each item the code of its failure, if any."""
    answer = await user.post("/items/edit", {"edits": list(edits)})
    codes = [result["failure"] and result["failure"]["code"] for result in answer["results"]]
    assert answer["failed"] == sum(code is not None for code in codes)
    return codes


async def test_everything_that_a_bulk_edit_can_change(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song = await user.track()
    items = [song, *await samples(catalogue, user, 2, metadata={"artist": "Ann", "year": "1971"})]
    kicks = (await user.post("/collections", {"name": "Kicks"}))["id"]
    change = {
        "items": items,
        "add_tags": ["Dusty", "vinyl"],
        "favourite": True,
        "rating": 4,
        "kind": "stem",
        "stem": "drums",
        "set_metadata": {"licence": "CC0-1.0", "year": None},
        "collections": [kicks],
    }
    for _ in range(2):
        assert await edit(user, change) == [None, None, None]
        for item in items:
            shown = await user.get(f"/items/{item}")
            assert [tag["name"] for tag in shown["tags"]] == ["Dusty", "vinyl"]
            assert (shown["favourite"], shown["rating"]) == (True, 4)
            assert (shown["kind"], shown["stem"]) == ("stem", "drums")
            assert shown["metadata"]["licence"] == "CC0-1.0"
            assert "year" not in shown["metadata"]
        assert shown["metadata"]["artist"] == "Ann"
        assert await order(user, kicks) == await order(user, "favourites") == items
    async with catalogue.database.session() as session:
        stems = await session.scalars(
            select(col(ArtifactRow.stem)).where(
                col(ArtifactRow.item) == song, col(ArtifactRow.kind) == "canonical"
            )
        )
        assert list(stems) == ["drums"]
    assert (await user.get("/items", q="cc0"))["items"] != []
    # The second edit changed nothing, so nothing was emitted: ingest's and the first one's.
    changed = [event["item"] for event in await events(user, "item.changed")]
    assert changed == [song, *items]
    back = {"items": items, "remove_tags": ["DUSTY"], "favourite": False, "rating": None}
    assert await edit(user, back) == [None, None, None]
    shown = await user.get(f"/items/{items[1]}")
    assert [tag["name"] for tag in shown["tags"]] == ["vinyl"]
    assert (shown["favourite"], shown["rating"]) == (False, None)
    assert await order(user, "favourites") == []
    assert await order(user, kicks) == items


async def test_an_item_that_fails_is_left_as_it_was_and_fails_alone(catalogue: Catalogue) -> None:
    user, other = catalogue.user(), catalogue.user()
    a, b, c, d = await samples(catalogue, user, 4)
    (foreign,) = await samples(catalogue, other, 1)
    await edit(user, {"items": [b], "add_tags": [f"t{n}" for n in range(64)]})
    codes = await edit(
        user,
        {"items": [a, UNKNOWN, foreign, b], "add_tags": ["new"], "rating": 3},
        {"items": [c], "rating": 3, "collections": [UNKNOWN]},
        {"items": [d], "rating": 3, "collections": ["tray"]},
    )
    assert codes == [None, "not_found", "not_found", "invalid_request", "not_found", "conflict"]
    ratings = [(await user.get(f"/items/{item}"))["rating"] for item in (a, b, c, d)]
    assert ratings == [3, None, None, None]
    assert (await other.get(f"/items/{foreign}"))["rating"] is None
    wide = {"set_metadata": {f"n{n}": "x" for n in range(64)}}
    assert await edit(user, {"items": [a], **wide}, {"items": [c], "rating": 1}) == [None, None]
    more = {"set_metadata": {"one": "more"}}
    assert await edit(user, {"items": [a], **more}) == ["invalid_request"]


async def test_a_collection_takes_as_many_as_fit(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/library.db"
    settings = LibrarySettings(collection_items=16)
    async with open_catalogue(url, tmp_path, settings) as catalogue:
        user = catalogue.user()
        items = await samples(catalogue, user, 18)
        kicks = (await user.post("/collections", {"name": "Kicks"}))["id"]
        change = {"items": items, "collections": [kicks, kicks], "favourite": True}
        codes = await edit(user, change)
        assert codes == [None] * 16 + ["invalid_request"] * 2
        assert await order(user, kicks) == await order(user, "favourites") == items[:16]
        assert (await user.get(f"/items/{items[17]}"))["favourite"] is False


async def test_500_items_take_as_many_statements_as_five(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await samples(catalogue, user, 505)
    counts = []
    for some in (items[:5], items[5:]):
        change = {"items": some, "add_tags": ["a"], "favourite": True, "rating": 1}
        with statements() as seen:
            assert set(await edit(user, change)) == {None}
        counts.append(len(seen))
    # The first one also creates the collection of favourites.
    assert counts[1] <= counts[0]
    answer = await user.http.post("/v1/items/edit", json={"edits": [{"items": items}]})
    assert answer.status_code == 422
    halves = [{"items": items[:300]}, {"items": items[300:]}]
    answer = await user.http.post("/v1/items/edit", json={"edits": halves})
    assert await refused(answer) == (422, "invalid_request")
    twice = [{"items": [items[0]]}, {"items": [items[0]]}]
    answer = await user.http.post("/v1/items/edit", json={"edits": twice})
    assert await refused(answer) == (422, "invalid_request")


async def test_items_that_are_being_deleted_are_not_found(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item, stays = await samples(catalogue, user, 2)
    await user.http.delete(f"/v1/items/{item}?permanently=true")
    assert await edit(user, {"items": [item, stays], "rating": 1}) == ["not_found", None]
