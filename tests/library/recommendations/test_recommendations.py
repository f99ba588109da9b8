"""Recommendations: what is learnt from, reasons, what is left out, and how lists are kept."""

from typing import Any

import numpy as np
from sqlalchemy import func, select, update
from sqlmodel import col

from contracts.ids import OwnerId
from contracts.jobs import TaskName
from contracts.tagging import SoundClass
from kit.vectors.base import Space
from services.library.deletions.deletions import Deletions
from services.library.events.tables import EventRow
from services.library.recommendations import lists
from services.library.recommendations.refreshing import ListRefresher
from services.library.recommendations.tables import (
    RecommendationDismissalRow,
    RecommendationListRow,
)
from services.library.similarity.sound_vectors import Sound
from tests.library.catalogue import UNKNOWN, Catalogue, User, good
from tests.library.similarity.crate import add_samples, angle, sample
from tests.library.teaching.crate import ROUND, SHARP, place, sounds, two_clusters
from tests.library.test_exports import FILES, RESULT, export
from tests.support.timeouts import HANG_TIMEOUT

PATH = "/recommendations"


async def refresh(catalogue: Catalogue) -> None:
    server = catalogue.server
    refresher = ListRefresher(catalogue.database, server.vectors, server.searches, settle=0)
    while await refresher.refresh():
        pass


async def star(user: User, *items: str) -> None:
    for item in items:
        good(await user.http.put(f"/v1/items/{item}/favourite"))


async def collect(user: User, name: str, *items: str) -> str:
    created = await user.post("/collections", {"name": name})
    await user.post(f"/collections/{created['id']}/items", {"items": list(items)})
    return str(created["id"])


def names(answer: Any) -> list[str]:
    return [entry["hit"]["item"]["name"] for entry in answer["items"]]


async def updates(user: User) -> list[Any]:
    row = EventRow
    query = select(col(row.data)).where(
        col(row.owner) == user.owner, col(row.type) == "recommendations.updated"
    )
    async with user.catalogue.database.session() as session:
        return list(await session.scalars(query.order_by(col(row.seq))))


async def test_without_a_taste_there_is_advice_and_no_list(catalogue: Catalogue) -> None:
    user = catalogue.user()
    await two_clusters(user, catalogue, count=2)
    assert (await user.get(PATH))["state"] == "computing"
    await refresh(catalogue)
    answer = await user.get(PATH)
    assert (answer["state"], answer["items"]) == ("nothing_to_learn_from", [])
    assert "favourites" in answer["advice"]
    empty = await user.get(PATH, **{"for": "collection:tray"})
    assert (empty["state"], "this collection" in empty["advice"]) == ("nothing_to_learn_from", True)


