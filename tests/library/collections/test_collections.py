"""Collections: ordered, nested, bounded; their items, and what becomes of them."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.library.collections.ordering import GAP, between
from services.library.settings import LibrarySettings
from tests.library.catalogue import UNKNOWN, Catalogue, User, open_catalogue
from tests.library.collections.crate import events, order, refused, samples


async def create(user: User, name: str = "Kicks", **fields: object) -> str:
    created = await user.post("/collections", {"name": name, **fields})
    return str(created["id"])


async def test_a_collection_is_created_edited_listed_and_deleted(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await samples(catalogue, user, 2)
    created = await user.post("/collections", {"name": "Kicks", "note": "dusty"})
    assert (created["kind"], created["role"], created["items"]) == ("collection", "owner", 0)
    path = f"/collections/{created['id']}"
    await user.post(f"{path}/items", {"items": items})
    edited = await user.http.patch(
        f"/v1{path}", json={"name": "Kicks 2", "cover": {"item": items[0]}}
    )
    shown = await user.get(path)
    assert edited.json() == shown
    assert (shown["name"], shown["note"], shown["items"]) == ("Kicks 2", "dusty", 2)
    assert shown["cover"] == {"item": items[0], "artifact": None}
    listed = (await user.get("/collections"))["items"]
    assert [row["kind"] for row in listed] == ["favourites", "tray", "collection"]
    assert listed[2] == shown
    holding = (await user.get("/collections", item=items[0]))["items"]
    assert [row["id"] for row in holding] == [created["id"]]
    assert (await user.http.delete(f"/v1{path}")).status_code == 204
    assert (await user.http.get(f"/v1{path}")).status_code == 404
    # The items stay.
    assert (await user.get(f"/items/{items[0]}"))["id"] == items[0]
    changes = [event["change"] for event in await events(user, "collection.changed")]
    assert changes == ["created", "items", "edited", "deleted"]


async def test_items_are_inserted_and_moved_next_to_others(catalogue: Catalogue) -> None:
    user = catalogue.user()
    a, b, c, d, e = await samples(catalogue, user, 5)
    id_ = await create(user)
    path = f"/collections/{id_}/items"
    assert (await user.post(path, {"items": [a, b]}))["items"] == 2
    await user.post(path, {"items": [c, a], "before": b})
    assert await order(user, id_) == [a, c, b]
    await user.post(path, {"items": [d, e], "after": a})
    assert await order(user, id_) == [a, d, e, c, b]
    for _ in range(2):  # A repeated request changes nothing.
        await user.post(f"{path}/move", {"items": [b, d], "before": a})
        assert await order(user, id_) == [b, d, a, e, c]
    await user.post(f"{path}/move", {"items": [d, a], "after": c})
    assert await order(user, id_) == [b, e, c, d, a]
    await user.post(f"{path}/move", {"items": [b]})
    assert await order(user, id_) == [e, c, d, a, b]
    await user.post(f"{path}/remove", {"items": [c, UNKNOWN, b]})
    assert await order(user, id_) == [e, d, a]


async def test_a_gap_that_is_used_up_is_numbered_again(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await samples(catalogue, user, 40)
    id_ = await create(user)
    await user.post(f"/collections/{id_}/items", {"items": items[:2]})
    # Each halves the gap, of which there are 20 bits.
    for item in items[2:]:
        body = {"items": [item], "after": items[0]}
        await user.post(f"/collections/{id_}/items", body)
    assert await order(user, id_) == [items[0], *reversed(items[2:]), items[1]]


@given(
    st.none() | st.integers(-(2**40), 2**40),
    st.integers(1, 2**30),
    st.integers(1, 500),
    st.booleans(),
)
def test_positions_lie_between_their_neighbours(
    low: int | None, gap: int, count: int, last: bool
) -> None:
    high = None if last else (low or 0) + gap
    positions = between(low, high, count)
    if positions is None:
        assert low is not None
        assert high is not None
        assert high - low <= count
        return
    assert len(positions) == count
    assert positions == sorted(set(positions))
    assert low is None or low < positions[0]
    assert high is None or positions[-1] < high
    assert GAP > 500


async def test_what_is_named_must_be_there(catalogue: Catalogue) -> None:
    user, other = catalogue.user(), catalogue.user()
    (item,) = await samples(catalogue, user, 1)
    (foreign,) = await samples(catalogue, other, 1)
    id_ = await create(user)
    path = f"/v1/collections/{id_}/items"
    for absent in (UNKNOWN, foreign):
        answer = await user.http.post(path, json={"items": [item, absent]})
        assert await refused(answer) == (404, "not_found")
        assert [field["field"] for field in answer.json()["fields"]] == ["body.items.1"]
    assert await order(user, id_) == []
    await user.post(path.removeprefix("/v1"), {"items": [item]})
    for body in ({"items": [item], "before": UNKNOWN}, {"items": [UNKNOWN]}):
        answer = await user.http.post(f"{path}/move", json=body)
        assert await refused(answer) == (404, "not_found")
    answer = await user.http.post(f"{path}/move", json={"items": [item], "after": item})
    assert await refused(answer) == (422, "invalid_request")
    both = {"items": [item], "after": item, "before": item}
    assert (await user.http.post(path, json=both)).status_code == 422
    for cover in ({"item": foreign}, {"artifact": UNKNOWN}):
        answer = await user.http.patch(f"/v1/collections/{id_}", json={"cover": cover})
        assert await refused(answer) == (404, "not_found")


async def test_collections_are_nested_without_a_cycle(catalogue: Catalogue) -> None:
    user = catalogue.user()
    top = await create(user, "top")
    middle = await create(user, "middle", parent=top)
    low = await create(user, "low", parent=middle)

    async def move(id_: str, parent: str | None) -> int:
        answer = await user.http.patch(f"/v1/collections/{id_}", json={"parent": parent})
        return answer.status_code

    assert await move(top, top) == 409
    assert await move(top, low) == 409
    assert await move(middle, UNKNOWN) == 404
    favourites = (await user.get("/collections/favourites"))["id"]
    assert await move(top, favourites) == 409
    assert [row["id"] for row in (await user.get("/collections", parent=top))["items"]] == [middle]
    # Two moves that are allowed one by one, and make a cycle together.
    other = await create(user, "other")
    assert sorted(await asyncio.gather(move(top, other), move(other, low))) == [200, 409]
    # What is nested in a deleted collection moves up.
    assert await move(top, None) in (200, 409)
    await user.http.delete(f"/v1/collections/{middle}")
    assert (await user.get(f"/collections/{low}"))["parent"] == top
    for depth in range(20):
        answer = await user.http.post("/v1/collections", json={"name": f"{depth}", "parent": low})
        if answer.status_code != 201:
            break
        low = answer.json()["id"]
    assert await refused(answer) == (409, "conflict")
    assert "8 levels" in answer.json()["detail"]


async def test_items_that_are_deleted_leave(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song, *_ = await samples(catalogue, user, 1)
    cuts = await samples(catalogue, user, 2, parent=song)
    id_ = await create(user, cover={"item": song})
    await user.post(f"/collections/{id_}/items", {"items": [*cuts, song]})
    await user.http.put(f"/v1/items/{cuts[0]}/favourite")
    await user.http.delete(f"/v1/items/{song}?permanently=true")
    assert await order(user, id_) == []
    assert await order(user, "favourites") == []
    shown = await user.get(f"/collections/{id_}")
    assert (shown["items"], shown["cover"]) == (0, None)


@pytest.mark.parametrize("name", ["favourites", "tray"])
async def test_built_in_collections_are_every_owners(catalogue: Catalogue, name: str) -> None:
    user, other = catalogue.user(), catalogue.user()
    shown = await user.get(f"/collections/{name}")
    assert (shown["kind"], shown["items"], shown["created"]) == (name, 0, None)
    assert await user.get(f"/collections/{shown['id']}") == shown
    assert (await other.http.get(f"/v1/collections/{shown['id']}")).status_code == 404
    assert (await user.http.delete(f"/v1/collections/{name}")).status_code == 409
    answer = await user.http.patch(f"/v1/collections/{name}", json={"name": "mine"})
    assert answer.status_code == 409
    answer = await user.http.patch(f"/v1/collections/{name}", json={"note": "mine"})
    assert (answer.status_code, answer.json()["note"]) == (200, "mine")


async def test_limits_are_kept_and_explained(tmp_path: Path) -> None:
    settings = LibrarySettings(owner_collections=3, collection_items=16)
    url = f"sqlite+aiosqlite:///{tmp_path}/library.db"
    async with open_catalogue(url, tmp_path, settings) as catalogue:
        user = catalogue.user()
        items = await samples(catalogue, user, 17)
        id_ = await create(user)
        answer = await user.http.post(f"/v1/collections/{id_}/items", json={"items": items})
        assert await refused(answer) == (422, "invalid_request")
        assert "at most 16" in answer.json()["detail"]
        await user.post(f"/collections/{id_}/items", {"items": items[:16]})
        # What is there already takes no room.
        await user.post(f"/collections/{id_}/items", {"items": items[:16]})
        answers = await asyncio.gather(
            *(user.http.post("/v1/collections", json={"name": "n"}) for _ in range(5))
        )
        assert sorted(answer.status_code for answer in answers) == [201, 201, 409, 409, 409]


async def test_the_tray_has_16_places_that_can_be_locked(catalogue: Catalogue) -> None:
    user = catalogue.user()
    a, b, c = await samples(catalogue, user, 3)

    async def put(place: int, **edit: object) -> int:
        answer = await user.http.put(f"/v1/tray/{place}", json=edit)
        return answer.status_code

    async def places() -> dict[int, tuple[str, bool]]:
        tray = (await user.get("/tray"))["places"]
        assert [place["place"] for place in tray] == list(range(1, 17))
        return {p["place"]: (p["item"]["id"], p["locked"]) for p in tray if p["item"]}

    assert await places() == {}
    assert await put(3, item=a) == 200
    assert await put(16, item=b, locked=True) == 200
    assert await put(17, item=c) == 422
    assert await put(1, item=UNKNOWN) == 404
    assert await put(1, item=None, locked=True) == 422
    assert await places() == {3: (a, False), 16: (b, True)}
    # A locked place neither takes another item nor gives its own away.
    for place, item in ((16, c), (16, None), (1, b)):
        assert await put(place, item=item) == 409
    assert await put(16, item=b, locked=False) == 200
    assert await put(16, item=a) == 200
    assert await places() == {3: (b, False), 16: (a, False)}
    assert await put(16, item=None) == 200
    assert await put(1, item=b, locked=True) == 200
    assert await places() == {1: (b, True)}
    assert await order(user, "tray") == [b]
    for path in ("", "/move"):
        answer = await user.http.post(f"/v1/collections/tray/items{path}", json={"items": [c]})
        assert await refused(answer) == (409, "conflict")
    await user.post("/collections/tray/items/remove", {"items": [b]})
    assert await places() == {}
