"""Saved searches: edited, matched as items change, used by other searches."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update
from sqlmodel import col

from kit.clock import new_id
from services.library.saved_searches.matching import SavedSearchMatcher
from services.library.saved_searches.results import Results, apply_changes, decode_ids, encode_ids
from services.library.saved_searches.saved_searches import is_wide
from services.library.search.documents import index_items, next_revision
from services.library.search.language import parse_query
from services.library.search.tables import SearchDocumentRow
from services.library.settings import LibrarySettings
from tests.library.catalogue import UNKNOWN, Catalogue, User, open_catalogue
from tests.library.collections.crate import events, samples


async def save(user: User, name: str, q: str, *, notify: bool = True) -> dict[str, Any]:
    saved: dict[str, Any] = await user.post(
        "/saved-searches", {"name": name, "q": q, "notify": notify}
    )
    return saved


async def documents(catalogue: Catalogue, user: User, count: int) -> list[str]:
    """Return the ids of new samples with search documents."""
    items = await samples(catalogue, user, count)
    async with catalogue.database.transaction() as session:
        await index_items(session, user.owner, items)
    return items


async def describe(catalogue: Catalogue, user: User, items: list[str], **values: Any) -> None:
    """Write what was measured of items into their documents, as tagging does."""
    document = SearchDocumentRow
    async with catalogue.database.transaction() as session:
        values["revision"] = await next_revision(session, user.owner)
        await session.execute(update(document).where(col(document.item).in_(items)).values(values))


async def match(catalogue: Catalogue) -> None:
    """Match until nothing is left to match."""
    matcher = SavedSearchMatcher(catalogue.database, catalogue.server.searches)
    while await matcher.match():
        pass


async def counts(user: User, search: dict[str, Any]) -> tuple[int, int]:
    shown = await user.get(f"/saved-searches/{search['id']}")
    return shown["new"], shown["total"]


@pytest.mark.parametrize(
    ("text", "wide"),
    [
        ("kick len:<1", False),
        ("(class:kick or tag:a) -(loop or bpm:90)", False),
        (f"in:{UNKNOWN}", True),
        (f"kick (loop or (snare in:{UNKNOWN}))", True),
        ('-(kick or search:"dusty ones")', True),
        (f"(kick or from:{UNKNOWN})", False),
        ("(kick or from:evening)", True),
    ],
)
def test_a_search_that_depends_on_more_than_its_documents_is_matched_whole(
    text: str, wide: bool
) -> None:
    assert is_wide(parse_query(text)[0]) == wide


async def test_a_search_counts_and_reports_what_it_newly_finds(catalogue: Catalogue) -> None:
    user, stranger = catalogue.user(), catalogue.user()
    first = await documents(catalogue, user, 3)
    kicks = await save(user, "Kicks", "sample class:kick")
    quiet = await save(user, "All", "", notify=False)
    assert (kicks["new"], kicks["total"]) == (0, 0)
    assert (quiet["new"], quiet["total"]) == (0, 3)
    await match(catalogue)
    assert await events(user, "search.matched") == []
    # The class of an older sample arrives later.
    await describe(catalogue, user, first[:2], sound_class="kick")
    added = await documents(catalogue, user, 2)
    await documents(catalogue, stranger, 1)
    await match(catalogue)
    assert await counts(user, kicks) == (2, 2)
    assert await counts(user, quiet) == (2, 5)
    (event,) = await events(user, "search.matched")
    assert event == {
        "search": kicks["id"], "name": "Kicks", "added": 2, "new": 2, "items": first[:2],
    }  # fmt: skip
    # The same change is not reported twice, and a sample that matches already is not new.
    await describe(catalogue, user, first[:2], bpm=120.0)
    await match(catalogue)
    assert len(await events(user, "search.matched")) == 1
    await describe(catalogue, user, [first[1]], sound_class="snare")
    await match(catalogue)
    assert await counts(user, kicks) == (1, 1)
    seen = await user.post(f"/saved-searches/{kicks['id']}/seen", {})
    assert (seen["new"], seen["total"]) == (0, 1)
    await user.http.delete(f"/v1/items/{first[0]}")
    await describe(catalogue, user, added, sound_class="kick")
    await match(catalogue)
    assert await counts(user, kicks) == (2, 2)
    assert await events(stranger, "search.matched") == []


async def test_saved_searches_are_listed_edited_and_deleted(catalogue: Catalogue) -> None:
    user, stranger = catalogue.user(), catalogue.user()
    items = await documents(catalogue, user, 2)
    saved = await save(user, "Short Kicks", "class:kick")
    same = await user.http.post("/v1/saved-searches", json={"name": "SHORT  kicks", "q": ""})
    assert (same.status_code, same.json()["code"]) == (409, "conflict")
    path = f"/saved-searches/{saved['id']}"
    edited = await user.http.patch(f"/v1{path}", json={"q": "sample", "name": "Samples"})
    assert edited.json() == await user.get(path)
    assert (edited.json()["total"], edited.json()["new"], edited.json()["notify"]) == (2, 0, True)
    assert (await user.get("/saved-searches"))["items"] == [edited.json()]
    assert (await stranger.get("/saved-searches"))["items"] == []
    for method, suffix in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/seen")):
        answer = await stranger.http.request(method, f"/v1{path}{suffix}", json={})
        assert answer.status_code == 404, method
    like = f"like:{items[0]}"
    refused = await user.http.post(
        "/v1/saved-searches", json={"name": "near", "q": like, "notify": True}
    )
    assert (refused.status_code, refused.json()["fields"][0]["field"]) == (422, "body.notify")
    near = await save(user, "near", like, notify=False)
    assert near["total"] is None
    for body in ({"notify": True}, {"q": " ".join(f"w{n}" for n in range(17))}):
        answer = await user.http.patch(f"/v1/saved-searches/{near['id']}", json=body)
        assert answer.status_code == 422, body
    for name in ('a "b"', "a,b", "", "\x07", "..."):
        answer = await user.http.post("/v1/saved-searches", json={"name": name, "q": ""})
        assert answer.status_code == 422, name
    head = {"Idempotency-Key": new_id()}
    body = {"name": "once", "q": "x"}
    ids = {
        (await user.http.post("/v1/saved-searches", json=body, headers=head)).json()["id"]
        for _ in range(2)
    }
    assert len(ids) == 1
    assert (await user.http.delete(f"/v1{path}")).status_code == 204
    assert (await user.http.get(f"/v1{path}")).status_code == 404


async def test_searches_use_saved_searches_and_collections(catalogue: Catalogue) -> None:
    user, stranger = catalogue.user(), catalogue.user()
    items = await documents(catalogue, user, 4)
    await describe(catalogue, user, items[:2], sound_class="kick")
    await describe(catalogue, user, items[2:3], sound_class="snare")
    crate = (await user.post("/collections", {"name": "Used"}))["id"]
    await user.post(f"/collections/{crate}/items", {"items": [items[0]]})
    await save(user, "My kicks", "class:kick")
    await save(user, "Snares", "class:snare")
    await save(stranger, "Strangers", "")

    async def found(q: str, **query: Any) -> set[int]:
        page = await user.get("/search", q=q, **query)
        assert (await user.get("/search", q=page["query"]))["query"] == page["query"]
        return {items.index(hit["item"]["id"]) for hit in page["items"]}

    assert await found(f"-in:{crate}") == {1, 2, 3}
    assert await found('search:"my KICKS"') == {0, 1}
    assert await found('search:"my kicks",snares') == {0, 1, 2}
    assert await found('-search:"my kicks"') == {2, 3}
    assert await found(f'search:"my kicks" -in:{crate}') == {1}
    assert await found("", saved="My kicks", not_collection=crate) == {1}
    assert await found("", not_saved=["my kicks", "snares"]) == {3}
    assert await found("search:strangers") == await found("search:unknown") == set()
    free = await save(user, "Free kicks", f'search:"my kicks" -in:{crate}')
    assert free["total"] == 1
    # A collection that changes is no change of an item, but of what the search finds.
    await user.post(f"/collections/{crate}/items/remove", {"items": [items[0]]})
    await describe(catalogue, user, items[3:], sound_class="kick")
    await match(catalogue)
    assert await counts(user, free) == (2, 3)
    assert {event["added"] for event in await events(user, "search.matched")} >= {2}


async def test_saved_searches_cannot_use_each_other_in_a_circle(catalogue: Catalogue) -> None:
    user = catalogue.user()
    (item,) = await documents(catalogue, user, 1)
    first = await save(user, "first", "sample")
    await save(user, "second", "search:first")
    answer = await user.http.patch(f"/v1/saved-searches/{first['id']}", json={"q": "search:second"})
    # What it finds now comes from the old text; the circle is refused when it is used.
    assert answer.status_code == 200
    circle = await user.http.get("/v1/search", params={"q": "search:first"})
    assert (circle.status_code, circle.json()["code"]) == (422, "invalid_request")
    assert "circle" in circle.json()["detail"]
    await match(catalogue)
    assert await counts(user, first) == (0, 0)
    await save(user, "near", f"like:{item}", notify=False)
    near = await user.http.get("/v1/search", params={"q": "search:near"})
    assert "like:" in near.json()["detail"]


async def test_an_account_has_only_so_many(tmp_path: Any) -> None:
    settings = LibrarySettings(owner_saved_searches=1)
    url = f"sqlite+aiosqlite:///{tmp_path}/library.db"
    async with open_catalogue(url, tmp_path, settings) as catalogue:
        user = catalogue.user()
        await save(user, "one", "")
        answer = await user.http.post("/v1/saved-searches", json={"name": "two", "q": ""})
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


IDS = st.sets(st.integers(0, 1 << 40), max_size=30).map(lambda ids: np.array(sorted(ids), np.int64))


@given(IDS)
def test_ids_are_stored_exactly(ids: np.ndarray[Any, np.dtype[np.int64]]) -> None:
    assert decode_ids(encode_ids(ids)).tolist() == ids.tolist()


@given(*(st.sets(st.integers(0, 12)) for _ in range(4)))
def test_results_follow_what_was_matched(
    past: set[int], changed: set[int], matched: set[int], hidden: set[int]
) -> None:
    def array(ids: set[int]) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.array(sorted(ids), np.int64)

    matched = (matched & changed) - hidden
    before = Results(array(past), array(set()))
    change = apply_changes(before, array(matched), array(changed - matched), array(hidden))
    after = (past - (changed - matched - hidden)) | matched
    assert set(change.added.tolist()) == matched - past
    assert (change.total, change.new) == (len(after - hidden), len(matched - past))
    stored = past if change.encoded is None else set(decode_ids(change.encoded[0]).tolist())
    assert stored == after


def test_many_ids_take_little_room() -> None:
    assert len(encode_ids(np.arange(5, 500_000, 5, dtype=np.int64))) < 10_000


@pytest.mark.parametrize("field", ["bpm", "duration", "bpm,duration"])
async def test_histograms_ignore_the_filter_of_their_own_field(
    catalogue: Catalogue, field: str
) -> None:
    user = catalogue.user()
    items = await documents(catalogue, user, 5)
    for item, bpm, duration in zip(
        items, (90.0, 120.0, 121.5, 174.0, None), (0.01, 0.4, 0.4, 61.0, 3.0), strict=True
    ):
        await describe(catalogue, user, [item], bpm=bpm, duration=duration)
    every = await user.get("/search", histograms=field)
    assert every["facets"] is None
    assert set(every["histograms"]) == set(field.split(","))
    filtered = await user.get("/search", q="bpm:>100 len:<10", histograms=field)
    assert filtered["total"] == 2
    for name, histogram in every["histograms"].items():
        edges, numbers = histogram["edges"], histogram["counts"]
        assert len(edges) == len(numbers) + 1
        assert edges == sorted(edges)
        assert sum(numbers) == (4 if name == "bpm" else 5)
        assert filtered["histograms"][name]["edges"] == edges
        # Of tempi those of items up to 10 s, of lengths those above 100 BPM.
        assert sum(filtered["histograms"][name]["counts"]) == 3
    empty = await catalogue.user().get("/search", histograms=field)
    assert all(h == {"edges": [], "counts": []} for h in empty["histograms"].values())
    for wrong in ("pitch", "bpm,", ""):
        answer = await user.http.get("/v1/search", params={"histograms": wrong})
        assert answer.status_code == 422, wrong
