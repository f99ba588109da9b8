"""S10: a route says its scope, and holds to it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI
from pydantic import SecretStr

from contracts.identity import Principal, Scope
from contracts.ids import OwnerId, UserId
from kit.auth.dependencies import ANYONE, require, require_service
from kit.auth.reader import KeysUnavailable
from kit.auth.tokens import BadToken, Expired
from kit.clock import new_id
from kit.http.app import create_app

SECRET = "s" * 40


async def authenticate(credential: str) -> Principal:
    match credential:
        case "expired":
            raise Expired("it has ended")
        case "away":
            raise KeysUnavailable("no keys")
        case "bad":
            raise BadToken("secret reason")
    scopes = frozenset(Scope(scope) for scope in credential.split(","))
    user = new_id()
    ends = datetime.now(UTC) + timedelta(minutes=1)
    return Principal(
        user=UserId(user), owner=OwnerId(user), scopes=scopes, token=new_id(), expires=ends
    )


@pytest.fixture
def app() -> FastAPI:
    app = create_app("test")
    app.state.authenticate = authenticate

    @app.get("/items/{item}")
    async def items(item: int, who: Annotated[Principal, require(Scope.READ)]) -> str:
        return who.user

    @app.get("/free", openapi_extra=ANYONE)
    async def free() -> str:
        return "free"

    @app.get("/internal", dependencies=[Depends(require_service(SecretStr(SECRET)))])
    async def internal() -> str:
        return "internal"

    @app.get("/unset", dependencies=[Depends(require_service(SecretStr("")))])
    async def unset() -> str:
        return "unset"

    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        yield client


@pytest.mark.parametrize(
    ("bearer", "status", "code"),
    [
        ("", 401, "unauthenticated"),
        ("Bearer", 401, "unauthenticated"),
        ("Basic YTpi", 401, "unauthenticated"),
        ("Bearer bad", 401, "unauthenticated"),
        ("Bearer expired", 401, "token_expired"),
        ("Bearer away", 503, "unavailable"),
        ("Bearer catalogue:write,account", 403, "forbidden"),
    ],
)
async def test_a_refusal_names_the_missing_scope(
    client: httpx.AsyncClient, bearer: str, status: int, code: str
) -> None:
    headers = {"Authorization": bearer} if bearer else {}
    # The path is malformed too: who may not ask does not learn even that.
    answer = await client.get("/items/x", headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["code"] == code
    assert "secret reason" not in answer.text
    assert ("WWW-Authenticate" in answer.headers) is (status == 401)


async def test_a_sufficient_scope_is_accepted(client: httpx.AsyncClient) -> None:
    headers = {"Authorization": "bearer catalogue:read"}
    assert (await client.get("/items/1", headers=headers)).status_code == 200
    assert (await client.get("/items/x", headers=headers)).status_code == 422


def test_the_scope_is_in_the_description(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    assert paths["/items/{item}"]["get"]["security"] == [{"bearer": ["catalogue:read"]}]
    assert paths["/free"]["get"]["security"] == []


async def test_services_are_known_by_their_secret(client: httpx.AsyncClient) -> None:
    for authorization in ("", "Bearer ", "Bearer " + SECRET[:-1], SECRET, "Bearer catalogue:read"):
        answer = await client.get("/internal", headers={"Authorization": authorization})
        assert answer.status_code == 401
    good = {"Authorization": f"Bearer {SECRET}"}
    assert (await client.get("/internal", headers=good)).status_code == 200
    # A server without a secret answers no service, rather than everybody.
    assert (await client.get("/unset", headers={"Authorization": "Bearer "})).status_code == 401
