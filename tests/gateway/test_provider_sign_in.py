"""Sign-in with a certified OpenID Connect provider, and attacks on its code flow."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import select

from gateway.oidc.sign_in import LIFE
from gateway.tables import AuthorizationRow
from kit.database.engine import Database
from kit.process import StartRefused
from tests.gateway.gateway_harness import PASSWORD, GatewayHarness, open_gateway
from tests.support.oidc import (
    CLIENT_ID,
    CLIENT_SECRET,
    MISSING,
    Browser,
    installed,
    running_provider,
)

pytestmark = pytest.mark.skipif(not installed(), reason=MISSING)

PUBLIC = "http://localhost"
CALLBACK = f"{PUBLIC}/v1/sign-in/acme/callback"
ALL = ("catalogue:read", "catalogue:write", "jobs:write")
WEB = {"X-Cratedig-Client": "web"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with running_provider(CALLBACK, f"{PUBLIC}/") as issuer:
        yield issuer


@asynccontextmanager
async def gateway_with(
    folder: Path, issuer: str, *, own: dict[str, Any] | None = None, **provider: Any
) -> AsyncIterator[GatewayHarness]:
    acme = {
        "id": "acme",
        "name": "Acme",
        "issuer": issuer,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "scopes": ("openid", "email", "profile", "groups"),
    } | provider
    settings = {"public_url": PUBLIC, "identity_providers": (acme,), **(own or {})}
    async with open_gateway(folder, settings=settings) as harness:
        yield harness


@pytest.fixture
async def acme(tmp_path: Path, issuer: str) -> AsyncIterator[GatewayHarness]:
    async with gateway_with(tmp_path, issuer) as harness:
        yield harness


async def begin(harness: GatewayHarness, return_to: str = "/crate?q=kick") -> str:
    """Return the provider's address that the gateway sends the browser to."""
    answer = await harness.client.get("/v1/sign-in/acme", params={"return_to": return_to})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def callback_of(harness: GatewayHarness, login: str, return_to: str = "/crate?q=kick") -> str:
    """Sign in at the provider; return the address with which the browser comes back."""
    async with Browser(login) as browser:
        return await browser.open(await begin(harness, return_to), until=CALLBACK)


async def come_back(harness: GatewayHarness, login: str) -> httpx.Response:
    return await harness.client.get(await callback_of(harness, login))


def outcome(response: httpx.Response) -> str:
    """Return how a callback ended, and check that it ends on this server."""
    assert response.status_code == 303, response.text
    target = urlsplit(response.headers["location"])
    assert f"{target.scheme}://{target.netloc}" == PUBLIC
    query = parse_qs(target.query)
    return query.get("sign_in_error", ["signed in" if "signed_in" in query else ""])[0]


async def signed_in(harness: GatewayHarness, login: str) -> dict[str, str]:
    """Sign in as a page does; return the header of its requests."""
    assert outcome(await come_back(harness, login)) == "signed in"
    pair = await harness.client.post("/v1/sessions/refresh", json={}, headers=WEB)
    assert pair.status_code == 201, pair.text
    return {"Authorization": f"Bearer {pair.json()['access_token']}"}


async def account(harness: GatewayHarness, head: dict[str, str]) -> dict[str, Any]:
    answer = await harness.client.get("/v1/account", headers=head)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def test_a_page_signs_in_and_returns_to_where_it_was(acme: GatewayHarness) -> None:
    options = (await acme.client.get("/v1/sign-in")).json()
    assert options == {"passwords": True, "providers": [{"id": "acme", "name": "Acme"}]}
    request = parse_qs(urlsplit(await begin(acme)).query)
    assert request["redirect_uri"] == [CALLBACK]
    assert request["code_challenge_method"] == ["S256"]
    answer = await come_back(acme, "ada")
    assert answer.headers["location"] == f"{PUBLIC}/crate?q=kick&signed_in=1"
    cookie = answer.headers["set-cookie"]
    assert "cratedig_refresh=" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert answer.headers["cache-control"] == "no-store"
    first = await account(acme, await signed_in(acme, "ada"))
    assert (first["email"], first["name"]) == ("ada@acme.example", "Ada")
    assert (first["admin"], first["has_password"]) == (False, False)
    # The same person has the same account at every sign-in.
    assert (await account(acme, await signed_in(acme, "ada")))["id"] == first["id"]


