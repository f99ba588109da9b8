"""On a real Postgres: whatever is under way while sessions end, ends with them."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from kit.database.engine import Database
from tests.gateway.gateway_harness import PASSWORD, WITHIN, GatewayHarness, User, open_gateway

NEW = "another sentence"


@dataclass(slots=True)
class Gate:
    """A lock on a table that lets others read and lock its rows, and keeps them from writing."""

    connection: AsyncConnection

    async def waiting(self, count: int) -> None:
        """Wait until so many transactions wait for a lock."""
        query = text(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        async with asyncio.timeout(WITHIN):
            while (await self.connection.execute(query)).scalar_one() < count:
                # The transaction of the gate sees one state of the statistics unless it is told.
                await self.connection.execute(text("SELECT pg_stat_clear_snapshot()"))
                await asyncio.sleep(0.01)

    async def open(self) -> None:
        """Let everybody through."""
        await self.connection.rollback()


@asynccontextmanager
async def locked_table(url: str, table: str) -> AsyncIterator[Gate]:
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            await connection.execute(text(f"LOCK TABLE {table} IN SHARE MODE"))
            yield Gate(connection)
    finally:
        await engine.dispose()


@pytest.fixture
async def harness(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[GatewayHarness]:
    # A statement may wait as long as it takes a busy machine to digest a password.
    patient = functools.partial(Database, statement_timeout=WITHIN)
    monkeypatch.setattr("kit.database.engine.Database", patient)
    async with open_gateway(tmp_path, database=postgres_url) as harness:
        yield harness


def refresh(harness: GatewayHarness, token: str) -> Awaitable[httpx.Response]:
    return harness.client.post("/v1/sessions/refresh", json={"refresh_token": token})


def log_in(
    harness: GatewayHarness, user: User, password: str = PASSWORD
) -> Awaitable[httpx.Response]:
    return harness.client.post("/v1/sessions", json={"email": user.email, "password": password})


def revoke(harness: GatewayHarness, user: User, how: str) -> Awaitable[httpx.Response]:
    if how == "logout":
        return harness.client.delete("/v1/sessions", headers=user.head)
    if how == "password":
        body = {"current": PASSWORD, "new": NEW}
        return harness.client.put("/v1/account/password", json=body, headers=user.head)
    return harness.client.request(
        "DELETE", "/v1/account", json={"password": PASSWORD}, headers=user.head
    )


async def assert_ended(harness: GatewayHarness, answer: httpx.Response) -> None:
    """Assert that what a refresh or a login answered opens nothing (any more)."""
    if answer.status_code == 401:
        return
    assert answer.status_code == 201, answer.text
    pair = answer.json()
    head = {"Authorization": f"Bearer {pair['access_token']}"}
    assert (await harness.client.get("/v1/account", headers=head)).status_code == 401
    assert (await refresh(harness, pair["refresh_token"])).status_code == 401


@pytest.mark.parametrize("how", ["logout", "password", "deletion"])
async def test_a_refresh_under_way_ends_with_its_session(
    harness: GatewayHarness, postgres_url: str, how: str
) -> None:
    ada = await harness.sign_up()
    async with locked_table(postgres_url, "refresh_tokens") as gate:
        refreshing = asyncio.ensure_future(refresh(harness, ada.refresh))
        await gate.waiting(1)
        revocation = asyncio.ensure_future(revoke(harness, ada, how))
        await gate.waiting(2)
        await gate.open()
        assert (await revocation).status_code == 204
        await assert_ended(harness, await refreshing)


async def test_a_refresh_under_way_ends_when_theft_is_noticed(
    harness: GatewayHarness, postgres_url: str
) -> None:
    ada = await harness.sign_up()
    successor = (await refresh(harness, ada.refresh)).json()["refresh_token"]
    harness.clock.advance(11)
    async with locked_table(postgres_url, "refresh_tokens") as gate:
        refreshing = asyncio.ensure_future(refresh(harness, successor))
        await gate.waiting(1)
        stealing = asyncio.ensure_future(refresh(harness, ada.refresh))
        await gate.waiting(2)
        await gate.open()
        assert (await stealing).status_code == 401
        await assert_ended(harness, await refreshing)


@pytest.mark.parametrize("how", ["logout", "password", "deletion"])
async def test_a_login_under_way_before_sessions_end_ends_with_them(
    harness: GatewayHarness, postgres_url: str, how: str
) -> None:
    ada = await harness.sign_up()
    async with locked_table(postgres_url, "refresh_tokens") as gate:
        entering = asyncio.ensure_future(log_in(harness, ada))
        await gate.waiting(1)
        revocation = asyncio.ensure_future(revoke(harness, ada, how))
        await gate.waiting(2)
        await gate.open()
        assert (await revocation).status_code == 204
        await assert_ended(harness, await entering)


@pytest.mark.parametrize("how", ["password", "deletion"])
async def test_an_old_password_opens_nothing_once_it_is_being_changed(
    harness: GatewayHarness, postgres_url: str, how: str
) -> None:
    ada = await harness.sign_up()
    async with locked_table(postgres_url, "tickets") as gate:
        revocation = asyncio.ensure_future(revoke(harness, ada, how))
        await gate.waiting(1)
        entering = asyncio.ensure_future(log_in(harness, ada))
        await gate.waiting(2)
        await gate.open()
        assert (await revocation).status_code == 204
        assert (await entering).status_code == 401


@pytest.mark.parametrize("how", ["logout", "password", "deletion"])
async def test_no_key_is_made_by_a_session_that_is_being_ended(
    harness: GatewayHarness, postgres_url: str, how: str
) -> None:
    ada = await harness.sign_up()
    async with locked_table(postgres_url, "tickets") as gate:
        revocation = asyncio.ensure_future(revoke(harness, ada, how))
        await gate.waiting(1)
        body = {"name": "k", "scopes": ["catalogue:read"]}
        making = asyncio.ensure_future(harness.client.post("/v1/keys", json=body, headers=ada.head))
        await gate.waiting(2)
        await gate.open()
        assert (await revocation).status_code == 204
        assert (await making).status_code == 401
