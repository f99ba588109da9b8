"""Items that sound alike: `GET /items/{id}/similar`, `POST /search/similar` and `like:`."""

from typing import Any

import pytest
from sqlalchemy import select

from contracts.ids import OwnerId
from contracts.tagging import SoundClass, SoundFacts, Tags, VectorSpace
from services.library.deletions.deletions import Deletions
from services.library.similarity.tables import SoundRow
from tests.library.catalogue import UNKNOWN, Catalogue, User
from tests.library.search.test_tag_files import HAT, KICK, one_shot, tag
from tests.library.search.test_tag_files import sample as untouched
from tests.library.similarity.crate import add_samples, angle, read_all, sample, vector

ANGLES = {"kick": 0, "tom": 20, "snare": 50, "clap": 60, "hat": 90}


async def crate(user: User, catalogue: Catalogue) -> dict[str, str]:
    sounds = [
        sample(
            name,
            angle(degrees),
            label=SoundClass(name) if name != "hat" else SoundClass.CLOSED_HAT,
            sound=HAT if name == "hat" else KICK,
        )
        for name, degrees in ANGLES.items()
    ]
    return await add_samples(user, catalogue, sounds)


def names(answer: Any) -> list[str]:
    return [sound["hit"]["item"]["name"] for sound in answer["items"]]