async def test_a_callback_works_once_and_in_one_browser(acme: GatewayHarness) -> None:
    callback = await callback_of(acme, "ada")
    kept = dict(acme.client.cookies)
    acme.client.cookies.clear()
    assert outcome(await acme.client.get(callback)) == "expired"
    acme.client.cookies.update(kept)
    assert outcome(await acme.client.get(callback)) == "signed in"
    assert outcome(await acme.client.get(callback)) == "expired"


async def test_a_replayed_code_opens_nothing(acme: GatewayHarness) -> None:
    callback = await callback_of(acme, "ada")
    assert outcome(await acme.client.get(callback)) == "signed in"
    used = parse_qs(urlsplit(callback).query)["code"][0]
    state = parse_qs(urlsplit(await begin(acme)).query)["state"][0]
    params = {"code": used, "state": state, "iss": urlsplit(callback).query.split("iss=")[1]}
    answer = await acme.client.get(CALLBACK, params=params)
    assert outcome(answer) == "invalid"
    assert "cratedig_refresh" not in answer.headers.get("set-cookie", "")


async def test_a_code_of_another_request_is_refused(acme: GatewayHarness) -> None:
    # The code was made for another verifier and nonce: somebody else's, injected here.
    foreign = parse_qs(urlsplit(await callback_of(acme, "eve")).query)
    state = parse_qs(urlsplit(await begin(acme)).query)["state"][0]
    params = {"code": foreign["code"][0], "iss": foreign["iss"][0], "state": state}
    assert outcome(await acme.client.get(CALLBACK, params=params)) == "invalid"


async def test_a_response_of_another_issuer_is_refused(acme: GatewayHarness, issuer: str) -> None:
    for wrong in ({"iss": "https://evil.example"}, {}):
        query = parse_qs(urlsplit(await callback_of(acme, "ada")).query)
        params = {"code": query["code"][0], "state": query["state"][0], **wrong}
        assert outcome(await acme.client.get(CALLBACK, params=params)) == "invalid"


async def test_a_state_belongs_to_one_provider(tmp_path: Path, issuer: str) -> None:
    other = {"id": "other", "name": "Other", "issuer": "https://other.example", "client_id": "x"}
    acme = {"id": "acme", "name": "Acme", "issuer": issuer, "client_id": CLIENT_ID}
    settings = {"public_url": PUBLIC, "identity_providers": (acme, other)}
    async with open_gateway(tmp_path, settings=settings) as harness:
        state = parse_qs(urlsplit(await begin(harness)).query)["state"][0]
        params = {"code": "x", "state": state}
        answer = await harness.client.get("/v1/sign-in/other/callback", params=params)
        assert outcome(answer) == "expired"
        assert (await harness.client.get("/v1/sign-in/none/callback")).status_code == 404
        # The other one cannot be reached.
        answer = await harness.client.get("/v1/sign-in/other", params={"return_to": "/crate"})
        assert answer.headers["location"] == f"{PUBLIC}/crate?sign_in_error=unavailable"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/a\\..",
        "/a\nLocation: //evil.example",
        "javascript:alert(1)",
        "",
        "/" + "a" * 2_000,
    ],
)
async def test_nobody_is_sent_to_another_site(acme: GatewayHarness, target: str) -> None:
    answer = await acme.client.get("/v1/sign-in/acme", params={"return_to": target})
    assert answer.status_code == 422, answer.text
    assert answer.json()["fields"][0]["field"] == "query.return_to"


