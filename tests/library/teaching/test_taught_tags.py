"""Taught tags: answers, proposals, questions, versions, and what is remembered."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from contracts.ids import OwnerId
from services.library.deletions.deletions import Deletions
from services.library.teaching.applying import TagApplier
from services.library.teaching.tables import TagAnswerRow, TaughtTagRow
from tests.library.catalogue import UNKNOWN, Catalogue, User, good
from tests.library.similarity.crate import add_samples
from tests.library.teaching.crate import ROUND, sounds, two_clusters

TAG = "/taught-tags/Dusty"


async def answer(user: User, path: str = TAG, **answers: str | None) -> Any:
    """Answer for items by id."""
    body = {"answers": [{"item": item, "answer": value} for item, value in answers.items()]}
    return await user.post(f"{path}/answers", body)


async def taught(user: User, items: dict[str, str], *, yes: int = 5, no: int = 0) -> Any:
    """Create the tag and answer for round sounds with yes, and for sharp ones with no."""
    await put(user)
    answers: dict[str, str | None] = {items[f"round-{n:02}"]: "yes" for n in range(yes)}
    answers |= {items[f"sharp-{n:02}"]: "no" for n in range(no)}
    return await answer(user, **answers)


async def put(user: User, path: str = TAG) -> Any:
    response = await user.http.put(f"/v1{path}")
    assert response.status_code in (200, 201), response.text
    return response.json()


def names(page: Any) -> list[str]:
    return [entry["hit"]["item"]["name"] for entry in page["items"]]


async def test_five_examples_propose_the_rest_of_their_kind(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await two_clusters(user, catalogue)
    created = await put(user)
    assert (created["state"], created["needed"], created["threshold"]) == (
        "needs_examples",
        5,
        None,
    )
    four = await answer(user, **{items[f"round-{n:02}"]: "yes" for n in range(4)})
    assert (four["state"], four["needed"], four["yes"]) == ("needs_examples", 1, 4)
    assert (await user.get(f"{TAG}/proposals"))["items"] == []
    five = await answer(user, **{items["round-04"]: "yes"})
    assert (five["state"], five["needed"], five["version"]) == ("ready", 0, 1)
    assert sum(five["histogram"]) == 48
    proposals = await user.get(f"{TAG}/proposals")
    assert proposals["total"] == five["proposed"] == 7
    assert {name.split("-")[0] for name in names(proposals)} == {"round"}
    confidences = [entry["confidence"] for entry in proposals["items"]]
    assert confidences == sorted(confidences, reverse=True)
    # Proposals are shown as such, and are not tags yet.
    first = proposals["items"][0]["hit"]
    assert first["item"]["tags"] == []
    assert first["tags"] == [
        {"name": "Dusty", "source": "machine", "confidence": confidences[0], "proposed": True}
    ]


async def test_answers_are_remembered_and_taken_back(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await two_clusters(user, catalogue)
    await taught(user, items)
    proposed, *_ = names(await user.get(f"{TAG}/proposals"))
    # A no is never proposed again; a yes puts the tag on, and taking it back takes the tag off.
    refused = await answer(user, **{items[proposed]: "no"})
    assert (refused["no"], refused["version"]) == (1, 2)
    assert proposed not in names(await user.get(f"{TAG}/proposals"))
    assert (await user.get(f"/items/{items['round-00']}"))["tags"] == [
        {"name": "Dusty", "source": "user"}
    ]
    back = await answer(user, **{items["round-00"]: None, items[proposed]: None})
    assert (back["yes"], back["no"], back["state"]) == (4, 0, "needs_examples")
    assert (await user.get(f"/items/{items['round-00']}"))["tags"] == []
    await answer(user, **{items["round-00"]: "yes"})
    listed = await user.get(f"{TAG}/answers", answer="yes", limit=3)
    rest = await user.get(f"{TAG}/answers", answer="yes", cursor=listed["next"])
    assert sorted(names(listed) + names(rest)) == [f"round-{n:02}" for n in range(5)]
    assert (await user.get(f"{TAG}/answers", answer="no"))["items"] == []
    # What is answered again as before changes nothing.
    before = await user.get(TAG)
    assert await answer(user, **{items["round-00"]: "yes"}) == before


async def test_questions_are_new_ones_and_skipped_ones_wait(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await two_clusters(user, catalogue)
    await put(user)
    assert (await user.get(f"{TAG}/questions"))["items"] == []
    await taught(user, items, no=2)
    questions = names(await user.get(f"{TAG}/questions", limit=5))
    assert len(set(questions)) == 5
    assert not {"round-00", "sharp-00"} & set(questions)
    version = (await user.get(TAG))["version"]
    skipped = await answer(user, **{items[questions[0]]: "skip"})
    assert skipped["version"] == version
    assert questions[0] not in names(await user.get(f"{TAG}/questions", limit=40))


async def test_threshold_and_versions_can_be_chosen(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await two_clusters(user, catalogue)
    first = await taught(user, items)
    second = await answer(user, **{items[f"sharp-{n:02}"]: "no" for n in range(6)})
    assert [version["number"] for version in second["versions"]] == [2, 1]
    assert second["versions"][0]["score"]["f1"] > 0.9
    assert second["versions"][1]["score"] is None
    earlier = good(await user.http.patch(f"/v1{TAG}", json={"version": 1}))
    assert (earlier["version"], earlier["histogram"]) == (1, first["histogram"])
    chosen = good(await user.http.patch(f"/v1{TAG}", json={"threshold": 0.0}))
    assert (chosen["threshold_chosen"], chosen["proposed"]) == (True, 48 - 5 - 6)
    back = good(await user.http.patch(f"/v1{TAG}", json={"threshold": None}))
    assert back["threshold"] == first["threshold"]
    unknown = await user.http.patch(f"/v1{TAG}", json={"version": 9})
    assert (unknown.status_code, unknown.json()["fields"][0]["field"]) == (422, "body.version")


async def test_proposals_are_confirmed(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await two_clusters(user, catalogue)
    await taught(user, items)
    page = await user.get(f"{TAG}/proposals", limit=2)
    following = await user.get(f"{TAG}/proposals", limit=200, cursor=page["next"])
    listed = names(page) + names(following)
    assert len(listed) == len(set(listed)) == page["total"]
    some = {"items": [items[listed[0]], items["sharp-00"]]}
    done = await user.post(f"{TAG}/proposals/confirm", some)
    assert done["confirmed"] == 1
    assert (await user.post(f"{TAG}/proposals/confirm", some))["confirmed"] == 0
    tag = await user.get(TAG)
    assert tag["yes"] == 6
    every = await user.post(f"{TAG}/proposals/confirm", {"all": True})
    assert every == {"confirmed": tag["proposed"], "remaining": 0}
    assert (await user.get(TAG))["yes"] == 6
    result = await user.get("/search", q="tag:dusty")
    assert result["total"] == 6 + tag["proposed"]
    assert (await user.http.post(f"/v1{TAG}/proposals/confirm", json={})).status_code == 422


async def test_the_search_finds_proposals(catalogue: Catalogue) -> None:
    user, stranger = catalogue.user(), catalogue.user()
    items = await two_clusters(user, catalogue)
    tag = await taught(user, items)
    result = await user.get("/search", q="proposed:DUSTY")
    assert result["total"] == tag["proposed"]
    assert result["query"] == "proposed:dusty"
    assert all(hit["tags"][0]["proposed"] for hit in result["items"])
    others = await user.get("/search", q="kind:sample -proposed:dusty")
    assert others["total"] == 48 - tag["proposed"]
    assert (await user.get("/search", q="tag:dusty"))["total"] == 5
    assert (await user.get("/search", q="proposed:unknown"))["total"] == 0
    assert (await stranger.get("/search", q="proposed:dusty"))["total"] == 0


async def test_a_taught_tag_is_shared_as_a_file(catalogue: Catalogue) -> None:
    user, friend = catalogue.user(), catalogue.user()
    items = await two_clusters(user, catalogue)
    await put(user)
    assert (await user.http.get(f"/v1{TAG}/file")).status_code == 409
    await taught(user, items)
    file = await user.get(f"{TAG}/file")
    assert not any(item in str(file) for item in items.values())
    theirs = await two_clusters(friend, catalogue)
    imported = await friend.http.post("/v1/taught-tags/import", json=file, params={"name": "Old"})
    assert imported.status_code == 201
    assert imported.json()["state"] == "ready"
    proposed = names(await friend.get("/taught-tags/old/proposals"))
    assert {name.split("-")[0] for name in proposed} == {"round"}
    assert len(proposed) >= 12
    again = await friend.http.post("/v1/taught-tags/import", json=file, params={"name": "old"})
    assert (again.status_code, again.json()["version"]) == (200, 1)
    # It learns on from their own answers.
    learnt = await answer(
        friend, "/taught-tags/old", **{theirs[f"round-{n:02}"]: "yes" for n in range(5)}
    )
    assert (learnt["version"], learnt["yes"]) == (2, 5)
    broken = {**file, "models": []}
    assert (await friend.http.post("/v1/taught-tags/import", json=broken)).status_code == 422


async def test_items_that_have_the_tag_are_examples_and_a_tag_is_forgotten(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    items = await two_clusters(user, catalogue)
    for number in range(5):
        await user.http.put(f"/v1/items/{items[f'round-{number:02}']}/tags/dusty")
    created = await put(user)
    assert (created["yes"], created["state"], created["version"]) == (5, "ready", 1)
    listed = (await user.get("/taught-tags"))["items"]
    assert [(tag["name"], tag["histogram"]) for tag in listed] == [("Dusty", None)]
    assert (await user.http.delete(f"/v1/items/{items['round-00']}")).status_code == 204
    assert (await user.get(TAG))["yes"] == 4
    assert (await user.http.delete(f"/v1{TAG}")).status_code == 204
    assert (await user.http.get(f"/v1{TAG}")).status_code == 404
    assert (await user.get("/search", q="tag:dusty"))["total"] == 4
    await put(user)
    await Deletions(catalogue.database, catalogue.server.vectors, patience=3600.0).delete_owner(
        OwnerId(user.owner)
    )
    async with catalogue.database.session() as session:
        assert list(await session.scalars(select(TaughtTagRow))) == []
        assert list(await session.scalars(select(TagAnswerRow))) == []


async def test_sounds_that_arrive_later_are_proposed_and_reported(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await two_clusters(user, catalogue)
    await taught(user, items)
    applier = TagApplier(catalogue.database, catalogue.server.vectors)
    while await applier.apply():
        pass
    before = (await user.get(TAG))["proposed"]
    await add_samples(user, catalogue, sounds(ROUND, 2, first=50))
    while await applier.apply():
        pass
    assert (await user.get(TAG))["proposed"] == before + 2
    feed = await user.get("/feed", after="start", limit=200)
    events = [entry for entry in feed["items"] if entry["type"] == "tag.proposed"]
    assert events[-1]["data"] == {"tag": "Dusty", "count": before + 2, "new": 2}
    # Unless the tag does not apply to new sounds.
    good(await user.http.patch(f"/v1{TAG}", json={"applies_to_new": False}))
    await add_samples(user, catalogue, sounds(ROUND, 2, first=60))
    assert (await user.get(TAG))["proposed"] == before + 2
    good(await user.http.patch(f"/v1{TAG}", json={"applies_to_new": True}))
    assert (await user.get(TAG))["proposed"] == before + 4


async def test_answers_that_a_killed_process_left_are_learnt(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await two_clusters(user, catalogue)
    await taught(user, items)
    long_ago = catalogue.database.now(offset=-timedelta(hours=1))
    async with catalogue.database.transaction() as session:
        await session.execute(update(TaughtTagRow).values(pending=True, updated=long_ago))
    applier = TagApplier(catalogue.database, catalogue.server.vectors)
    while await applier.apply():
        pass
    assert (await user.get(TAG))["version"] == 2


async def test_wrong_answers_are_refused(catalogue: Catalogue) -> None:
    user, stranger = catalogue.user(), catalogue.user()
    items = await two_clusters(user, catalogue)
    await put(user)
    await put(stranger)
    theirs = {"answers": [{"item": items["round-00"], "answer": "yes"}]}
    refused = await stranger.http.post(f"/v1{TAG}/answers", json=theirs)
    assert (refused.status_code, refused.json()["fields"][0]["field"]) == (404, "body.answers.0")
    for answers in (
        [],
        [{"item": items["round-00"], "answer": "perhaps"}],
        [{"item": items["round-00"], "answer": "yes"}] * 2,
        [{"item": UNKNOWN, "answer": "no"}] * 501,
    ):
        body = {"answers": answers}
        assert (await user.http.post(f"/v1{TAG}/answers", json=body)).status_code == 422
