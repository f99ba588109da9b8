"""S10: administrators' routes: who may use them, what they change, and what the log keeps of it."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import func, select

from contracts.admin import AuditAction
from gateway import sign_in
from gateway.sign_in import OWNER_EMAIL
from gateway.tables import AuditRow
from tests.gateway.gateway_harness import (
    PASSWORD,
    GatewayHarness,
    User,
    listening,
    open_gateway,
)
from tests.gateway.test_sign_in import code_for, database_of

LISTS = ("workers", "queues", "dead-letters", "storage", "models", "accounts", "audit")
NEW_PASSWORD = "another sentence"


async def get(harness: GatewayHarness, user: User, path: str, **params: str) -> Any:
    answer = await harness.client.get(f"/v1/admin/{path}", headers=user.head, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def change(
    harness: GatewayHarness, user: User, account: str, **fields: object
) -> httpx.Response:
    path = f"/v1/admin/accounts/{account}"
    return await harness.client.patch(path, json=fields, headers=user.head)


async def log_in(harness: GatewayHarness, user: User, password: str = PASSWORD) -> int:
    body = {"email": user.email, "password": password}
    return (await harness.client.post("/v1/sessions", json=body)).status_code


async def link_for(harness: GatewayHarness, admin: User, account: str) -> str:
    """Return the code in a new one-time link for an account."""
    path = f"/v1/admin/accounts/{account}/one-time-link"
    answer = await harness.client.post(path, headers=admin.head)
    assert answer.status_code == 201, answer.text
    (code,) = parse_qs(urlsplit(answer.json()["link"]).query)["signin"]
    return code


async def key_of(harness: GatewayHarness, user: User) -> dict[str, str]:
    body = {"name": "k", "scopes": ["catalogue:read", "catalogue:write", "jobs:write"]}
    created = await harness.client.post("/v1/keys", json=body, headers=user.head)
    return {"Authorization": f"Bearer {created.json()['key']}"}


async def actions(harness: GatewayHarness, admin: User, **params: str) -> list[str]:
    return [entry["action"] for entry in (await get(harness, admin, "audit", **params))["items"]]


async def test_only_sessions_of_administrators_see_anything(harness: GatewayHarness) -> None:
    admin, other = await harness.sign_up(), await harness.sign_up()
    heads = (other.head, await key_of(harness, other), await key_of(harness, admin))
    requests = [("GET", name) for name in LISTS] + [
        ("GET", f"accounts/{other.id}"),
        ("PATCH", f"accounts/{other.id}"),
        ("POST", f"accounts/{other.id}/one-time-link"),
        ("POST", "dead-letters/0-0/replay"),
    ]
    for method, path in requests:
        for head in heads:
            body = {"admin": True} if method == "PATCH" else None
            answer = await harness.client.request(
                method, f"/v1/admin/{path}", json=body, headers=head
            )
            assert answer.status_code == 403, (method, path, answer.text)
    for name in LISTS:
        await get(harness, admin, name)
    refused = await harness.client.post(
        "/v1/keys", json={"name": "k", "scopes": ["admin"]}, headers=admin.head
    )
    assert refused.status_code == 422


async def test_a_disabled_account_loses_sessions_keys_and_streams_at_once(
    harness: GatewayHarness,
) -> None:
    admin, ada = await harness.sign_up(), await harness.sign_up()
    key = await key_of(harness, ada)
    code = await code_for(harness, ada.email)
    async with listening(harness, ada) as stream, listening(harness, headers=key) as of_key:
        answer = await change(harness, admin, ada.id, disabled=True)
        assert answer.json()["disabled_at"] is not None
        assert answer.json()["keys"] == 0
        for listener in (stream, of_key):
            (last,) = await listener.rest() or [listener.status, listener.body]
            assert (last.type, last.data) == ("close", {"reason": "session_ended"})
    for head in (ada.head, key):
        assert (await harness.client.get("/v1/items", headers=head)).status_code == 401
    body = {"refresh_token": ada.refresh}
    assert (await harness.client.post("/v1/sessions/refresh", json=body)).status_code == 401
    assert (await harness.client.post("/v1/sessions/one-time", json={"code": code})).is_error
    # Whoever does not know the password does not learn that the account is disabled.
    assert await log_in(harness, ada, "a wrong password") == 401
    refused = await harness.client.post(
        "/v1/sessions", json={"email": ada.email, "password": PASSWORD}
    )
    assert refused.status_code == 403
    assert "administrator" in refused.json()["detail"]
    path = f"/v1/admin/accounts/{ada.id}/one-time-link"
    assert (await harness.client.post(path, headers=admin.head)).status_code == 409
    assert (await change(harness, admin, ada.id, disabled=True)).is_success
    assert (await change(harness, admin, ada.id, disabled=False)).json()["disabled_at"] is None
    assert await log_in(harness, ada) == 201
    assert await actions(harness, admin, account=ada.id, action="account.disabled") == [
        "account.disabled"
    ]


async def test_a_one_time_link_lets_a_password_be_set_anew(harness: GatewayHarness) -> None:
    admin, ada = await harness.sign_up(), await harness.sign_up()
    replaced = await link_for(harness, admin, ada.id)
    code = await link_for(harness, admin, ada.id)
    assert await log_in(harness, ada) == 201
    opened = await harness.client.post("/v1/sessions/one-time", json={"code": replaced})
    assert opened.status_code == 401
    harness.clock.advance(23 * 3600)
    opened = await harness.client.post("/v1/sessions/one-time", json={"code": code})
    assert opened.status_code == 201
    head = {"Authorization": f"Bearer {opened.json()['access_token']}"}
    account = (await harness.client.get("/v1/account", headers=head)).json()
    assert (account["id"], account["has_password"]) == (ada.id, False)
    for password in (PASSWORD, ""):
        assert await log_in(harness, ada, password) == 401
    body = {"current": "", "new": NEW_PASSWORD}
    changed = await harness.client.put("/v1/account/password", json=body, headers=head)
    assert changed.status_code == 204
    assert await log_in(harness, ada, NEW_PASSWORD) == 201
    again = await harness.client.post("/v1/sessions/one-time", json={"code": code})
    assert again.status_code == 401


async def test_who_becomes_an_administrator_and_that_one_stays(
    harness: GatewayHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = [await harness.sign_up() for _ in range(3)]
    account = (await harness.client.get("/v1/account", headers=first.head)).json()
    assert account["admin"] is True
    for fields in ({"disabled": True}, {"admin": False}):
        assert (await change(harness, first, first.id, **fields)).status_code == 409
    for fields in ({}, {"admin": None}, {"email": "x@example.org"}, {"quota": -1}):
        assert (await change(harness, first, second.id, **fields)).status_code == 422
    # An administrator makes another one; the next tokens have the scope.
    assert (await change(harness, first, second.id, admin=True)).json()["admin"] is True
    second = await harness.log_in(second.email)
    second.id = (await harness.client.get("/v1/account", headers=second.head)).json()["id"]
    # Of two who end each other's administration, one stays.
    answers = await asyncio.gather(
        change(harness, first, second.id, admin=False),
        change(harness, second, first.id, admin=False),
    )
    assert sorted(answer.status_code for answer in answers) in ([200, 401], [200, 403])
    # Whoever runs the server makes one too.
    async with database_of(harness) as database:
        codes = sign_in.SignInCodes(database, clock=harness.clock)
        assert await codes.make(third.email, administrator=True)
    third = await harness.log_in(third.email)
    listed = (await get(harness, third, "accounts"))["items"]
    assert [row["admin"] for row in listed].count(True) == 2
    granted = await get(harness, third, "audit", action="admin.granted")
    assert [(e["actor"] is None, e["address"] == "") for e in granted["items"]] == [
        (True, True),
        (False, False),
    ]


async def test_the_owner_of_a_machine_is_an_administrator(harness: GatewayHarness) -> None:
    code = await code_for(harness)
    pair = (await harness.client.post("/v1/sessions/one-time", json={"code": code})).json()
    owner = User(OWNER_EMAIL, pair["access_token"], pair["refresh_token"])
    (account,) = (await get(harness, owner, "accounts"))["items"]
    assert (account["email"], account["admin"]) == (OWNER_EMAIL, True)
    assert account["last_sign_in"] is not None


async def test_a_quota_replaces_the_servers_limit(harness: GatewayHarness) -> None:
    admin, ada = await harness.sign_up(), await harness.sign_up()
    default = (await get(harness, admin, f"accounts/{ada.id}"))["limit"]
    changed = (await change(harness, admin, ada.id, quota=10)).json()
    assert (changed["quota"], changed["limit"], changed["stored"]) == (10, 10, 0)
    usage = await harness.client.get("/v1/usage", headers=ada.head)
    assert usage.json()["limit"] == 10
    body = {"name": "song.wav", "size": 11, "sha256": "0" * 64}
    refused = await harness.client.post("/v1/uploads", json=body, headers=ada.head)
    assert refused.status_code == 413
    assert (await change(harness, admin, ada.id, quota=None)).json()["limit"] == default
    opened = await harness.client.post("/v1/uploads", json=body, headers=ada.head)
    assert opened.status_code == 201
    by_page = await get(harness, admin, "accounts", limit="1")
    rest = await get(harness, admin, "accounts", limit="1", cursor=by_page["next"])
    assert [by_page["items"][0]["id"], rest["items"][0]["id"]] == [ada.id, admin.id]
    assert by_page["items"][0]["stored"] == 11
    (largest,) = (await get(harness, admin, "storage"))["accounts"]
    assert (largest["account"], largest["uploads"]) == (ada.id, 11)


async def test_the_audit_log_says_who_did_what_from_where(harness: GatewayHarness) -> None:
    admin, ada = await harness.sign_up(), await harness.sign_up()
    item = await harness.upload(ada, b"x" * 3000)
    await log_in(harness, ada, "a wrong password")
    key = (
        await harness.client.post(
            "/v1/keys", json={"name": "k", "scopes": ["jobs:write"]}, headers=ada.head
        )
    ).json()
    await harness.client.delete(f"/v1/keys/{key['id']}", headers=ada.head)
    await harness.client.delete(f"/v1/items/{item}", headers=ada.head)
    code = await link_for(harness, admin, ada.id)
    await change(harness, admin, ada.id, quota=10)
    for _ in range(3):
        await get(harness, admin, "workers")
    log = await get(harness, admin, "audit")
    of_ada = [entry["action"] for entry in log["items"] if entry["account"] == ada.id]
    assert of_ada == [
        "quota.changed",
        "one_time_link.created",
        "item.deleted",
        "key.deleted",
        "key.created",
        "sign_in.failed",
        "sign_in.succeeded",
        "account.created",
    ]
    quota = log["items"][1]
    assert (quota["action"], quota["detail"]) == ("quota.changed", "10")
    assert (quota["actor"], quota["actor_email"]) == (admin.id, admin.email)
    assert (quota["account_email"], quota["address"]) == (ada.email, "127.0.0.1")
    (deleted,) = (await get(harness, admin, "audit", action="item.deleted"))["items"]
    assert (deleted["actor"], deleted["target"]) == (ada.id, item)
    # One entry for all times that a session reads a list.
    reads = (await get(harness, admin, "audit", action="admin.read"))["items"]
    assert sorted(entry["target"] for entry in reads) == ["audit", "workers"]
    text = str(await get(harness, admin, "audit"))
    for secret in (PASSWORD, "a wrong password", key["key"], code, admin.access, admin.refresh):
        assert secret not in text
    paged, cursor = [], ""
    while cursor is not None:
        page = await get(
            harness, admin, "audit", limit="4", **({"cursor": cursor} if cursor else {})
        )
        paged += [entry["id"] for entry in page["items"]]
        cursor = page["next"]
    assert paged == sorted(set(paged), reverse=True)


async def test_the_audit_log_is_bounded_in_days_and_entries(tmp_path: Path) -> None:
    async with open_gateway(tmp_path, settings={"audit_entries": 100, "audit_days": 2}) as harness:
        audit, database = harness.gateway.audit, harness.gateway.audit._database

        async def count() -> dict[str, int]:
            query = select(AuditRow.action, func.count()).group_by(AuditRow.action)
            async with database.session() as session:
                return dict((await session.execute(query)).all())

        await audit.record(AuditAction.SIGN_OUT)
        async with database.transaction() as session:
            session.add_all(audit.entry(AuditAction.SIGN_IN_FAILED) for _ in range(130))
        await audit.sweep()
        assert await count() == {"sign_out": 1, "sign_in.failed": 100}
        harness.clock.advance(3 * 86_400)
        await audit.record(AuditAction.SIGN_OUT)
        await audit.sweep()
        assert await count() == {"sign_out": 1}