async def test_a_request_expires_and_a_cancelled_one_says_so(acme: GatewayHarness) -> None:
    state = parse_qs(urlsplit(await begin(acme)).query)["state"][0]
    params = {"error": "access_denied", "state": state}
    answer = await acme.client.get(CALLBACK, params=params)
    assert answer.headers["location"] == f"{PUBLIC}/crate?q=kick&sign_in_error=cancelled"
    callback = await callback_of(acme, "ada")
    acme.clock.advance(LIFE.total_seconds() + 1)
    assert outcome(await acme.client.get(callback)) == "expired"


async def test_only_digests_of_secrets_are_stored(acme: GatewayHarness) -> None:
    state = parse_qs(urlsplit(await begin(acme)).query)["state"][0]
    url = f"sqlite+aiosqlite:///{acme.folder / 'gateway.db'}"
    database = Database(url, clock=acme.clock, pool=1)
    try:
        async with database.session() as session:
            (row,) = (await session.scalars(select(AuthorizationRow))).all()
    finally:
        await database.close()
    cookie = acme.client.cookies["cratedig_sign_in"]
    assert not {state, cookie} & {row.sha256, row.browser, row.return_to}


async def test_a_rotated_key_is_fetched(acme: GatewayHarness, issuer: str) -> None:
    await signed_in(acme, "ada")
    async with Browser("nobody") as browser:
        await browser.post(f"{issuer}/test/rotate")
    # Fetched at most every 30 s, so that tokens with invented key names cause no load.
    acme.clock.advance(31)
    await signed_in(acme, "ada")


async def test_an_account_with_the_same_address_is_not_taken_over(
    tmp_path: Path, issuer: str
) -> None:
    async with gateway_with(tmp_path, issuer) as harness:
        local = await harness.sign_up("Ada@acme.example")
        answer = await come_back(harness, "ada")
        assert outcome(answer) == "email_in_use"
        assert "cratedig_refresh" not in answer.headers.get("set-cookie", "")
        assert (await account(harness, local.head))["has_password"] is True


async def test_a_verified_address_is_linked_where_a_setting_allows_it(
    tmp_path: Path, issuer: str
) -> None:
    async with gateway_with(tmp_path, issuer, link_verified_email=True) as harness:
        local = await harness.sign_up("ada@acme.example")
        body = {"name": "a key", "scopes": ["catalogue:read"]}
        key = (await harness.client.post("/v1/keys", json=body, headers=local.head)).json()["key"]
        # Eve's address is the same, and not verified.
        assert outcome(await come_back(harness, "eve")) == "email_in_use"
        head = await signed_in(harness, "ada")
        assert (await account(harness, head))["id"] == local.id
        # Whoever opened the account had not shown that the address was theirs.
        for old in (local.head, {"Authorization": f"Bearer {key}"}):
            assert (await harness.client.get("/v1/account", headers=old)).status_code == 401
        login = {"email": local.email, "password": PASSWORD}
        assert (await harness.client.post("/v1/sessions", json=login)).status_code == 401
        put = await harness.client.put(
            "/v1/account/password", json={"current": "", "new": PASSWORD}, headers=head
        )
        assert put.status_code == 403
        audit = {"action": "identity.linked"}
        admin = await harness.client.get("/v1/admin/audit", params=audit, headers=head)
        assert [entry["account"] for entry in admin.json()["items"]] == [local.id]


async def test_groups_grant_scopes_and_decide_who_signs_in(tmp_path: Path, issuer: str) -> None:
    groups = {"producers": ("catalogue:read",), "admins": (*ALL, "admin")}
    async with gateway_with(tmp_path, issuer, groups=groups) as harness:
        assert outcome(await come_back(harness, "bob")) == "no_group"
        ada = await signed_in(harness, "ada")
        assert (await harness.client.get("/v1/items", headers=ada)).status_code == 200
        assert (await harness.client.post("/v1/jobs", json={}, headers=ada)).status_code == 403
        body = {"name": "more than she may", "scopes": ["jobs:write"]}
        assert (await harness.client.post("/v1/keys", json=body, headers=ada)).status_code == 403
        assert (await account(harness, ada))["admin"] is False
        grace = await signed_in(harness, "grace")
        assert (await account(harness, grace))["admin"] is True
        accounts = await harness.client.get("/v1/admin/accounts", headers=grace)
        assert accounts.status_code == 200


