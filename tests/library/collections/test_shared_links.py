"""Collections that are read by a link, without an account (S8)."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from contracts.collections import LinkAccess
from contracts.identity import Scope
from services.library.catalogue.tables import WaveformRow
from services.library.collections.tables import CollectionLinkRow, CollectionRow
from tests.library.catalogue import UNKNOWN, Catalogue, User
from tests.library.collections.crate import order, samples

READ_ONLY = frozenset({Scope.READ})


async def linked(
    catalogue: Catalogue, access: str, *, kept: int = 0
) -> tuple[User, User, str, str, dict[str, Any]]:
    """Return an owner, a guest, a collection with an uploaded item, the item and a link to it."""
    owner = catalogue.user()
    item = await owner.track()
    id_ = (await owner.post("/collections", {"name": "Kicks", "note": "for you"}))["id"]
    items = [item]
    if kept:
        items += await samples(catalogue, owner, kept, metadata={"secret": "of mine"})
    await owner.post(f"/collections/{id_}/items", {"items": items})
    link = await owner.post(f"/collections/{id_}/links", {"access": access, "days": 2})
    assert link["access"] == access
    return owner, catalogue.user(scopes=READ_ONLY), id_, item, link


def paths(secret: str, item: str) -> tuple[str, ...]:
    items = f"/v1/shared/{secret}/items"
    return (f"/v1/shared/{secret}", items, f"{items}/{item}/audio")


async def statuses(guest: User, secret: str, item: str) -> set[int]:
    return {(await guest.http.get(path)).status_code for path in paths(secret, item)}


@pytest.mark.parametrize("access", ["listen", "download"])
async def test_a_link_shows_the_collection_and_plays_its_items(
    catalogue: Catalogue, access: str
) -> None:
    owner, guest, id_, item, link = await linked(catalogue, access, kept=2)
    path = f"/shared/{link['secret']}"
    await owner.http.patch(f"/v1/items/{item}", json={"rating": 5})
    await owner.http.patch(f"/v1/collections/{id_}", json={"cover": {"item": item}})
    async with catalogue.database.transaction() as session:
        row = {"item": item, "data": b"\x07" * 300}
        await session.execute(insert(WaveformRow), [row])
    shown = await guest.get(path)
    assert shown == {
        "name": "Kicks",
        "note": "for you",
        "cover_item": item,
        "has_cover_image": False,
        "items": 3,
        "downloads": access == "download",
        "expires": link["expires"],
    }
    first = await guest.get(f"{path}/items", limit=2)
    second = await guest.get(f"{path}/items", cursor=first["next"])
    rows = [*first["items"], *second["items"]]
    assert [row["id"] for row in rows] == await order(owner, id_)
    assert second["next"] is None
    assert base64.b64decode(rows[0]["waveform"]) == b"\x07" * 300
    assert rows[0]["audio"]["duration"] == 10.0
    # Nothing else of an item: no metadata, tags, rating, owner.
    assert set(rows[1]) == {"id", "kind", "name", "stem", "audio", "bpm", "waveform"}
    audio = await guest.get(f"{path}/items/{item}/audio")
    assert (await guest.store().get(audio["url"])).is_success
    saved = await guest.http.get(f"/v1{path}/items/{item}/download")
    assert saved.status_code == (200 if access == "download" else 404)
    if access == "download":
        file = await guest.store().get(saved.json()["url"])
        assert file.content == b"a song" * 1000
        assert "song.wav" in file.headers["Content-Disposition"]
    # Only what the collection holds, and only what its link names.
    (hidden,) = await samples(catalogue, owner, 1)
    for unheld in (hidden, UNKNOWN, rows[1]["id"]):
        for what in ("audio", "download"):
            answer = await guest.http.get(f"/v1{path}/items/{unheld}/{what}")
            assert answer.status_code == 404
    for own in (f"/v1/items/{item}", f"/v1/collections/{id_}"):
        assert (await guest.http.get(own)).status_code == 404
    await owner.http.delete(f"/v1/items/{item}")
    assert [row["id"] for row in (await guest.get(f"{path}/items"))["items"]] == [
        row["id"] for row in rows[1:]
    ]
    assert (await guest.get(path))["cover_item"] is None
    assert (await guest.http.get(f"/v1{path}/items/{item}/audio")).status_code == 404


async def test_a_link_that_ended_is_like_one_that_never_was(catalogue: Catalogue) -> None:
    owner, guest, id_, item, link = await linked(catalogue, "download")
    account = await owner.post(f"/collections/{id_}/links", {})
    unknown = (await guest.http.get("/v1/shared/link_unknown")).json() | {"trace": ""}
    assert await statuses(guest, link["secret"], item) == {200}
    # A link for accounts is none without an account, and the other way about.
    assert await statuses(guest, account["secret"], item) == {404}
    answer = await catalogue.user().http.post("/v1/shared", json={"secret": link["secret"]})
    assert answer.status_code == 404
    past = datetime.now(UTC) - timedelta(seconds=1)
    async with catalogue.database.transaction() as session:
        await session.execute(update(CollectionLinkRow).values(expires=past))
    assert await statuses(guest, link["secret"], item) == {404}
    assert (await guest.http.get(f"/v1/shared/{link['secret']}")).json() | {"trace": ""} == unknown
    again = await owner.post(f"/collections/{id_}/links", {"access": "listen"})
    listed = (await owner.get(f"/collections/{id_}/links"))["items"]
    assert [(row["id"], row["access"]) for row in listed] == [(again["id"], "listen")]
    assert await statuses(guest, again["secret"], item) == {200}
    await owner.http.delete(f"/v1/collections/{id_}/links/{again['id']}")
    assert await statuses(guest, again["secret"], item) == {404}
    last = await owner.post(f"/collections/{id_}/links", {"access": "listen"})
    await owner.http.delete(f"/v1/collections/{id_}")
    assert await statuses(guest, last["secret"], item) == {404}


async def test_a_cover_is_shown_if_it_is_an_image(catalogue: Catalogue) -> None:
    owner, guest, id_, item, link = await linked(catalogue, "listen")
    path = f"/v1/shared/{link['secret']}/cover"
    assert (await guest.http.get(path)).status_code == 404
    file = (await owner.get(f"/items/{item}/artifacts"))["items"][0]["id"]
    async with catalogue.database.transaction() as session:
        await session.execute(
            update(CollectionRow)
            .where(CollectionRow.id == id_)  # type: ignore[arg-type]
            .values(cover_artifact=file)
        )
    assert (await guest.get(f"/shared/{link['secret']}"))["has_cover_image"] is True
    assert (await guest.http.get(path)).status_code == 200


async def test_an_unknown_access_is_refused(catalogue: Catalogue) -> None:
    owner = catalogue.user()
    id_ = (await owner.post("/collections", {"name": "Kicks"}))["id"]
    wrong = await owner.http.post(f"/v1/collections/{id_}/links", json={"access": "all"})
    assert wrong.status_code == 422
    assert all(access in wrong.text for access in LinkAccess)
    builtin = await owner.http.post("/v1/collections/tray/links", json={"access": "listen"})
    assert builtin.status_code == 409
