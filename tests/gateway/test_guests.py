"""Collections are read by their links without an account, through the gateway."""

import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from tests.gateway.gateway_harness import GatewayHarness, open_gateway

SECRET = "link_" + "s" * 43


async def shared(harness: GatewayHarness, access: str) -> tuple[str, str, dict[str, str]]:
    """Return an item in a collection, the secret of a link to it, and the owner's headers."""
    ada = await harness.sign_up()
    item = await harness.upload(ada, b"some bytes of hers")

    async def post(path: str, body: Any) -> Any:
        answer = await harness.client.post(f"/v1{path}", json=body, headers=ada.head)
        assert answer.is_success, answer.text
        return answer.json()

    collection = (await post("/collections", {"name": "Kicks"}))["id"]
    await post(f"/collections/{collection}/items", {"items": [item]})
    link = await post(f"/collections/{collection}/links", {"access": access})
    return item, link["secret"], ada.head


async def test_a_stranger_reads_a_collection_by_its_link(harness: GatewayHarness) -> None:
    item, secret, head = await shared(harness, "download")
    path = f"/v1/shared/{secret}"
    # Who is logged in gets the same answers, and so does who sends nonsense.
    for headers in ({}, head, {"Authorization": "Bearer nonsense"}):
        shown = await harness.client.get(path, headers=headers)
        assert shown.status_code == 200, shown.text
        assert (shown.json()["name"], shown.json()["items"]) == ("Kicks", 1)
        assert shown.headers["Cache-Control"] == "no-store"
        rows = (await harness.client.get(f"{path}/items", headers=headers)).json()["items"]
        assert [row["id"] for row in rows] == [item]
        saved = await harness.client.get(f"{path}/items/{item}/download", headers=headers)
        assert (await harness.client.get(saved.json()["url"])).content == b"some bytes of hers"
    # A link opens nothing else, and cannot write.
    for other in ("/v1/shared", "/v1/items", f"/v1/items/{item}", "/v1/shared/", "/v1/collections"):
        answer = await harness.client.get(other, params={"secret": secret})
        assert answer.status_code in (401, 404), other
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = await harness.client.request(method, path, json={})
        assert answer.status_code in (404, 405), method
    unknown = await harness.client.get(f"/v1/shared/{SECRET}")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("settings", "other"),
    [
        ({"guest_requests_per_minute": 8}, True),
        ({"link_requests_per_minute": 8}, False),
    ],
)
async def test_requests_are_limited_by_address_and_by_link(
    tmp_path: Path, settings: dict[str, int], other: bool
) -> None:
    async def library(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("ok")(scope, receive, send)

    async with open_gateway(tmp_path, library=library, settings=settings) as harness:
        harness.clock.hold()
        path = f"/v1/shared/{SECRET}"
        answers = [await harness.client.get(path) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[-1].json()["code"] == "too_many_requests"
        # The limit of an address counts every link; that of a link leaves others alone.
        another = await harness.client.get(f"{path[:-1]}t")
        assert another.status_code == (429 if other else 200)
        harness.clock.advance(float(answers[-1].headers["Retry-After"]))
        assert (await harness.client.get(path)).status_code == 200


async def test_a_secret_is_not_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def library(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        assert request.headers["authorization"].startswith("Bearer ")
        await PlainTextResponse("broken", 500)(scope, receive, send)

    caplog.set_level(logging.DEBUG)
    async with open_gateway(tmp_path, library=library) as harness:
        transport = httpx.ASGITransport(harness.gateway.public)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            caplog.clear()
            answer = await client.get(f"/v1/shared/{SECRET}")
        assert answer.status_code == 502
    ours = [r.getMessage() for r in caplog.records if not r.name.startswith(("httpx", "httpcore"))]
    assert ours
    assert not [line for line in ours if SECRET in line]