async def test_a_crate_in_which_everything_is_liked_has_an_empty_list(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    items = await add_samples(user, catalogue, [sample("only", angle(0))])
    await star(user, items["only"])
    await refresh(catalogue)
    answer = await user.get(PATH)
    assert (answer["state"], answer["items"]) == ("ready", [])


async def test_what_is_like_a_favourite_is_recommended_with_the_reason(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    items = await two_clusters(user, catalogue, count=6)
    await star(user, items["round-00"], items["round-01"])
    await refresh(catalogue)
    answer = await user.get(PATH, limit=4)
    assert (answer["state"], answer["examples"], answer["outdated"]) == ("ready", 2, False)
    assert {name.split("-")[0] for name in names(answer)} == {"round"}
    assert not {"round-00", "round-01"} & set(names(answer))
    reason = answer["items"][0]["reason"]
    assert reason["kind"] == "favourite"
    assert reason["name"] in ("round-00", "round-01")
    assert reason["item"] == items[reason["name"]]
    assert reason["collection"] is None
    assert 0 < reason["distance"] < 0.3
    assert reason["alike"] == 2
    # The sharp sounds are too far away.
    assert await updates(user) == [{"target": "account", "count": 4, "new": 4}]


async def test_ratings_tray_collections_and_exports_say_what_is_liked(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    placed = [sample(f"at-{degrees}", angle(degrees)) for degrees in (0, 3, 30, 33, 60, 63)]
    items = await add_samples(user, catalogue, placed)
    good(await user.http.patch(f"/v1/items/{items['at-0']}", json={"rating": 5}))
    good(await user.http.put("/v1/tray/1", json={"item": items["at-30"]}))
    collection = await collect(user, "Warm", items["at-60"])
    await refresh(catalogue)
    reasons = {
        entry["hit"]["item"]["name"]: entry["reason"] for entry in (await user.get(PATH))["items"]
    }
    assert {name: reason["kind"] for name, reason in reasons.items()} == {
        "at-3": "rating",
        "at-33": "tray",
        "at-63": "collection",
    }
    assert reasons["at-63"]["collection"] == collection
    # A low rating says that a sound is known, and not that it is liked.
    good(await user.http.patch(f"/v1/items/{items['at-0']}", json={"rating": 1}))
    assert (await user.get(PATH))["outdated"]
    await refresh(catalogue)
    assert "at-0" not in names(await user.get(PATH))
    assert (await user.get(PATH))["examples"] == 2


async def test_what_is_like_an_exported_song_is_recommended(catalogue: Catalogue) -> None:
    user = catalogue.user()
    songs = [await user.track(f"song {number}".encode() * 100) for number in range(2)]
    space = Space("music", "1", 2)
    vectors = catalogue.server.vectors
    await vectors.ensure([space])
    async with catalogue.database.transaction() as session:
        near = {item: np.array([1.0, 0.1 * n], np.float32) for n, item in enumerate(songs)}
        sounds = {item: Sound(space, vector) for item, vector in near.items()}
        await vectors.put(session, user.owner, sounds)
    await export(user, item=songs[0])
    await catalogue.finish(await catalogue.claim(TaskName.EXPORT), RESULT, FILES)
    await refresh(catalogue)
    (entry,) = (await user.get(PATH))["items"]
    assert entry["hit"]["item"]["id"] == songs[1]
    assert (entry["reason"]["kind"], entry["reason"]["item"]) == ("export", songs[0])


async def test_a_collection_is_completed_from_what_it_holds(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await two_clusters(user, catalogue, count=4)
    await star(user, items["sharp-00"])
    round_ones = await collect(user, "Round", *(items[f"round-{n:02}"] for n in range(3)))
    path = {"for": f"collection:{round_ones}", "limit": 1}
    assert (await user.get(PATH, **path))["state"] == "computing"
    await refresh(catalogue)
    answer = await user.get(PATH, **path)
    assert (names(answer), answer["examples"]) == (["round-03"], 3)
    assert answer["items"][0]["reason"]["alike"] == 3
    assert answer["items"][0]["reason"]["collection"] == round_ones
    # What is added is not recommended from then on, and the list follows without being read.
    await user.post(f"/collections/{round_ones}/items", {"items": [items["round-03"]]})
    assert "round-03" not in names(await user.get(PATH, **path | {"limit": 100}))
    await refresh(catalogue)
    after = await user.get(PATH, **path | {"limit": 100})
    assert (after["examples"], after["outdated"]) == (4, False)
    assert names(after) == []
    targets = [event["target"] for event in await updates(user)]
    assert targets.count(f"collection:{round_ones}") == 2


async def test_filters_choose_among_recommendations(catalogue: Catalogue) -> None:
    user = catalogue.user()
    placed = [
        sample(f"{label.value}-{number}", place(ROUND, number), label=label)
        for number, label in enumerate([SoundClass.KICK, SoundClass.SNARE] * 3)
    ]
    items = await add_samples(user, catalogue, placed)
    await star(user, items["kick-0"], items["snare-1"])
    await refresh(catalogue)
    snares = await user.get(PATH, q="class:snare")
    assert sorted(names(snares)) == ["snare-3", "snare-5"]
    assert names(await user.get(PATH, q="nothing")) == []
    refused = await user.http.get(f"/v1{PATH}", params={"q": f"like:{items['kick-0']}"})
    assert refused.status_code == 422
    assert "`like:`" in refused.json()["detail"]


async def test_a_dismissal_is_remembered_and_undone(catalogue: Catalogue) -> None:
    user, stranger = catalogue.user(), catalogue.user()
    items = await two_clusters(user, catalogue, count=4)
    await star(user, items["round-00"])
    await refresh(catalogue)
    first = names(await user.get(PATH, q="round"))[0]
    dismiss = f"/v1{PATH}/{items[first]}/dismiss"
    assert (await stranger.http.post(dismiss)).status_code == 404
    assert (await stranger.http.delete(dismiss)).status_code == 404
    for _ in range(2):
        assert (await user.http.post(dismiss)).status_code == 204
        assert first not in names(await user.get(PATH))
    await star(user, items["sharp-00"])
    await refresh(catalogue)
    assert first not in names(await user.get(PATH))
    for _ in range(2):
        assert (await user.http.delete(dismiss)).status_code == 204
    await refresh(catalogue)
    assert first in names(await user.get(PATH))


async def test_hidden_sounds_teach_nothing_and_are_not_recommended(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await two_clusters(user, catalogue, count=4)
    await star(user, items["round-00"], items["sharp-00"])
    await refresh(catalogue)
    good(await user.http.delete(f"/v1/items/{items['round-01']}"))
    assert "round-01" not in names(await user.get(PATH))
    good(await user.http.delete(f"/v1/items/{items['sharp-00']}"))
    await refresh(catalogue)
    answer = await user.get(PATH)
    assert answer["examples"] == 1
    assert {entry["reason"]["name"] for entry in answer["items"]} == {"round-00"}
    await user.post(f"/items/{items['round-01']}/restore")
    await refresh(catalogue)
    assert "round-01" in names(await user.get(PATH))


async def test_new_sounds_are_compared_without_the_whole_crate(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await two_clusters(user, catalogue, count=4)
    await star(user, items["round-00"])
    await refresh(catalogue)
    before = set(names(await user.get(PATH, limit=100)))
    await add_samples(user, catalogue, sounds(ROUND, 2, first=50) + sounds(SHARP, 1, first=50))
    async with catalogue.database.session() as session:
        outdated = select(func.count()).where(col(RecommendationListRow.outdated).is_not(None))
        assert await session.scalar(outdated) == 0
    await refresh(catalogue)
    answer = await user.get(PATH, limit=100)
    assert set(names(answer)) == before | {"round-50", "round-51"}
    assert (await updates(user))[-1] == {"target": "account", "count": len(before) + 2, "new": 2}
    # The same order as if all were computed again.
    async with catalogue.database.transaction() as session:
        now = catalogue.database.now()
        await session.execute(update(RecommendationListRow).values(outdated=now))
    await refresh(catalogue)
    assert names(await user.get(PATH, limit=100)) == names(answer)


async def test_the_same_sound_is_not_recommended_again(catalogue: Catalogue) -> None:
    user = catalogue.user()
    placed = [sample("liked", angle(0)), sample("copy", angle(0)), sample("other", angle(20))]
    items = await add_samples(user, catalogue, placed)
    await star(user, items["liked"])
    await refresh(catalogue)
    assert names(await user.get(PATH)) == ["other"]


async def test_dismissals_are_listed_and_taken_back(catalogue: Catalogue) -> None:
    user, stranger = catalogue.user(), catalogue.user()
    items = await two_clusters(user, catalogue, count=2)
    dismissed = ["round-00", "sharp-01", "round-01"]
    for name in dismissed:
        await user.post(f"{PATH}/{items[name]}/dismiss")
    path = f"{PATH}/dismissed"
    first = await user.get(path, limit=2)
    second = await user.get(path, limit=2, cursor=first["next"])
    listed = [row["item"]["name"] for row in (*first["items"], *second["items"])]
    assert (listed, second["next"]) == (dismissed[::-1], None)
    assert all(row["dismissed"] for row in first["items"])
    assert (await stranger.get(path))["items"] == []
    good(await user.http.delete(f"/v1{PATH}/{items['sharp-01']}/dismiss"))
    good(await user.http.delete(f"/v1/items/{items['round-01']}"))
    assert [row["item"]["name"] for row in (await user.get(path))["items"]] == ["round-00"]


async def test_far_sounds_are_not_recommended(catalogue: Catalogue) -> None:
    user = catalogue.user()
    # The distance of two angles is 1 minus the cosine of their difference.
    placed = [sample(f"at-{degrees}", angle(degrees)) for degrees in (0, 20, 55, 65, 120)]
    items = await add_samples(user, catalogue, placed)
    await star(user, items["at-0"])
    await refresh(catalogue)
    assert names(await user.get(PATH)) == ["at-20", "at-55"]
    await star(user, items["at-20"])
    await refresh(catalogue)
    assert set(names(await user.get(PATH))) == {"at-55", "at-65"}


async def test_an_editor_completes_a_shared_collection_with_own_sounds(
    catalogue: Catalogue,
) -> None:
    owner, editor, viewer = catalogue.user(), catalogue.user(), catalogue.user()
    theirs = await add_samples(
        owner, catalogue, [sample("liked", angle(0)), sample("kept", angle(5))]
    )
    await add_samples(editor, catalogue, [sample("near", angle(10)), sample("far", angle(170))])
    shared = await collect(owner, "Shared", theirs["liked"])
    path = f"/v1/collections/{shared}/shares"
    for user, role in ((editor, "editor"), (viewer, "viewer")):
        good(await owner.http.put(f"{path}/{user.owner}", json={"role": role}))
    query = {"for": f"collection:{shared}"}
    assert (await editor.get(PATH, **query))["state"] == "computing"
    await refresh(catalogue)
    answer = await editor.get(PATH, **query)
    assert names(answer) == ["near"]
    reason = answer["items"][0]["reason"]
    assert (reason["kind"], reason["name"], reason["collection"]) == ("collection", "liked", shared)
    # The owner's list of the same collection is another one.
    await owner.get(PATH, **query)
    await refresh(catalogue)
    assert names(await owner.get(PATH, **query)) == ["kept"]
    # What the collection holds changes both.
    await owner.post(f"/collections/{shared}/items/remove", {"items": [theirs["liked"]]})
    await refresh(catalogue)
    assert (await editor.get(PATH, **query))["state"] == "nothing_to_learn_from"
    await owner.post(f"/collections/{shared}/items", {"items": [theirs["liked"]]})
    # Nobody else, and not after the share ended: then the list goes too.
    for user in (viewer, catalogue.user()):
        assert (await user.http.get(f"/v1{PATH}", params=query)).status_code == 404
    unknown = {"for": f"collection:{UNKNOWN}"}
    assert (await editor.http.get(f"/v1{PATH}", params=unknown)).status_code == 404
    assert (await editor.http.get(f"/v1{PATH}", params={"for": "everything"})).status_code == 422
    good(await owner.http.delete(f"{path}/{editor.owner}"))
    assert (await editor.http.get(f"/v1{PATH}", params=query)).status_code == 404
    await refresh(catalogue)
    async with catalogue.database.session() as session:
        left = select(col(RecommendationListRow.owner)).where(
            col(RecommendationListRow.collection) == shared
        )
        assert list(await session.scalars(left)) == [owner.owner]


async def test_lists_that_were_read_longest_ago_are_dropped(
    catalogue: Catalogue, monkeypatch: Any
) -> None:
    monkeypatch.setattr(lists, "MAX_LISTS", 2)
    user = catalogue.user()
    items = await two_clusters(user, catalogue, count=1)
    created = [await collect(user, f"{number}", items["round-00"]) for number in range(3)]
    for collection in created:
        await user.get(PATH, **{"for": f"collection:{collection}"})
    async with catalogue.database.session() as session:
        kept = set(await session.scalars(select(col(RecommendationListRow.id))))
    assert created[2] in kept
    assert created[0] not in kept


async def test_lists_go_with_their_collection_and_their_owner(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await two_clusters(user, catalogue, count=2)
    collection = await collect(user, "Round", items["round-00"])
    await user.get(PATH, **{"for": f"collection:{collection}"})
    assert (await user.http.post(f"/v1{PATH}/{items['round-01']}/dismiss")).status_code == 204
    good(await user.http.delete(f"/v1/collections/{collection}"))

    async def rows() -> tuple[list[str], int]:
        async with catalogue.database.session() as session:
            kept = list(await session.scalars(select(col(RecommendationListRow.id))))
            dismissed = select(func.count()).select_from(RecommendationDismissalRow)
            return kept, await session.scalar(dismissed) or 0

    assert await rows() == ([user.owner], 1)
    deletions = Deletions(catalogue.database, catalogue.server.vectors, patience=HANG_TIMEOUT)
    await deletions.delete_owner(OwnerId(user.owner))
    assert await rows() == ([], 0)
