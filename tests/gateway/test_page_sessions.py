"""Sessions of pages: a cookie that scripts cannot read and other sites cannot use."""

from collections.abc import AsyncIterator
from http.cookies import Morsel, SimpleCookie
from pathlib import Path

import httpx
import pytest

from gateway.accounts import REUSE_GRACE
from gateway.page_sessions import COOKIE
from tests.gateway.gateway_harness import PASSWORD, GatewayHarness, User, open_gateway

PAGE = {"X-Cratedig-Client": "web"}
EMAIL = "ada@example.org"
LOGIN = {"email": EMAIL, "password": PASSWORD}
FOREIGN = ("https://evil.example", "http://localhost:81", "http://localhost.evil.example", "null")


@pytest.fixture
async def public(tmp_path: Path) -> AsyncIterator[GatewayHarness]:
    """A gateway behind a proxy at a known address."""
    settings = {"public_url": "https://music.example.org/"}
    async with open_gateway(tmp_path, settings=settings) as harness:
        yield harness


def cookie_of(answer: httpx.Response) -> "Morsel[str]":
    return SimpleCookie(answer.headers["set-cookie"])[COOKIE]


async def send(
    harness: GatewayHarness, path: str, body: object, *, token: str = "", **headers: str
) -> httpx.Response:
    """POST as a page does, with only the cookie that is given."""
    harness.client.cookies.clear()
    head = PAGE | ({"Cookie": f"{COOKIE}={token}"} if token else {}) | headers
    return await harness.client.post(f"/v1/sessions{path}", json=body, headers=head)


async def page_token(harness: GatewayHarness) -> str:
    """Log in as a page and return the refresh token in its cookie."""
    answer = await send(harness, "", LOGIN)
    assert answer.status_code == 201, answer.text
    return cookie_of(answer).value


async def test_a_page_gets_its_refresh_token_in_a_cookie_only(harness: GatewayHarness) -> None:
    await harness.sign_up(EMAIL)
    answer = await send(harness, "", LOGIN)
    assert answer.status_code == 201
    cookie = cookie_of(answer)
    assert cookie.value
    assert cookie.value not in answer.text
    assert answer.json()["refresh_token"] == ""
    assert (cookie["path"], cookie["samesite"].lower()) == ("/v1/sessions", "strict")
    assert cookie["httponly"]
    assert not cookie["secure"]
    assert not cookie["domain"]
    assert int(cookie["max-age"]) == 30 * 86_400
    assert answer.headers["cache-control"] == "no-store"


async def test_the_cookie_is_secure_where_the_public_address_is(public: GatewayHarness) -> None:
    await public.sign_up(EMAIL)
    assert cookie_of(await send(public, "", LOGIN))["secure"]


async def test_programs_get_no_cookie_and_cannot_use_one(harness: GatewayHarness) -> None:
    await harness.sign_up(EMAIL)
    answer = await harness.client.post("/v1/sessions", json=LOGIN)
    assert answer.json()["refresh_token"]
    assert "set-cookie" not in answer.headers
    token = await page_token(harness)
    # What a form on another site could send, were it not for SameSite: it cannot set the header.
    head = {"Cookie": f"{COOKIE}={token}"}
    for body in ({}, {"refresh_token": None}):
        answer = await harness.client.post("/v1/sessions/refresh", json=body, headers=head)
        assert answer.status_code == 422
        assert answer.json()["fields"][0]["field"] == "body.refresh_token"
    other = {"X-Cratedig-Client": "other"}
    answer = await harness.client.post("/v1/sessions/refresh", json={}, headers=head | other)
    assert answer.status_code == 422
    # None of these used the token up.
    assert (await send(harness, "/refresh", {}, token=token)).status_code == 201


async def test_the_cookie_alone_is_no_credential(harness: GatewayHarness) -> None:
    await harness.sign_up(EMAIL)
    head = PAGE | {"Cookie": f"{COOKIE}={await page_token(harness)}"}
    for method, path in (("GET", "/v1/account"), ("GET", "/v1/items"), ("DELETE", "/v1/sessions")):
        answer = await harness.client.request(method, path, headers=head)
        assert answer.status_code == 401, path


@pytest.mark.parametrize("origin", FOREIGN)
async def test_pages_of_other_origins_are_refused(harness: GatewayHarness, origin: str) -> None:
    await harness.sign_up(EMAIL)
    token = await page_token(harness)
    for path, body in (("", LOGIN), ("/refresh", {}), ("/one-time", {"code": "x" * 43})):
        answer = await send(harness, path, body, token=token, Origin=origin)
        assert answer.status_code == 403, path
        assert "set-cookie" not in answer.headers
    own = "http://localhost"
    assert (await send(harness, "/refresh", {}, token=token, Origin=own)).status_code == 201


async def test_the_public_address_is_the_only_origin(public: GatewayHarness) -> None:
    await public.sign_up(EMAIL)
    token = await page_token(public)
    for origin in ("http://music.example.org", "http://localhost", *FOREIGN):
        answer = await send(public, "/refresh", {}, token=token, Origin=origin)
        assert answer.status_code == 403, origin
    own = "https://music.example.org"
    assert (await send(public, "/refresh", {}, token=token, Origin=own)).status_code == 201


async def test_no_page_of_another_origin_may_send_the_header(tmp_path: Path) -> None:
    origin = "https://other.example.org"
    async with open_gateway(tmp_path, settings={"origins": (origin,)}) as harness:
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type, x-cratedig-client",
        }
        answer = await harness.client.options("/v1/sessions/refresh", headers=headers)
        assert answer.status_code == 400


async def test_a_refresh_rotates_the_cookie_and_a_stolen_one_ends_the_session(
    harness: GatewayHarness,
) -> None:
    await harness.sign_up(EMAIL)
    first = await page_token(harness)
    answer = await send(harness, "/refresh", {}, token=first)
    assert answer.status_code == 201
    assert answer.json()["refresh_token"] == ""
    second = cookie_of(answer).value
    assert second not in (first, "")
    head = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await harness.client.get("/v1/account", headers=head)).json()["email"] == EMAIL
    # Two tabs that refresh at once get the same next token.
    again = await send(harness, "/refresh", {}, token=first)
    assert cookie_of(again).value == second
    harness.clock.advance(REUSE_GRACE.total_seconds() + 1)
    assert (await send(harness, "/refresh", {}, token=first)).status_code == 401
    assert (await send(harness, "/refresh", {}, token=second)).status_code == 401
    assert (await harness.client.get("/v1/account", headers=head)).status_code == 401


async def test_a_page_without_a_session_gets_401(harness: GatewayHarness) -> None:
    for token in ("", "unknown" * 6, "x"):
        answer = await send(harness, "/refresh", {}, token=token)
        assert answer.status_code == 401
        assert answer.json()["code"] == "unauthenticated"


async def test_logging_out_deletes_the_cookie(harness: GatewayHarness) -> None:
    await harness.sign_up(EMAIL)
    answer = await send(harness, "", LOGIN)
    user = User(EMAIL, answer.json()["access_token"], "")
    token = cookie_of(answer).value
    head = user.head | PAGE | {"Cookie": f"{COOKIE}={token}"}
    out = await harness.client.delete("/v1/sessions", headers=head)
    assert out.status_code == 204
    cookie = cookie_of(out)
    assert (cookie.value, cookie["max-age"], cookie["path"]) == ("", "0", "/v1/sessions")
    assert (await send(harness, "/refresh", {}, token=token)).status_code == 401
    program = await harness.log_in(EMAIL)
    out = await harness.client.delete("/v1/sessions", headers=program.head)
    assert "set-cookie" not in out.headers
