"""S6, S21: secrets that nobody was given cost next to nothing, and keep nobody else out."""

import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from tests.gateway.gateway_harness import GatewayHarness, User, open_gateway

LIMIT = 20
Try = Callable[[httpx.AsyncClient, int], Awaitable[httpx.Response]]


async def with_a_key(client: httpx.AsyncClient, number: int) -> httpx.Response:
    head = {"Authorization": f"Bearer crate_{number:043}"}
    return await client.get("/v1/items", headers=head)


async def with_a_refresh_token(client: httpx.AsyncClient, number: int) -> httpx.Response:
    body = {"refresh_token": f"{number:043}"}
    return await client.post("/v1/sessions/refresh", json=body)


async def with_a_ticket(client: httpx.AsyncClient, number: int) -> httpx.Response:
    return await client.get("/v1/events", params={"ticket": f"{number:043}"})


TRIES = pytest.mark.parametrize("attempt", [with_a_key, with_a_refresh_token, with_a_ticket])


def client_from(harness: GatewayHarness, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(harness.gateway.public, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def make_key(harness: GatewayHarness, user: User) -> dict[str, str]:
    body = {"name": "k", "scopes": ["catalogue:read"]}
    created: dict[str, str] = (
        await harness.client.post("/v1/keys", json=body, headers=user.head)
    ).json()
    return created


def bearer_header(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@TRIES
async def test_unknown_secrets_are_bounded_by_address(tmp_path: Path, attempt: Try) -> None:
    async with open_gateway(tmp_path, settings={"failed_lookups_per_minute": LIMIT}) as harness:
        ada = await harness.sign_up()
        key = (await make_key(harness, ada))["key"]
        assert (
            await harness.client.get("/v1/items", headers=bearer_header(key))
        ).status_code == 200
        harness.clock.hold()
        answers = [await attempt(harness.client, n) for n in range(LIMIT + 5)]
        assert [a.status_code for a in answers] == [401] * LIMIT + [429] * 5
        refused = answers[-1]
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert "Try again in" in refused.json()["detail"]
        # What was refused once is known, and who is known is served, from the same address too.
        assert (await attempt(harness.client, 0)).status_code == 401
        harness.clock.advance(6)
        assert (
            await harness.client.get("/v1/items", headers=bearer_header(key))
        ).status_code == 200
        assert (await harness.client.get("/v1/items", headers=ada.head)).status_code == 200
        answer = await harness.client.post(
            "/v1/sessions/refresh", json={"refresh_token": ada.refresh}
        )
        assert answer.status_code == 201
        async with client_from(harness, "198.51.100.7") as other:
            assert (await attempt(other, 1000)).status_code == 401
        harness.clock.advance(60)
        assert (await attempt(harness.client, 2000)).status_code == 401


async def test_unknown_secrets_are_bounded_by_network(tmp_path: Path) -> None:
    async with open_gateway(tmp_path, settings={"failed_lookups_per_minute": LIMIT}) as harness:
        harness.clock.hold()
        statuses = []
        for number in range(LIMIT + 1):
            async with client_from(harness, f"2001:db8:0:1::{number:x}") as client:
                statuses.append((await with_a_key(client, number)).status_code)
        assert statuses == [401] * LIMIT + [429]


@TRIES
async def test_an_unknown_secret_writes_nothing(harness: GatewayHarness, attempt: Try) -> None:
    """Another process holds the only right to write; whoever wants it would wait for 10 s."""
    writer = sqlite3.connect(harness.folder / "gateway.db", isolation_level=None)
    try:
        writer.execute("BEGIN IMMEDIATE")
        began = harness.clock.monotonic()
        for number in range(30):
            assert (await attempt(harness.client, number)).status_code == 401
        assert harness.clock.monotonic() - began < 9.0
    finally:
        writer.close()


async def test_an_old_key_that_a_program_still_sends_keeps_nobody_out(tmp_path: Path) -> None:
    async with open_gateway(tmp_path, settings={"failed_lookups_per_minute": LIMIT}) as harness:
        ada = await harness.sign_up()
        old, new = await make_key(harness, ada), await make_key(harness, ada)
        path = f"/v1/keys/{old['id']}"
        assert (await harness.client.delete(path, headers=ada.head)).status_code == 204
        harness.clock.hold()
        for _ in range(3 * LIMIT):
            answer = await harness.client.get("/v1/items", headers=bearer_header(old["key"]))
            assert answer.status_code == 401
        answer = await harness.client.get("/v1/items", headers=bearer_header(new["key"]))
        assert answer.status_code == 200