async def test_lost_groups_take_keys_and_administration(tmp_path: Path, issuer: str) -> None:
    wide = {"admins": (*ALL, "admin")}
    async with gateway_with(tmp_path / "a", issuer, groups=wide) as harness:
        grace = await signed_in(harness, "grace")
        body = {"name": "writes", "scopes": ["catalogue:write"]}
        key = (await harness.client.post("/v1/keys", json=body, headers=grace)).json()["key"]
    narrow = {"admins": ("catalogue:read",), "chiefs": ("admin",)}
    # The same database with other settings, as after a change of the groups.
    url = f"sqlite+aiosqlite:///{tmp_path / 'a' / 'gateway.db'}"
    settings = {
        "public_url": PUBLIC,
        "identity_providers": (
            {
                "id": "acme",
                "name": "Acme",
                "issuer": issuer,
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "scopes": ("openid", "email", "groups"),
                "groups": narrow,
            },
        ),
    }
    async with open_gateway(tmp_path / "b", database=url, settings=settings) as harness:
        again = await signed_in(harness, "grace")
        assert (await account(harness, again))["admin"] is False
        assert (await harness.client.get("/v1/account", headers=grace)).status_code == 401
        head = {"Authorization": f"Bearer {key}"}
        assert (await harness.client.get("/v1/items", headers=head)).status_code == 401


async def test_domains_and_closed_sign_up(tmp_path: Path, issuer: str) -> None:
    async with gateway_with(tmp_path / "a", issuer, email_domains=("acme.example",)) as harness:
        assert outcome(await come_back(harness, "eve")) == "email_not_allowed"
        await signed_in(harness, "ada")
    async with gateway_with(tmp_path / "b", issuer, sign_up=False) as harness:
        assert outcome(await come_back(harness, "ada")) == "no_account"


async def test_a_disabled_account_stays_out(acme: GatewayHarness) -> None:
    admin = await acme.sign_up()
    ada = await account(acme, await signed_in(acme, "ada"))
    path = f"/v1/admin/accounts/{ada['id']}"
    assert (
        await acme.client.patch(path, json={"disabled": True}, headers=admin.head)
    ).status_code == 200
    assert outcome(await come_back(acme, "ada")) == "disabled"


async def test_a_deleted_account_begins_anew(acme: GatewayHarness) -> None:
    head = await signed_in(acme, "ada")
    before = await account(acme, head)
    gone = await acme.client.request("DELETE", "/v1/account", json={"password": ""}, headers=head)
    assert gone.status_code == 204, gone.text
    assert (await account(acme, await signed_in(acme, "ada")))["id"] != before["id"]


async def test_concurrent_first_sign_ins_make_one_account(acme: GatewayHarness) -> None:
    callbacks = [await callback_of(acme, "ada") for _ in range(3)]
    answers = await asyncio.gather(*map(acme.client.get, callbacks))
    assert [outcome(answer) for answer in answers] == ["signed in"] * 3
    admin = await acme.sign_up()
    assert (await account(acme, admin.head))["admin"] is False


async def test_a_session_ends_when_the_provider_shall_decide_again(
    tmp_path: Path, issuer: str
) -> None:
    async with gateway_with(tmp_path, issuer, session_days=1) as harness:
        await signed_in(harness, "ada")
        harness.clock.advance(86_401)
        ended = await harness.client.post("/v1/sessions/refresh", json={}, headers=WEB)
        assert ended.status_code == 401


