"""Who may open an account, and invitations to do so."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateway.gateway_harness import PASSWORD, GatewayHarness, User, open_gateway

DAY = 86_400.0


async def open_account(harness: GatewayHarness, email: str, **more: str) -> httpx.Response:
    body = {"email": email, "password": PASSWORD} | more
    return await harness.client.post("/v1/accounts", json=body)


async def invite(harness: GatewayHarness, user: User, **fields: Any) -> httpx.Response:
    return await harness.client.post("/v1/invitations", json=fields, headers=user.head)


async def list_invitations(harness: GatewayHarness, user: User) -> list[dict[str, Any]]:
    answer = await harness.client.get("/v1/invitations", headers=user.head)
    assert answer.status_code == 200
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


@pytest.mark.parametrize("mode", ["open", "invitation", "closed"])
async def test_a_fresh_server_accepts_an_administrator_then_follows_its_sign_up_setting(
    tmp_path: Path, mode: str
) -> None:
    async with open_gateway(tmp_path, settings={"signup": mode}) as harness:
        answers = await asyncio.gather(
            *(open_account(harness, f"{n}@example.org") for n in range(4))
        )
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == ([201] * 4 if mode == "open" else [201, 403, 403, 403])
        assert [a.json()["admin"] for a in answers if a.is_success].count(True) == 1
        later = await open_account(harness, "later@example.org")
        assert later.status_code == (201 if mode == "open" else 403)
        if mode != "open":
            assert later.json()["code"] == "forbidden"
            assert "administrator" in later.json()["detail"]
            body = {"email": "later@example.org", "password": PASSWORD}
            assert (await harness.client.post("/v1/sessions", json=body)).status_code == 401


async def test_an_invitation_opens_one_account(tmp_path: Path) -> None:
    async with open_gateway(tmp_path, settings={"signup": "invitation"}) as harness:
        admin = await harness.sign_up()
        created = (await invite(harness, admin, note="Grace")).json()
        assert created["invitation"].startswith("invite_")
        (shown,) = await list_invitations(harness, admin)
        assert shown == {k: v for k, v in created.items() if k != "invitation"}
        secret = created["invitation"]
        answers = await asyncio.gather(
            *(open_account(harness, f"{n}@example.org", invitation=secret) for n in range(4))
        )
        assert sorted(answer.status_code for answer in answers) == [201, 403, 403, 403]
        assert [a.json()["admin"] for a in answers if a.is_success] == [False]
        assert (await list_invitations(harness, admin))[0]["used"] is not None
        stored = b"".join(path.read_bytes() for path in harness.folder.glob("gateway.db*"))
        assert b"Grace" in stored
        assert secret.encode() not in stored


async def test_an_invitation_can_be_revoked_and_ends(tmp_path: Path) -> None:
    async with open_gateway(tmp_path, settings={"signup": "invitation"}) as harness:
        admin = await harness.sign_up()
        revoked, late = (await invite(harness, admin)).json(), (await invite(harness, admin)).json()
        path = f"/v1/invitations/{revoked['id']}"
        assert (await harness.client.delete(path, headers=admin.head)).status_code == 204
        assert (await harness.client.delete(path, headers=admin.head)).status_code == 404
        answer = await open_account(harness, "a@example.org", invitation=revoked["invitation"])
        assert answer.status_code == 403
        assert answer.json()["fields"][0]["field"] == "body.invitation"
        harness.clock.advance(7 * DAY)
        answer = await open_account(harness, "a@example.org", invitation=late["invitation"])
        assert answer.status_code == 403
        again = await harness.log_in(admin.email)
        fresh = (await invite(harness, again, days=1)).json()
        answer = await open_account(harness, "a@example.org", invitation=fresh["invitation"])
        assert answer.status_code == 201


async def test_a_sign_up_that_opens_nothing_leaves_its_invitation(tmp_path: Path) -> None:
    async with open_gateway(tmp_path, settings={"signup": "invitation"}) as harness:
        admin = await harness.sign_up()
        secret = (await invite(harness, admin)).json()["invitation"]
        assert (await open_account(harness, admin.email, invitation=secret)).status_code == 201
        assert (await list_invitations(harness, admin))[0]["used"] is None
        answer = await open_account(harness, "new@example.org", invitation=secret)
        assert answer.status_code == 201


async def test_only_administrators_invite(harness: GatewayHarness) -> None:
    admin, other = await harness.sign_up(), await harness.sign_up()
    created = (await invite(harness, admin)).json()
    for method, path in (
        ("GET", "/v1/invitations"),
        ("POST", "/v1/invitations"),
        ("DELETE", f"/v1/invitations/{created['id']}"),
    ):
        answer = await harness.client.request(method, path, json={}, headers=other.head)
        assert answer.status_code == 403, (method, path)
    for wrong in ({"days": 0}, {"days": 91}, {"note": "x" * 201}, {"admin": True}):
        assert (await invite(harness, admin, **wrong)).status_code == 422


async def test_a_closed_server_makes_no_invitation_and_says_what_to_set(tmp_path: Path) -> None:
    async with open_gateway(tmp_path, settings={"signup": "invitation"}) as harness:
        admin = await harness.sign_up()
        secret = (await invite(harness, admin)).json()["invitation"]
    async with open_gateway(tmp_path, settings={"signup": "closed"}) as harness:
        admin = await harness.log_in(admin.email)
        refused = await invite(harness, admin)
        assert refused.status_code == 409
        assert "GATEWAY_SIGNUP=invitation" in refused.json()["detail"]
        answer = await open_account(harness, "a@example.org", invitation=secret)
        assert answer.status_code == 403


async def test_guesses_at_invitations_count_as_sign_ups(tmp_path: Path) -> None:
    settings = {"signup": "invitation", "accounts_per_hour": 4}
    async with open_gateway(tmp_path, settings=settings) as harness:
        await harness.sign_up()
        harness.clock.hold()
        answers = [
            await open_account(harness, "a@example.org", invitation=f"invite_{n}") for n in range(4)
        ]
        assert [answer.status_code for answer in answers] == [403, 403, 403, 429]
