"""R2: whatever takes an Idempotency-Key does its work once, and says so when that cannot be."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlmodel import col

from services.library.idempotency import IdempotencyRow
from tests.library.catalogue import Catalogue, User, sha256
from tests.support.taught_tags import TAUGHT_TAG

STEPS = [{"name": "m", "task": "midi"}]
MAKING = (
    *("/uploads", "/pipelines", "/jobs", "/runs"),
    *("/collections", "/saved-searches", "/imports", "/multitracks"),
    "/webhooks",
)
"""POSTs with a body that make something."""
AGAIN = (
    "/uploads/{upload}/complete",
    "/jobs/{job}/cancel",
    "/jobs/{job}/retry",
    "/runs/{run}/cancel",
    "/items/{item}/cuts/render",
    "/webhooks/{webhook}/secret",
)
"""POSTs without a body: another body cannot come with their keys."""
REPEATABLE = (
    "/items/edit",
    "/collections/{collection}/items",
    "/collections/{collection}/items/move",
    "/collections/{collection}/items/remove",
    "/saved-searches/{search}/seen",
    "/items/{item}/restore",
    "/taught-tags/import",
    "/taught-tags/{tag}/answers",
    "/taught-tags/{tag}/proposals/confirm",
    "/recommendations/{item}/dismiss",
)
"""POSTs that change nothing when they are repeated, with or without a key."""


async def bodies(user: User, path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two bodies that ask for different things."""
    match path:
        case "/uploads":
            body = {"name": "song.wav", "size": 3, "sha256": sha256(b"abc")}
            return body, body | {"size": 4}
        case "/pipelines":
            return {"name": "one", "steps": STEPS}, {"name": "two", "steps": STEPS}
        case "/collections":
            return {"name": "one"}, {"name": "two"}
        case "/saved-searches":
            return {"name": "one", "q": "kick"}, {"name": "two", "q": "kick"}
        case "/webhooks":
            body = {"url": "https://example.org/one", "event_types": ["job.failed", "item.added"]}
            return body, body | {"url": "https://example.org/two"}
        case "/imports":
            body = {"provider": "http", "reference": "https://example.org/one.wav"}
            return body, body | {"reference": "https://example.org/two.wav"}
    item = await user.track()
    match path:
        case "/jobs":
            body = {"item": item, "task": "midi"}
            return body, body | {"params": {"onset_threshold": 0.4}}
        case "/runs":
            body = {"item": item, "pipeline": "midi"}
            return body, body | {"pipeline": {"name": "other", "steps": STEPS}}
        case "/multitracks":
            body = {"name": "Mine", "parts": [{"item": item, "stem": "bass"}]}
            return body, body | {"name": "Yours"}
    raise AssertionError(path)


def name_of(resource: dict[str, Any]) -> str:
    return str(resource.get("id") or resource.get("job") or resource["spec"]["name"])


async def test_every_post_that_takes_a_key_is_tried_here(catalogue: Catalogue) -> None:
    taking = {
        path.removeprefix("/v1")
        for path, operations in catalogue.app.openapi()["paths"].items()
        for method, operation in operations.items()
        if method == "post"
        and any(
            parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ())
        )
    }
    assert taking == {*MAKING, *AGAIN, *REPEATABLE}


@pytest.mark.parametrize("path", MAKING)
async def test_a_repeated_request_creates_nothing_more(catalogue: Catalogue, path: str) -> None:
    user = catalogue.user()
    body, _ = await bodies(user, path)
    answers = await asyncio.gather(*(user.post(path, body, key="k") for _ in range(6)))
    assert len({name_of(entry) for entry in answers}) == 1
    if path not in ("/uploads", "/multitracks"):
        listed = await user.get(path)
        own = [entry for entry in listed["items"] if not entry.get("builtin")]
        own = [entry for entry in own if entry.get("kind") not in ("favourites", "tray")]
        created = [entry for entry in own if entry.get("task") != "ingest"]
        assert len(created) == 1


@pytest.mark.parametrize("path", MAKING)
async def test_another_body_with_the_same_key_is_refused(catalogue: Catalogue, path: str) -> None:
    user = catalogue.user()
    body, other = await bodies(user, path)
    await user.post(path, body, key="k")
    refused = await user.http.post(f"/v1{path}", json=other, headers={"Idempotency-Key": "k"})
    assert (refused.status_code, refused.json()["code"]) == (422, "key_reused")
    assert refused.json()["retryable"] is False
    # Somebody else's keys are their own, and so are those of other operations.
    stranger = catalogue.user()
    own, _ = await bodies(stranger, path)
    await stranger.post(path, own, key="k")
    elsewhere = "/uploads" if path == "/pipelines" else "/pipelines"
    await user.post(elsewhere, (await bodies(user, elsewhere))[0], key="k")