async def test_logging_out_ends_the_providers_session(acme: GatewayHarness) -> None:
    async with Browser("ada") as browser:
        callback = await browser.open(await begin(acme), until=CALLBACK)
        assert outcome(await acme.client.get(callback)) == "signed in"
        pair = await acme.client.post("/v1/sessions/refresh", json={}, headers=WEB)
        head = {"Authorization": f"Bearer {pair.json()['access_token']}"}
        answer = await acme.client.post("/v1/sessions/logout", headers=head | WEB)
        assert answer.status_code == 200
        url = answer.json()["url"]
        assert parse_qs(urlsplit(url).query)["post_logout_redirect_uri"] == [f"{PUBLIC}/"]
        assert await browser.open(url, until=f"{PUBLIC}/") == f"{PUBLIC}/"
    assert (await acme.client.get("/v1/account", headers=head)).status_code == 401
    local = await acme.sign_up()
    answer = await acme.client.post("/v1/sessions/logout", headers=local.head)
    assert answer.json() == {"url": None}


async def test_a_program_signs_in_with_a_device_code(acme: GatewayHarness) -> None:
    started = await acme.client.post("/v1/sign-in/acme/device")
    assert started.status_code == 201, started.text
    device = started.json()
    body = {"device_code": device["device_code"]}
    waiting = await acme.client.post("/v1/sign-in/acme/device/session", json=body)
    assert waiting.json() == {"status": "pending", "tokens": None}
    async with Browser("ada") as browser:
        await browser.open(device["verification_uri_complete"])
    done = await acme.client.post("/v1/sign-in/acme/device/session", json=body)
    assert done.json()["status"] == "complete", done.text
    head = {"Authorization": f"Bearer {done.json()['tokens']['access_token']}"}
    assert (await account(acme, head))["email"] == "ada@acme.example"
    again = await acme.client.post("/v1/sign-in/acme/device/session", json=body)
    assert again.status_code == 401
    for path in ("", "/session"):
        unknown = await acme.client.post(f"/v1/sign-in/none/device{path}", json=body)
        assert unknown.status_code == 404


async def test_passwords_can_be_switched_off(tmp_path: Path, issuer: str) -> None:
    async with gateway_with(tmp_path, issuer, own={"passwords": False}) as harness:
        assert (await harness.client.get("/v1/sign-in")).json()["passwords"] is False
        body = {"email": "ada@acme.example", "password": PASSWORD}
        for path in ("/v1/accounts", "/v1/sessions"):
            answer = await harness.client.post(path, json=body)
            assert answer.status_code == 403
            assert "organisation" in answer.json()["detail"]
        head = await signed_in(harness, "ada")
        put = await harness.client.put(
            "/v1/account/password", json={"current": "", "new": PASSWORD}, headers=head
        )
        assert put.status_code == 403


async def test_too_many_sign_ins_wait(tmp_path: Path, issuer: str) -> None:
    async with gateway_with(tmp_path, issuer, own={"logins_per_minute": 2}) as harness:
        harness.clock.hold()
        targets = [await begin(harness) for _ in range(3)]
        assert targets[2] == f"{PUBLIC}/crate?q=kick&sign_in_error=busy"
        assert (await harness.client.post("/v1/sign-in/acme/device")).status_code == 429
        assert outcome(await harness.client.get(CALLBACK, params={"state": "x"})) == "busy"


async def test_settings_that_leave_no_way_in_are_refused(tmp_path: Path, issuer: str) -> None:
    with pytest.raises(StartRefused, match="nobody could"):
        async with open_gateway(tmp_path / "a", settings={"passwords": False}):
            pass
    acme = {"id": "acme", "name": "Acme", "issuer": issuer, "client_id": CLIENT_ID}
    with pytest.raises(StartRefused, match="GATEWAY_PUBLIC_URL"):
        async with open_gateway(tmp_path / "b", settings={"identity_providers": (acme,)}):
            pass
