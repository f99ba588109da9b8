"""Custom tags, favourites and ratings."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.tags import MAX_TAGS, TagName
from services.library.catalogue.changes import ITEM_CHANGED
from services.library.catalogue.tables import ItemRow
from services.library.tags.item_tags import tag_key
from services.library.tags.tables import ItemTagRow
from tests.library.catalogue import Catalogue
from tests.library.collections.crate import events, order, refused, samples

TAG = TypeAdapter(TagName)


async def test_equal_tags_are_one_and_keep_their_first_spelling(catalogue: Catalogue) -> None:
    user = catalogue.user()
    (item,) = await samples(catalogue, user, 1)
    for tag in ("Dústy", "dusty", "ＤＵＳＴＹ", "late  night", "vinyl"):
        answer = await user.http.put(f"/v1/items/{item}/tags/{tag}")
        assert answer.status_code == 200
    tags = (await user.get(f"/items/{item}"))["tags"]
    assert [tag["name"] for tag in tags] == ["Dústy", "late night", "vinyl"]
    assert {tag["source"] for tag in tags} == {"user"}
    assert (await user.http.delete(f"/v1/items/{item}/tags/DUSTY")).status_code == 204
    assert (await user.http.delete(f"/v1/items/{item}/tags/DUSTY")).status_code == 204
    tags = (await user.get(f"/items/{item}"))["tags"]
    assert [tag["name"] for tag in tags] == ["late night", "vinyl"]
    # A change that changes nothing emits nothing: three tags and one removal did.
    assert len(await events(user, "item.changed")) == 4


async def test_tags_are_counted_in_alphabetical_order_by_page(catalogue: Catalogue) -> None:
    user, other = catalogue.user(), catalogue.user()
    items = await samples(catalogue, user, 3)
    for number, item in enumerate(items):
        for tag in ("Kick", "808", "Ärger")[number:]:
            await user.http.put(f"/v1/items/{item}/tags/{tag}")
    (foreign,) = await samples(catalogue, other, 1)
    await other.http.put(f"/v1/items/{foreign}/tags/kick")
    page = await user.get("/tags", limit=2)
    rest = await user.get("/tags", limit=2, cursor=page["next"])
    counts = [(tag["name"], tag["items"]) for tag in page["items"] + rest["items"]]
    assert counts == [("808", 2), ("Ärger", 3), ("Kick", 1)]
    assert rest["next"] is None
    assert [tag["name"] for tag in (await user.get("/tags", q="ar"))["items"]] == ["Ärger"]
    # Tags of an item go with it.
    await user.http.delete(f"/v1/items/{items[0]}?permanently=true")
    assert [tag["name"] for tag in (await user.get("/tags"))["items"]] == ["808", "Ärger"]


async def test_an_item_has_a_bounded_number_of_tags(catalogue: Catalogue) -> None:
    user = catalogue.user()
    (item,) = await samples(catalogue, user, 1)
    edit = {"items": [item], "add_tags": [f"t{n}" for n in range(MAX_TAGS)]}
    assert (await user.post("/items/edit", {"edits": [edit]}))["failed"] == 0
    answer = await user.http.put(f"/v1/items/{item}/tags/more")
    assert await refused(answer) == (422, "invalid_request")
    assert (await user.http.put(f"/v1/items/{item}/tags/T1")).status_code == 200


@pytest.mark.parametrize("tag", ["a,b", "a\\b", "..", ".", "\u0301", "a\x01b", "x" * 65])
async def test_a_tag_that_is_none_is_refused(catalogue: Catalogue, tag: str) -> None:
    with pytest.raises(ValidationError):
        TAG.validate_python(tag)


@given(st.text(max_size=70))
def test_any_tag_has_a_key_and_its_spelling_is_stable(text: str) -> None:
    try:
        tag = TAG.validate_python(text)
    except ValidationError:
        return
    assert TAG.validate_python(tag) == tag
    assert tag_key(tag)
    assert tag_key(tag.upper()) == tag_key(tag.upper().upper())


async def test_the_index_of_tags_agrees_with_the_items(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await samples(catalogue, user, 2)

    async def change(number: int) -> None:
        item, tag = items[number % 2], f"tag {number % 5}"
        method = user.http.delete if number % 3 == 0 else user.http.put
        assert (await method(f"/v1/items/{item}/tags/{tag}")).is_success

    await asyncio.gather(*map(change, range(30)))
    async with catalogue.database.session() as session:
        rows = [(row.item, row.name) for row in await session.scalars(select(ItemTagRow))]
    shown = [
        (item, tag["name"]) for item in items for tag in (await user.get(f"/items/{item}"))["tags"]
    ]
    assert sorted(rows) == sorted(shown)


async def test_a_rating_is_0_to_5_or_none(catalogue: Catalogue) -> None:
    user = catalogue.user()
    (item,) = await samples(catalogue, user, 1)
    assert (await user.get(f"/items/{item}"))["rating"] is None
    for rating in (0, 5, None):
        answer = await user.http.patch(f"/v1/items/{item}", json={"rating": rating})
        assert answer.json()["rating"] == rating
    for rating in (-1, 6, 2.5, "good"):
        answer = await user.http.patch(f"/v1/items/{item}", json={"rating": rating})
        assert answer.status_code == 422


async def test_the_favourites_follow_the_mark_and_the_mark_follows_them(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    first, second, third = await samples(catalogue, user, 3)
    assert await order(user, "favourites") == []
    for item in (second, first, second):
        answer = await user.http.put(f"/v1/items/{item}/favourite")
        assert answer.json()["favourite"] is True
    assert await order(user, "favourites") == [second, first]
    await user.post("/collections/favourites/items", {"items": [third], "before": first})
    assert (await user.get(f"/items/{third}"))["favourite"] is True
    assert await order(user, "favourites") == [second, third, first]
    for _ in range(2):
        assert (await user.http.delete(f"/v1/items/{second}/favourite")).status_code == 204
    await user.post("/collections/favourites/items/remove", {"items": [first]})
    assert await order(user, "favourites") == [third]
    marks = [(await user.get(f"/items/{item}"))["favourite"] for item in (first, second, third)]
    assert marks == [False, False, True]
    changed = [event["item"] for event in await events(user, "item.changed")]
    assert changed == [second, first, third, second, first]
    assert len(await events(user, "collection.changed")) == 5


async def test_packages_above_see_every_change_before_it_commits(catalogue: Catalogue) -> None:
    user = catalogue.user()
    first, second = await samples(catalogue, user, 2)
    seen: list[tuple[str, bool, int | None, list[str]]] = []

    async def listen(session: AsyncSession, items: Sequence[ItemRow]) -> None:
        for item in items:
            seen.append((item.id, item.favourite, item.rating, [t["name"] for t in item.tags]))

    catalogue.database.hooks.register(ITEM_CHANGED, listen)
    await user.http.put(f"/v1/items/{first}/tags/Dusty")
    await user.http.put(f"/v1/items/{first}/favourite")
    edit = {"items": [first, second], "rating": 3, "favourite": False}
    await user.post("/items/edit", {"edits": [edit]})
    assert seen == [
        (first, False, None, ["Dusty"]),
        (first, True, None, ["Dusty"]),
        (first, False, 3, ["Dusty"]),
        (second, False, 3, []),
    ]
