"""S7: API keys and tickets."""

import asyncio
from typing import Any

import httpx

from tests.gateway.gateway_harness import GatewayHarness, User, listening

SCOPES = ["catalogue:read", "catalogue:write", "jobs:write"]


async def create_key(harness: GatewayHarness, user: User, **changed: Any) -> httpx.Response:
    body = {"name": "notebook", "scopes": ["catalogue:read"]} | changed
    return await harness.client.post("/v1/keys", json=body, headers=user.head)


def head(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def test_a_key_is_shown_once_and_works(harness: GatewayHarness) -> None:
    ada = await harness.sign_up()
    created = (await create_key(harness, ada)).json()
    assert created["key"].startswith(created["prefix"])
    assert len(created["key"]) >= 43 + len("crate_")
    listed = (await harness.client.get("/v1/keys", headers=ada.head)).json()["items"]
    assert [entry["id"] for entry in listed] == [created["id"]]
    assert "key" not in listed[0]
    assert listed[0]["last_used"] is None
    answer = await harness.client.get("/v1/items", headers=head(created["key"]))
    assert answer.status_code == 200
    listed = (await harness.client.get("/v1/keys", headers=ada.head)).json()["items"]
    assert listed[0]["last_used"] is not None


async def test_a_key_has_its_scopes_and_never_the_account(harness: GatewayHarness) -> None:
    ada = await harness.sign_up()
    key = head((await create_key(harness, ada)).json()["key"])
    patch = await harness.client.patch("/v1/items/x", json={"name": "n"}, headers=key)
    assert (patch.status_code, patch.json()["code"]) == (403, "forbidden")
    full = head((await create_key(harness, ada, scopes=SCOPES)).json()["key"])
    for method, path in (("GET", "/v1/account"), ("GET", "/v1/keys"), ("DELETE", "/v1/sessions")):
        assert (await harness.client.request(method, path, headers=full)).status_code == 403
    for wrong in (["account"], ["admin"], ["catalogue:read", "account"], ["everything"], []):
        assert (await create_key(harness, ada, scopes=wrong)).status_code == 422


async def test_a_removed_key_stops_at_once(harness: GatewayHarness) -> None:
    ada = await harness.sign_up()
    created = (await create_key(harness, ada)).json()
    assert (await harness.client.get("/v1/items", headers=head(created["key"]))).status_code == 200
    path = f"/v1/keys/{created['id']}"
    assert (await harness.client.delete(path, headers=ada.head)).status_code == 204
    assert (await harness.client.get("/v1/items", headers=head(created["key"]))).status_code == 401
    assert (await harness.client.delete(path, headers=ada.head)).status_code == 404


async def test_a_key_ends(harness: GatewayHarness) -> None:
    ada = await harness.sign_up()
    key = head((await create_key(harness, ada, days=1)).json()["key"])
    harness.clock.advance(86_400 - 3)
    assert (await harness.client.get("/v1/items", headers=key)).status_code == 200
    harness.clock.advance(4)
    answer = await harness.client.get("/v1/items", headers=key)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_expired")
    ada = await harness.log_in(ada.email)
    for days in (0, 367, -1, 1.5):
        assert (await create_key(harness, ada, days=days)).status_code == 422


async def test_anothers_key_is_as_absent_as_none(harness: GatewayHarness) -> None:
    ada, bob = await harness.sign_up(), await harness.sign_up()
    created = (await create_key(harness, ada)).json()
    foreign = await harness.client.delete(f"/v1/keys/{created['id']}", headers=bob.head)
    missing = await harness.client.delete("/v1/keys/nothing", headers=bob.head)
    assert foreign.status_code == missing.status_code == 404
    assert {**foreign.json(), "trace": ""} == {**missing.json(), "trace": ""}
    assert (await harness.client.get("/v1/keys", headers=bob.head)).json()["items"] == []
    assert (await harness.client.get("/v1/items", headers=head(created["key"]))).status_code == 200


async def test_what_only_looks_like_a_key(harness: GatewayHarness) -> None:
    ada = await harness.sign_up()
    key = (await create_key(harness, ada)).json()["key"]
    for wrong in ("crate_", key[:-1], key + "x", key.upper(), "crate_" + "x" * 43, "crate_\udc80"):
        raw = {b"Authorization": b"Bearer " + wrong.encode("utf-8", "surrogateescape")}
        answer = await harness.client.get("/v1/items", headers=raw)
        assert answer.status_code == 401, wrong


async def test_an_account_has_no_more_than_a_hundred_keys(harness: GatewayHarness) -> None:
    ada = await harness.sign_up()
    statuses = [(await create_key(harness, ada)).status_code for _ in range(99)]
    assert set(statuses) == {201}
    last = await asyncio.gather(*(create_key(harness, ada) for _ in range(3)))
    assert sorted(answer.status_code for answer in last) == [201, 409, 409]


async def test_a_ticket_opens_one_stream_within_its_time(harness: GatewayHarness) -> None:
    ada = await harness.sign_up()

    async def ticket() -> str:
        answer = await harness.client.post("/v1/events/tickets", headers=ada.head)
        assert answer.json()["expires_in"] <= 30
        return str(answer.json()["ticket"])

    bought = await ticket()
    async with listening(harness, query={"ticket": bought}) as stream:
        assert stream.status == 200
        again = await harness.client.get("/v1/events", params={"ticket": bought})
        assert again.status_code == 401
    late = await ticket()
    harness.clock.advance(31)
    assert (await harness.client.get("/v1/events", params={"ticket": late})).status_code == 401
    lost = await ticket()
    await harness.client.delete("/v1/sessions", headers=ada.head)
    assert (await harness.client.get("/v1/events", params={"ticket": lost})).status_code == 401


async def test_a_ticket_opens_nothing_else(harness: GatewayHarness) -> None:
    ada = await harness.sign_up()
    answer = await harness.client.post("/v1/events/tickets", headers=ada.head)
    ticket = answer.json()["ticket"]
    assert (await harness.client.get("/v1/items", headers=head(ticket))).status_code == 401
    assert (await harness.client.get("/v1/items", params={"ticket": ticket})).status_code == 401
    # A token does not belong into a URL: there it opens nothing.
    for query in ({"ticket": ada.access}, {"access_token": ada.access}, {"token": ada.access}):
        assert (await harness.client.get("/v1/events", params=query)).status_code == 401
