"""Deleted items are hidden, restored whole, and deleted for good when they are due."""

from typing import Any

from sqlalchemy import select, update
from sqlmodel import col

from contracts.jobs import TaskName
from contracts.music import Stem
from services.library.catalogue.hiding import HIDDEN_FOR
from services.library.catalogue.tables import DeletionRow, ItemRow
from services.library.events.tables import EventRow
from services.library.saved_searches.matching import SavedSearchMatcher
from tests.library.catalogue import UNKNOWN, Catalogue, User, separated, stems
from tests.library.collections.crate import events

SONG = b"a song" * 1000


async def song_with_stems(catalogue: Catalogue, user: User) -> tuple[str, list[dict[str, Any]]]:
    song = await user.track(SONG, name="Night.wav")
    await user.post("/jobs", {"item": song, "task": "separation"})
    claim = await catalogue.claim(TaskName.SEPARATION)
    await catalogue.finish(claim, separated(), stems(Stem.BASS, Stem.DRUMS))
    return song, (await user.get("/items", parent=song))["items"]


async def hide(user: User, item: str) -> None:
    assert (await user.http.delete(f"/v1/items/{item}")).status_code == 204


async def hidden(user: User) -> list[str]:
    return [row["item"]["id"] for row in (await user.get("/hidden"))["items"]]


async def everything(user: User, song: str, drums: str, collection: str) -> list[Any]:
    """Return all that the API shows of a song and its stems."""
    paths = [f"/items/{song}", f"/items/{drums}", f"/items/{drums}/artifacts", "/items", "/tags"]
    paths += [f"/collections/{collection}", f"/collections/{collection}/items", "/tray"]
    shown = [await user.get(path) for path in paths]
    answer = await user.get("/search", q="", counts=True, sort="name")
    return [*shown, answer["items"], answer["facets"]]


async def test_a_deleted_item_is_nowhere_and_comes_back_whole(catalogue: Catalogue) -> None:
    user, stranger = catalogue.user(), catalogue.user()
    song, cut = await song_with_stems(catalogue, user)
    drums = cut[0]["id"]
    collection = (await user.post("/collections", {"name": "Used"}))["id"]
    await user.post(f"/collections/{collection}/items", {"items": [song, drums]})
    await user.http.put("/v1/tray/3", json={"item": drums, "locked": True})
    await user.http.put(f"/v1/items/{drums}/tags/dusty")
    await user.http.put(f"/v1/items/{drums}/favourite")
    search = await user.post("/saved-searches", {"name": "all", "q": "", "notify": True})
    before = await everything(user, song, drums, collection)
    stored = await user.get("/usage")
    assert stored["hidden"] == {"originals": 0, "results": 0, "total": 0}

    await hide(user, song)

    for path in (f"/items/{song}", f"/items/{drums}", f"/items/{drums}/artifacts"):
        assert (await user.http.get(f"/v1{path}")).status_code == 404
    for path in ("/items", "/tags", f"/collections/{collection}/items", "/jobs", "/duplicates"):
        assert (await user.get(path))["items"] == [], path
    assert (await user.get("/search", q="night"))["total"] == 0
    assert all(place["item"] is None for place in (await user.get("/tray"))["places"])
    (listed,) = (await user.get("/hidden"))["items"]
    assert listed["item"]["id"] == song
    # All of it is still stored, and all of it is of hidden items.
    usage = await user.get("/usage")
    assert {k: usage[k] for k in ("originals", "results")} == {
        k: stored[k] for k in ("originals", "results")
    }
    assert usage["hidden"]["originals"] == usage["originals"]
    assert usage["hidden"]["results"] == usage["results"] > 0
    assert await hidden(stranger) == []
    assert (await stranger.http.post(f"/v1/items/{song}/restore")).status_code == 404
    assert (await user.http.post(f"/v1/items/{drums}/restore")).status_code == 404
    matcher = SavedSearchMatcher(catalogue.database, catalogue.server.searches)
    while await matcher.match():
        pass
    assert (await user.get(f"/saved-searches/{search['id']}"))["total"] == 0

    restored = await user.post(f"/items/{song}/restore")
    assert restored == await user.get(f"/items/{song}")
    assert await everything(user, song, drums, collection) == before
    assert await user.get("/usage") == stored
    assert await hidden(user) == []
    # A repeated request changes nothing.
    assert await user.post(f"/items/{song}/restore") == restored
    assert (await user.http.post(f"/v1/items/{UNKNOWN}/restore")).status_code == 404
    while await matcher.match():
        pass
    # What comes back is not reported as something new.
    shown = await user.get(f"/saved-searches/{search['id']}")
    assert (shown["new"], shown["total"]) == (0, 3)
    assert await events(user, "search.matched") == []
    assert [event["item"] for event in await events(user, "item.hidden")] == [song]
    assert [event["item"] for event in await events(user, "item.restored")] == [song]
    assert await events(user, "item.deleted") == []


