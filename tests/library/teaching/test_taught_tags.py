"""Taught tags: answers, proposals, questions, versions, and what is remembered."""

from typing import Any

from tests.library.catalogue import Catalogue, User
from tests.library.teaching.crate import two_clusters

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
