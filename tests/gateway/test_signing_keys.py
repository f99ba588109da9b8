"""S3, T20: signing keys are rotated under load and nobody notices; tables are as in code."""

import asyncio
import base64
import json
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from gateway.app import MIGRATIONS
from gateway.tables import METADATA
from kit.clock import SystemClock
from kit.database.engine import Database
from kit.database.migrations import differences
from tests.gateway.gateway_harness import GatewayHarness, open_gateway


async def kids(harness: GatewayHarness) -> list[str]:
    answer = await harness.client.get("/.well-known/jwks.json")
    return [key["kid"] for key in answer.json()["keys"]]


def kid_of(token: str) -> str:
    head = token.split(".", 1)[0]
    return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])


async def test_rotation_under_load_gives_no_unexpected_401(tmp_path: Path) -> None:
    async with open_gateway(tmp_path, settings={"key_days": 0.1}) as harness:
        ada = await harness.sign_up()
        statuses: list[int] = []
        signers: list[str] = []
        published: set[int] = set()
        seen: dict[str, float] = {}

        async def ask() -> None:
            answer = await harness.client.get("/v1/items", headers=ada.head)
            statuses.append(answer.status_code)

        # Seven hours in steps of two minutes, which is what a refreshing client sees.
        for _ in range(210):
            harness.clock.advance(120)
            await harness.gateway.signing_keys.load()
            if len(statuses) % 6 == 0:
                body = {"refresh_token": ada.refresh}
                pair = (await harness.client.post("/v1/sessions/refresh", json=body)).json()
                ada.access, ada.refresh = pair["access_token"], pair["refresh_token"]
                signers.append(kid_of(ada.access))
                if len(set(signers)) > 1:
                    age = harness.clock.monotonic() - seen[signers[-1]]
                    assert age >= 300, "it signs before every cache can know it"
            await ask()
            now = await kids(harness)
            published.add(len(now))
            seen |= {kid: harness.clock.monotonic() for kid in now if kid not in seen}
        assert set(statuses) == {200}
        assert len(set(signers)) >= 3, "the keys were not rotated"
        assert signers == sorted(signers, key=signers.index), "an old key signed again"
        assert published <= {1, 2, 3}


async def test_a_key_is_published_ten_minutes_before_it_signs(harness: GatewayHarness) -> None:
    signing_keys = harness.gateway.signing_keys
    before = signing_keys.signing().kid
    await signing_keys.rotate()
    assert len(await kids(harness)) == 2
    assert signing_keys.signing().kid == before
    harness.clock.advance(9 * 60 + 50)
    assert signing_keys.signing().kid == before
    harness.clock.advance(20)
    assert signing_keys.signing().kid != before
    assert before in await kids(harness), "tokens of the previous key still live"


async def test_a_restart_keeps_the_keys_and_so_the_sessions(tmp_path: Path) -> None:
    async with open_gateway(tmp_path) as harness:
        ada = await harness.sign_up()
        before = await kids(harness)
    async with open_gateway(tmp_path) as harness:
        assert await kids(harness) == before
        assert (await harness.client.get("/v1/items", headers=ada.head)).status_code == 200


async def test_a_stolen_database_signs_nothing(tmp_path: Path) -> None:
    async with open_gateway(tmp_path) as harness:
        await harness.sign_up()
        stored = b"".join(path.read_bytes() for path in harness.folder.glob("gateway.db*"))
        assert b"BEGIN ENCRYPTED PRIVATE KEY" in stored
        assert b"BEGIN PRIVATE KEY" not in stored


async def test_with_another_secret_new_keys_are_made(tmp_path: Path) -> None:
    async with open_gateway(tmp_path) as harness:
        ada = await harness.sign_up()
        before = await kids(harness)
    async with open_gateway(tmp_path, secret="another secret " * 4) as harness:
        assert not set(await kids(harness)) & set(before)
        assert (await harness.client.get("/v1/account", headers=ada.head)).status_code == 401
        again = await harness.log_in(ada.email)
        assert (await harness.client.get("/v1/account", headers=again.head)).status_code == 200


async def test_a_server_without_a_secret_does_not_open(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="KIT_INTERNAL_SECRET"):
        async with open_gateway(tmp_path, secret="short", library=nobody):
            pass


async def nobody(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("nobody asks")


async def test_two_gateways_share_one_ring(tmp_path: Path, postgres_url: str) -> None:
    (tmp_path / "b").mkdir()
    async with (
        open_gateway(tmp_path, database=postgres_url) as first,
        open_gateway(tmp_path / "b", database=postgres_url) as second,
    ):
        assert await kids(first) == await kids(second)
        ada = await first.sign_up()
        assert (await second.client.get("/v1/account", headers=ada.head)).status_code == 200
        await asyncio.gather(first.gateway.signing_keys.load(), second.gateway.signing_keys.load())
        assert len(await kids(first)) == 1
        # What one ends, the other sees within five seconds.
        await first.client.delete("/v1/sessions", headers=ada.head)
        second.clock.advance(5.1)
        assert (await second.client.get("/v1/account", headers=ada.head)).status_code == 401


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'gateway.db'}"
    return str(request.getfixturevalue("postgres_url"))


async def test_migrations_make_the_tables_of_the_code(url: str) -> None:
    database = Database(url, clock=SystemClock())
    try:
        await database.migrate(MIGRATIONS)
        await database.migrate(MIGRATIONS)
        schema_differences = await database.run_sync(
            lambda connection: differences(connection, METADATA)
        )
        assert schema_differences == []
    finally:
        await database.close()