async def test_the_nearest_come_first_with_what_differs(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await crate(user, catalogue)
    answer = await user.get(f"/items/{items['kick']}/similar")
    assert names(answer) == ["tom", "snare", "clap", "hat"]
    assert answer["missing"] == []
    tom, *_, hat = answer["items"]
    assert tom["distance"] == pytest.approx(1 - 0.9397, abs=0.002)
    assert tom["aspects"].pop("rhythm") is None
    assert set(tom["aspects"].values()) == {0.0}
    assert hat["aspects"]["pitch"] is None
    assert hat["aspects"]["timbre"] == 1.0
    assert hat["aspects"]["loudness"] == pytest.approx(18 / 24)
    assert hat["aspects"]["envelope"] == pytest.approx(0.5)


async def test_a_filter_leaves_as_many_as_the_limit(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await crate(user, catalogue)
    path = f"/items/{items['kick']}/similar"
    assert names(await user.get(path, q="-class:tom,snare", limit=2)) == ["clap", "hat"]
    assert names(await user.get(path, q="class:ride")) == []
    assert names(await user.get(path, limit=1)) == ["tom"]
    assert (await user.http.get(f"/v1{path}", params={"limit": 201})).status_code == 422


async def test_several_items_are_added_and_subtracted(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await crate(user, catalogue)
    both = [{"item": items["kick"]}, {"item": items["hat"]}]
    assert names(await user.post("/search/similar", {"like": both})) == ["snare", "clap", "tom"]
    both[1]["weight"] = -0.5
    answer = await user.post("/search/similar", {"like": both, "limit": 2})
    assert names(answer) == ["tom", "snare"]
    both = [{"item": items["kick"]}, {"item": items["kick"], "weight": -1}]
    refused = await user.http.post("/v1/search/similar", json={"like": both})
    assert (refused.status_code, refused.json()["fields"][0]["field"]) == (422, "body.like")


async def test_the_query_language_finds_what_is_like_an_item(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await crate(user, catalogue)
    kick = items["kick"]
    page = await user.get("/search", q=f"like:{kick}", counts=True)
    listed = [hit["item"]["name"] for hit in page["items"]]
    assert listed == ["tom", "snare", "clap", "hat"]
    assert page["total"] == 4
    assert {count["value"] for count in page["facets"]["classes"]} == {
        "tom", "snare", "clap", "closed_hat",
    }  # fmt: skip
    # Page by page the order stays; another order keeps the same results.
    first = await user.get("/search", q=f"like:{kick} sort:near", limit=3)
    rest = await user.get("/search", q=f"like:{kick} sort:near", cursor=first["next"])
    assert [hit["item"]["name"] for hit in (*first["items"], *rest["items"])] == listed
    by_name = await user.get("/search", q=f"like:{kick} sort:name -class:hat")
    assert [hit["item"]["name"] for hit in by_name["items"]] == sorted(listed)
    kept = await user.get("/search", q=f"like:{kick}", snapshot=page["snapshot"], offset=2)
    assert [hit["item"]["name"] for hit in kept["items"]] == listed[2:]
    # Nothing is like an item that is not there.
    for other in (UNKNOWN, items["kick"].replace(kick[-1], "0")):
        assert (await user.get("/search", q=f"like:{other}"))["total"] in (0, 4)
    # Without an item, nearness means nothing: the newest come first.
    assert (await user.get("/search", q="kind:sample sort:near"))["total"] == 5


async def test_an_item_without_a_vector_is_named(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await one_shot(user, catalogue)
    answer = await user.get(f"/items/{item}/similar")
    assert answer == {"items": [], "missing": [item], "next": None}
    assert (await user.get("/search", q=f"like:{item}"))["items"] == []
    # Files of earlier versions have no vectors.
    await tag(user, catalogue, item, Tags(samples=(untouched("canonical.flac", SoundClass.TOM),)))
    await read_all(catalogue)
    assert (await user.get(f"/items/{item}/similar"))["missing"] == [item]


async def test_songs_are_compared_with_songs(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await crate(user, catalogue)
    songs = {}
    for name, place in (("one", [1.0, 0.0]), ("two", [1.0, 0.1]), ("three", [0.0, 1.0])):
        songs[name] = await user.track(name.encode(), name=name)
        music = vector(place, space=VectorSpace.MUSIC, version="musicnn")
        await tag(user, catalogue, songs[name], Tags(vector=music))
    await read_all(catalogue)
    assert names(await user.get(f"/items/{songs['one']}/similar")) == ["two", "three"]
    mixed = {"like": [{"item": songs["one"]}, {"item": items["kick"]}]}
    refused = await user.http.post("/v1/search/similar", json=mixed)
    assert refused.status_code == 422


async def test_sounds_of_others_are_not_found(catalogue: Catalogue) -> None:
    user, stranger = catalogue.user(), catalogue.user()
    items = await crate(user, catalogue)
    theirs = await add_samples(stranger, catalogue, [sample("theirs", angle(0))])
    assert names(await stranger.get(f"/items/{theirs['theirs']}/similar")) == []
    assert "theirs" not in names(await user.get(f"/items/{items['kick']}/similar"))
    for item in (items["kick"], UNKNOWN):
        path = f"/v1/items/{item}/similar"
        assert (await stranger.http.get(path)).status_code == 404
        body = {"like": [{"item": item}]}
        assert (await stranger.http.post("/v1/search/similar", json=body)).status_code == 404
        assert (await stranger.get("/search", q=f"like:{item}"))["total"] == 0


async def test_another_version_takes_the_place_of_an_earlier_one(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item, other = [await one_shot(user, catalogue, name) for name in ("one.wav", "other.wav")]

    async def describe(sound: str, version: str, *place: float) -> None:
        tags = sample("canonical", vector(place, version=version))
        await tag(user, catalogue, sound, Tags(samples=(tags,)))
        await read_all(catalogue)

    await describe(item, "kits-1", 1.0, 0.0)
    await describe(other, "kits-1", 1.0, 0.1)
    assert names(await user.get(f"/items/{item}/similar")) == ["other.wav"]
    await describe(item, "kits-2", 1.0, 0.0, 0.0)
    assert names(await user.get(f"/items/{item}/similar")) == []
    assert names(await user.get(f"/items/{other}/similar")) == []
    await describe(other, "kits-2", 1.0, 0.0, 1.0)
    assert names(await user.get(f"/items/{item}/similar")) == ["other.wav"]


async def test_a_vector_goes_with_its_item_and_its_owner(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await crate(user, catalogue)
    assert (await user.http.delete(f"/v1/items/{items['tom']}?permanently=true")).status_code == 204
    path = f"/items/{items['kick']}/similar"
    assert names(await user.get(path)) == ["snare", "clap", "hat"]
    vectors = catalogue.server.vectors
    await Deletions(catalogue.database, vectors, patience=3600.0).delete_owner(OwnerId(user.owner))
    async with catalogue.database.session() as session:
        assert list(await session.scalars(select(SoundRow))) == []
    assert (await user.http.get(f"/v1{path}")).status_code == 404


async def test_a_file_with_a_damaged_vector_is_given_up(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await one_shot(user, catalogue)
    for place in (vector([0.0, 0.0]), vector([float("nan"), 1.0])):
        broken = Tags(samples=(sample("canonical", place, sound=SoundFacts()),))
        await tag(user, catalogue, item, broken)
        await read_all(catalogue)
        assert (await user.get(f"/items/{item}/similar"))["missing"] == [item]
