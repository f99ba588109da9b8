"""S26: pages of named origins may call the API; pages of all others may not."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.gateway.gateway_harness import GatewayHarness, open_gateway

OURS = "https://music.example.org"
OTHERS = ("https://evil.example", "http://music.example.org", f"{OURS}.evil.example", "null")
ALLOW = "access-control-allow-origin"


@pytest.fixture
async def cors_gateway(tmp_path: Path) -> AsyncIterator[GatewayHarness]:
    async with open_gateway(tmp_path, settings={"origins": (OURS,)}) as harness:
        yield harness


def cors_headers(answer: httpx.Response) -> list[str]:
    """Return the CORS headers of an answer."""
    return [name for name in answer.headers if name.startswith("access-control-")]


async def test_pages_of_a_named_origin_may_read_answers(cors_gateway: GatewayHarness) -> None:
    ada = await cors_gateway.sign_up()
    too_large = b" " * ((1 << 20) + 1)
    answers = [
        await cors_gateway.client.get("/v1/account", headers=ada.head | {"Origin": OURS}),
        await cors_gateway.client.get("/v1/items", headers=ada.head | {"Origin": OURS}),
        # Refusals too, so that a page can show them.
        await cors_gateway.client.get("/v1/account", headers={"Origin": OURS}),
        await cors_gateway.client.post("/v1/jobs", content=too_large, headers={"Origin": OURS}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 401, 413]
    for answer in answers:
        assert answer.headers[ALLOW] == OURS
        assert "Origin" in answer.headers["vary"]
        exposed = answer.headers["access-control-expose-headers"].split(", ")
        assert {"Content-Range", "ETag", "Location", "Retry-After"} <= set(exposed)
        # Tokens travel in a header of their own: cookies are neither sent nor believed.
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", OTHERS)
async def test_pages_of_others_may_not(cors_gateway: GatewayHarness, origin: str) -> None:
    ada = await cors_gateway.sign_up()
    answer = await cors_gateway.client.get("/v1/account", headers=ada.head | {"Origin": origin})
    assert ALLOW not in answer.headers
    headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    preflight = await cors_gateway.client.options("/v1/account", headers=headers)
    assert preflight.status_code == 400
    assert ALLOW not in preflight.headers


async def test_a_browser_may_ask_first(cors_gateway: GatewayHarness) -> None:
    headers = {
        "Origin": OURS,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type, idempotency-key, range",
    }
    answer = await cors_gateway.client.options("/v1/jobs", headers=headers)
    assert answer.status_code == 200
    assert answer.headers[ALLOW] == OURS
    methods = set(answer.headers["access-control-allow-methods"].split(", "))
    assert methods == {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
    assert int(answer.headers["access-control-max-age"]) <= 7200
    assert answer.headers["x-content-type-options"] == "nosniff"
    for wrong in (
        {"Access-Control-Request-Method": "TRACE"},
        {"Access-Control-Request-Headers": "x-internal"},
    ):
        refused = await cors_gateway.client.options("/v1/jobs", headers=headers | wrong)
        assert refused.status_code == 400


async def test_without_a_setting_no_page_of_another_origin_may(harness: GatewayHarness) -> None:
    ada = await harness.sign_up()
    for origin in (OURS, *OTHERS):
        answer = await harness.client.get("/v1/account", headers=ada.head | {"Origin": origin})
        assert cors_headers(answer) == []
        headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        assert cors_headers(await harness.client.options("/v1/account", headers=headers)) == []