async def test_work_over_a_hidden_item_ends_except_ingest(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song, cut = await song_with_stems(catalogue, user)
    waiting = await user.post("/jobs", {"item": cut[0]["id"], "task": "midi"})
    run = await user.post("/runs", {"item": song, "pipeline": "midi"})
    late = (await user.upload(b"late" * 500))["item"]
    await hide(user, song)
    await hide(user, late)
    assert await catalogue.idle(TaskName.MIDI)
    await catalogue.ingest_next()
    for item in (song, late):
        await user.post(f"/items/{item}/restore")
    assert (await user.get(f"/jobs/{waiting['id']}"))["state"] == "cancelled"
    assert (await user.get(f"/runs/{run['id']}"))["state"] == "cancelled"
    assert (await user.get(f"/items/{late}"))["state"] == "ready"
    async with catalogue.database.session() as session:
        assert list(await session.scalars(select(DeletionRow))) == []


async def test_bytes_of_a_hidden_item_can_be_uploaded_again(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song = await user.track(SONG)
    await hide(user, song)
    again = await user.track(SONG)
    assert again != song
    await user.post(f"/items/{song}/restore")
    # The newer one is the one that these bytes are known by.
    assert (await user.upload(SONG))["item"] == again
    await hide(user, again)
    await user.post(f"/items/{again}/restore")
    assert (await user.upload(SONG))["item"] == again


async def test_what_is_hidden_with_its_parent_follows_it(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song, cut = await song_with_stems(catalogue, user)
    first, second = (item["id"] for item in cut)
    await hide(user, first)
    await hide(user, song)
    assert await hidden(user) == [song, first]
    page = await user.get("/hidden", limit=1)
    rest = await user.get("/hidden", limit=1, cursor=page["next"])
    assert [page["items"][0]["item"]["id"], rest["items"][0]["item"]["id"]] == [song, first]
    refused = await user.http.post(f"/v1/items/{first}/restore")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    await user.post(f"/items/{song}/restore")
    assert [i["id"] for i in (await user.get("/items", parent=song))["items"]] == [second]
    await user.post(f"/items/{first}/restore")
    assert len((await user.get("/items", parent=song))["items"]) == 2


async def test_what_is_due_is_deleted_for_good(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song, _ = await song_with_stems(catalogue, user)
    kept, gone = [await user.track(name.encode() * 500, name=name) for name in ("kept", "gone")]
    for item in (song, kept, gone):
        await hide(user, item)
    # At once, though it is hidden.
    assert (await user.http.delete(f"/v1/items/{gone}?permanently=true")).status_code == 204
    assert await hidden(user) == [kept, song]
    due = update(DeletionRow).where(col(DeletionRow.id) == song)
    async with catalogue.database.transaction() as session:
        moment = await catalogue.database.time(session)
        row = await session.get(DeletionRow, song)
        assert row is not None
        assert row.due == row.created + HIDDEN_FOR
        await session.execute(due.values(due=moment, created=moment - HIDDEN_FOR))
    await catalogue.server.deletions.finish()
    assert await hidden(user) == [kept]
    assert (await user.http.post(f"/v1/items/{song}/restore")).status_code == 404
    async with catalogue.database.session() as session:
        assert [row.id for row in await session.scalars(select(ItemRow))] == [kept]
        kinds = set(await session.scalars(select(col(EventRow.type))))
    assert "item.deleted" in kinds
    usage = await user.get("/usage")
    assert usage["hidden"]["total"] == usage["total"]


async def test_many_items_are_hidden_by_one_request(catalogue: Catalogue) -> None:
    user = catalogue.user()
    first, second = [await user.track(name.encode() * 500, name=name) for name in ("one", "two")]
    body = {"edits": [{"items": [first, second], "add_tags": ["old"], "hide": True}]}
    assert (await user.post("/items/edit", body))["failed"] == 0
    assert (await user.get("/items"))["items"] == []
    assert set(await hidden(user)) == {first, second}
    again = await user.post("/items/edit", body)
    assert {result["failure"]["code"] for result in again["results"]} == {"not_found"}
    await catalogue.server.deletions.finish()
    assert (await user.post(f"/items/{first}/restore"))["tags"] == [
        {"name": "old", "source": "user"}
    ]


async def test_an_item_that_is_hidden_while_it_is_taken_in_gives_its_bytes_free(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    first = (await user.upload(SONG, name="Night.wav"))["item"]
    claim = await catalogue.claim(TaskName.INGEST)
    await hide(user, first)
    await catalogue.finish_ingest(claim)

    again = await user.upload(SONG, name="Night again.wav")

    assert (again["duplicate"], again["item"] == first) == (False, False)
    await catalogue.ingest_next()
    # The newer item is the one that the bytes are known by, also when the first one comes back.
    await user.post(f"/items/{first}/restore")
    assert (await user.upload(SONG, name="Once more.wav"))["item"] == again["item"]


async def test_an_item_that_was_hidden_while_it_was_taken_in_is_known_by_its_bytes_again(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    first = (await user.upload(SONG, name="Night.wav"))["item"]
    claim = await catalogue.claim(TaskName.INGEST)
    await hide(user, first)
    await catalogue.finish_ingest(claim)

    await user.post(f"/items/{first}/restore")

    assert (await user.upload(SONG, name="Once more.wav"))["item"] == first
