"""S28: deleting an account deletes its data, and the library is notified even after a restart."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from tests.gateway.gateway_harness import PASSWORD, GatewayHarness, eventually, open_gateway


async def test_deleting_an_account_deletes_all_of_it(harness: GatewayHarness) -> None:
    ada, bob = await harness.sign_up(), await harness.sign_up()
    item = await harness.upload(ada, b"these are her bytes")
    kept = await harness.upload(bob, b"these are his bytes")
    created = await harness.client.post(
        "/v1/keys", json={"name": "k", "scopes": ["catalogue:read"]}, headers=ada.head
    )
    wrong = {"password": "not this one"}
    refused = await harness.client.request("DELETE", "/v1/account", json=wrong, headers=ada.head)
    assert refused.status_code == 422
    good = {"password": PASSWORD}
    gone = await harness.client.request("DELETE", "/v1/account", json=good, headers=ada.head)
    assert gone.status_code == 204
    for bearer in (ada.access, created.json()["key"]):
        head = {"Authorization": f"Bearer {bearer}"}
        assert (await harness.client.get(f"/v1/items/{item}", headers=head)).status_code == 401
    body = {"email": ada.email, "password": PASSWORD}
    assert (await harness.client.post("/v1/sessions", json=body)).status_code == 401
    # The address is free again, and whoever takes it finds nothing of hers.
    again = await harness.sign_up(ada.email)
    items = await harness.client.get("/v1/items", headers=again.head)
    assert items.json()["items"] == []
    assert (await harness.client.get(f"/v1/items/{kept}", headers=bob.head)).status_code == 200


async def test_a_deletion_is_sent_to_the_library_until_it_accepts(tmp_path: Path) -> None:
    deletions: list[str] = []
    answers = [503, 500, 202]

    async def forget(request: Request) -> Response:
        deletions.append(request.path_params["owner"])
        assert request.headers["authorization"].startswith("Bearer ")
        return Response(status_code=answers[min(len(deletions), len(answers)) - 1])

    internal: ASGIApp = Starlette(
        routes=[Route("/internal/owners/{owner}", forget, methods=["DELETE"])]
    )
    async with open_gateway(
        tmp_path, library=internal, internal=internal, settings={"forget_every": 0.05}
    ) as harness:
        ada = await harness.sign_up()
        await harness.client.request(
            "DELETE", "/v1/account", json={"password": PASSWORD}, headers=ada.head
        )
        await eventually(lambda: len(deletions) >= 3, what="the third try")
        assert set(deletions) == {ada.id}


async def test_a_deletion_survives_a_restart(tmp_path: Path) -> None:
    deletions: list[str] = []

    async def away(request: Request) -> Response:
        return Response(status_code=503)

    async def forget(request: Request) -> Response:
        deletions.append(request.path_params["owner"])
        return Response(status_code=202)

    def library_app(answer: object) -> ASGIApp:
        return Starlette(
            routes=[Route("/internal/owners/{owner}", answer, methods=["DELETE"])]  # type: ignore[arg-type]
        )

    async with open_gateway(
        tmp_path, library=library_app(away), internal=library_app(away)
    ) as harness:
        ada = await harness.sign_up()
        await harness.client.request(
            "DELETE", "/v1/account", json={"password": PASSWORD}, headers=ada.head
        )
    async with open_gateway(
        tmp_path, library=library_app(forget), internal=library_app(forget)
    ) as harness:
        await eventually(lambda: deletions == [ada.id], what="the deletion in the library")
