"""One-time sign-in codes: they work once, for ten minutes, and are stored as digests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway import sign_in
from gateway.authenticator import digest
from gateway.sign_in import LIFE, OWNER_EMAIL, SignInCodes, sign_in_link
from gateway.tables import SignInCodeRow
from kit.database.engine import Database
from tests.gateway.gateway_harness import PASSWORD, GatewayHarness, open_gateway

EMAIL = "ada@example.org"


@asynccontextmanager
async def database_of(harness: GatewayHarness) -> AsyncIterator[Database]:
    """Yield the gateway's database as the operator's command opens it."""
    path = harness.folder / "gateway.db"
    database = Database(f"sqlite+aiosqlite:///{path}", clock=harness.clock, pool=1)
    try:
        yield database
    finally:
        await database.close()


async def code_for(harness: GatewayHarness, email: str | None = None) -> str | None:
    """Return a code for an account, without an address for that of the machine's user."""
    async with database_of(harness) as database:
        codes = SignInCodes(database, clock=harness.clock)
        return await codes.make(email) if email else await codes.make_for_owner()


async def status_of(harness: GatewayHarness, code: str | None) -> int:
    answer = await harness.client.post("/v1/sessions/one-time", json={"code": code})
    return answer.status_code


async def test_a_code_logs_in_once(harness: GatewayHarness) -> None:
    ada = await harness.sign_up(EMAIL)
    code = await code_for(harness, "Ada@Example.org")
    answers = await asyncio.gather(
        *(harness.client.post("/v1/sessions/one-time", json={"code": code}) for _ in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [401] * 5
    (pair,) = (answer.json() for answer in answers if answer.is_success)
    head = {"Authorization": f"Bearer {pair['access_token']}"}
    assert (await harness.client.get("/v1/account", headers=head)).json()["id"] == ada.id
    refreshed = await harness.client.post(
        "/v1/sessions/refresh", json={"refresh_token": pair["refresh_token"]}
    )
    assert refreshed.status_code == 201
    assert await status_of(harness, code) == 401


async def test_a_page_exchanges_it_for_a_cookie(harness: GatewayHarness) -> None:
    await harness.sign_up(EMAIL)
    body = {"code": await code_for(harness, EMAIL)}
    head = {"X-Cratedig-Client": "web", "Origin": "http://localhost"}
    answer = await harness.client.post("/v1/sessions/one-time", json=body, headers=head)
    assert answer.status_code == 201
    assert answer.json()["refresh_token"] == ""
    assert "HttpOnly" in answer.headers["set-cookie"]


async def test_a_code_expires(harness: GatewayHarness) -> None:
    await harness.sign_up(EMAIL)
    in_time, late = await code_for(harness, EMAIL), await code_for(harness, EMAIL)
    harness.clock.advance(LIFE.total_seconds() - 1)
    assert await status_of(harness, in_time) == 201
    harness.clock.advance(2)
    assert await status_of(harness, late) == 401


async def test_whatever_ends_sessions_ends_codes(harness: GatewayHarness) -> None:
    ada = await harness.sign_up(EMAIL)
    code = await code_for(harness, EMAIL)
    assert (await harness.client.delete("/v1/sessions", headers=ada.head)).status_code == 204
    assert await status_of(harness, code) == 401
    ada = await harness.log_in(EMAIL)
    code = await code_for(harness, EMAIL)
    body = {"current": PASSWORD, "new": "another sentence"}
    put = await harness.client.put("/v1/account/password", json=body, headers=ada.head)
    assert put.status_code == 204
    assert await status_of(harness, code) == 401
    ada = await harness.log_in(EMAIL, password="another sentence")
    code = await code_for(harness, EMAIL)
    gone = await harness.client.request(
        "DELETE", "/v1/account", json={"password": "another sentence"}, headers=ada.head
    )
    assert gone.status_code == 204
    assert await status_of(harness, code) == 401


async def test_only_a_digest_is_stored_and_guesses_are_limited(tmp_path: Path) -> None:
    async with open_gateway(tmp_path, settings={"failed_lookups_per_minute": 3}) as harness:
        harness.clock.hold()
        await harness.sign_up(EMAIL)
        code = await code_for(harness, EMAIL)
        assert code
        async with database_of(harness) as database, database.session() as session:
            (row,) = (await session.scalars(select(SignInCodeRow))).all()
        assert row.sha256 == digest(code)
        statuses = [await status_of(harness, f"{n}" * 43) for n in range(5)]
        assert statuses == [401, 401, 401, 429, 429]
        assert {await status_of(harness, "short"), await status_of(harness, "x" * 201)} == {422}


async def test_nobody_else_gets_a_code(harness: GatewayHarness) -> None:
    await harness.sign_up(EMAIL)
    assert await code_for(harness, "nobody@example.org") is None
    # Others have accounts already, so the machine's own user must name one.
    assert await code_for(harness) is None


async def test_the_owner_of_a_new_server_gets_an_account_without_a_password(
    harness: GatewayHarness,
) -> None:
    first, second = await code_for(harness), await code_for(harness)
    assert first
    assert second
    pair = (await harness.client.post("/v1/sessions/one-time", json={"code": first})).json()
    head = {"Authorization": f"Bearer {pair['access_token']}"}
    account = (await harness.client.get("/v1/account", headers=head)).json()
    assert (account["email"], account["admin"], account["has_password"]) == (
        OWNER_EMAIL,
        True,
        False,
    )
    # No password opens it.
    for password in ("", "owner", "x" * 8):
        body = {"email": OWNER_EMAIL, "password": password}
        assert (await harness.client.post("/v1/sessions", json=body)).status_code == 401
    # Its session may set one, once without naming the one before.
    body = {"current": "a guess", "new": PASSWORD}
    put = await harness.client.put("/v1/account/password", json=body, headers=head)
    assert put.status_code == 422
    body = {"current": "", "new": PASSWORD}
    put = await harness.client.put("/v1/account/password", json=body, headers=head)
    assert put.status_code == 204
    user = await harness.log_in(OWNER_EMAIL)
    body = {"current": "", "new": "another sentence"}
    put = await harness.client.put("/v1/account/password", json=body, headers=user.head)
    assert put.status_code == 422
    shown = (await harness.client.get("/v1/account", headers=user.head)).json()
    assert shown["has_password"] is True


async def test_a_later_account_is_no_administrator(harness: GatewayHarness) -> None:
    assert await code_for(harness)
    ada = await harness.sign_up(EMAIL)
    shown = (await harness.client.get("/v1/account", headers=ada.head)).json()
    assert shown["admin"] is False
    assert shown["has_password"] is True


def test_a_link_is_an_address_with_a_code() -> None:
    assert sign_in_link("https://music.example.org/", "a b") == (
        "https://music.example.org/?signin=a%20b"
    )


async def test_the_operators_command_prints_a_link(
    harness: GatewayHarness, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await harness.sign_up(EMAIL)
    url = f"sqlite+aiosqlite:///{harness.folder / 'gateway.db'}"
    monkeypatch.setenv("GATEWAY_DATABASE_URL", url)
    monkeypatch.setenv("GATEWAY_PUBLIC_URL", "https://music.example.org")
    monkeypatch.setattr("sys.argv", ["sign_in", EMAIL])
    await asyncio.to_thread(sign_in.main)
    printed = capsys.readouterr().out
    address, _, code = printed.strip().rpartition("/?signin=")
    assert address.endswith("https://music.example.org")
    assert await status_of(harness, code) == 201
    monkeypatch.setattr("sys.argv", ["sign_in", "nobody@example.org"])
    with pytest.raises(SystemExit, match="no account"):
        await asyncio.to_thread(sign_in.main)