@pytest.mark.parametrize("path", MAKING)
async def test_while_the_first_has_not_ended_the_second_waits(
    catalogue: Catalogue, path: str
) -> None:
    user = catalogue.user()
    body, _ = await bodies(user, path)
    await user.post(path, body, key="k")
    # As a process leaves it that writes its note before its work, which none of ours does now.
    async with catalogue.database.transaction() as session:
        await session.execute(update(IdempotencyRow).values(status=None, answer=None))
    refused = await user.http.post(f"/v1{path}", json=body, headers={"Idempotency-Key": "k"})
    assert (refused.status_code, refused.json()["code"]) == (409, "in_flight")
    # A refusal leaves no note: the key is free once the first is gone.
    async with catalogue.database.transaction() as session:
        await session.execute(delete(IdempotencyRow).where(col(IdempotencyRow.key) == "k"))
    if path not in ("/pipelines", "/saved-searches", "/multitracks"):
        await user.post(path, body, key="k")


@pytest.mark.parametrize("path", MAKING)
async def test_a_refused_request_may_be_repeated(catalogue: Catalogue, path: str) -> None:
    user = catalogue.user()
    body, _ = await bodies(user, path)
    wrong = body | {"owner": "somebody"}
    refused = await user.http.post(f"/v1{path}", json=wrong, headers={"Idempotency-Key": "k"})
    assert refused.status_code == 422
    await user.post(path, body, key="k")


@pytest.mark.parametrize("path", AGAIN)
async def test_a_request_without_a_body_may_be_repeated(catalogue: Catalogue, path: str) -> None:
    user = catalogue.user()
    match path:
        case "/uploads/{upload}/complete":
            opened = await user.open(b"abc")
            await user.send(opened, b"abc")
            path = path.format(upload=opened["id"])
        case "/jobs/{job}/cancel" | "/jobs/{job}/retry":
            job = await user.post("/jobs", {"item": await user.track(), "task": "midi"})
            if path.endswith("retry"):
                await user.post(f"/jobs/{job['id']}/cancel")
            path = path.format(job=job["id"])
        case "/items/{item}/cuts/render":
            item = await user.track()
            edits = {"version": 0, "edits": [{"do": "add", "start": 0, "end": 20_000}]}
            edited = await user.http.patch(f"/v1/items/{item}/cuts", json=edits)
            assert edited.is_success, edited.text
            path = path.format(item=item)
        case "/webhooks/{webhook}/secret":
            body = {"url": "https://example.org/one"}
            path = path.format(webhook=(await user.post("/webhooks", body))["id"])
        case _:
            run = await user.post("/runs", {"item": await user.track(), "pipeline": "midi"})
            path = path.format(run=run["id"])
    answers = [await user.post(path, key="k") for _ in range(3)]
    assert len({(answer["id"], answer["state"]) for answer in answers}) == 1
    before = len((await user.get("/jobs"))["items"])
    await user.post(path, key="k")
    assert len((await user.get("/jobs"))["items"]) == before


@pytest.mark.parametrize("path", REPEATABLE)
async def test_what_sets_a_state_may_be_repeated(catalogue: Catalogue, path: str) -> None:
    user = catalogue.user()
    item = await user.track()
    collection = (await user.post("/collections", {"name": "c"}))["id"]
    search = (await user.post("/saved-searches", {"name": "s", "q": "kick"}))["id"]
    body: dict[str, Any] | None = {"items": [item]}
    if path != "/collections/{collection}/items":
        await user.post(f"/collections/{collection}/items", body)
    if path == "/items/edit":
        body = {"edits": [{"items": [item], "add_tags": ["a"], "favourite": True}]}
    if path in ("/saved-searches/{search}/seen", "/items/{item}/restore"):
        body = None
    if path == "/recommendations/{item}/dismiss":
        body = None
    if path == "/taught-tags/import":
        body = TAUGHT_TAG
    if path.startswith("/taught-tags/{tag}"):
        await user.http.put("/v1/taught-tags/dusty")
    if path == "/taught-tags/{tag}/answers":
        body = {"answers": [{"item": item, "answer": "yes"}]}
    path = path.format(collection=collection, search=search, item=item, tag="dusty")
    answers = [await user.post(path, body, key="k") for _ in range(3)]
    for answer in filter(None, answers):
        for time in ("updated", "seen"):
            answer.pop(time, None)
    assert answers[0] == answers[1] == answers[2]
