"""What a route demands of its caller, declared where the route is, and shown in OpenAPI."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from contracts.identity import Principal, Scope
from contracts.problems import ProblemCode
from kit.auth.reader import KeysUnavailable
from kit.auth.tokens import BadToken, Expired
from kit.http.errors import ProblemError
from kit.http.routes import guard
from kit.observability.logging import bind

Authenticate = Callable[[str], Awaitable[Principal]]
"""Turns what a caller bears into who it is; raises what `TokenReader.read` raises."""

bearer = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="An access token of `POST /v1/sessions`, or an API key.",
)


ANYONE: dict[str, object] = {"security": []}
"""`openapi_extra` of an operation that needs no login: every other one names its scope."""


def require(scope: Scope) -> Principal:
    """Return the dependency of a route that only callers with a scope may use.

    The application must have set `app.state.authenticate`. Use it as the default of a parameter:
    `principal: Principal = require(Scope.READ)`.
    """

    @guard
    async def principal(
        request: Request,
        # For OpenAPI: it says how a caller is asked for.
        _: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)] = None,
    ) -> Principal:
        who = await caller(request)
        if scope not in who.scopes:
            raise ProblemError(ProblemCode.FORBIDDEN, f"This needs the scope {scope.value!r}.")
        return who

    return Security(principal, scopes=[scope.value])  # type: ignore[no-any-return]


async def caller(request: Request) -> Principal:
    """Return who calls; asked again of the same request, it is not asked or counted again.

    Raises
    ------
    ProblemError
        Nobody who is known.
    """
    known: Principal | None = getattr(request.state, "caller", None)
    if known is None:
        credentials = await bearer(request)
        if credentials is None:
            raise ProblemError(
                ProblemCode.UNAUTHENTICATED,
                "Log in, or send an API key, as `Authorization: Bearer …`.",
            )
        known = await authenticated(request.app.state.authenticate, credentials.credentials)
        request.state.caller = known
    return known


async def authenticated(authenticate: Authenticate, credential: str) -> Principal:
    """Return who bears a token, or refuse.

    Raises
    ------
    ProblemError
    """
    try:
        who = await authenticate(credential)
    except Expired:
        raise ProblemError(
            ProblemCode.TOKEN_EXPIRED, "The token has ended: refresh it, or log in again."
        ) from None
    except BadToken:
        raise ProblemError(
            ProblemCode.UNAUTHENTICATED, "This token is not accepted: log in again."
        ) from None
    except KeysUnavailable:
        raise ProblemError(
            ProblemCode.UNAVAILABLE, "Tokens cannot be verified now.", retry_after=2
        ) from None
    bind({"owner": who.owner})
    return who


def require_service(secret: SecretStr) -> Callable[[Request], Awaitable[None]]:
    """Return the dependency of a route that only services of this server may use."""
    expected = f"Bearer {secret.get_secret_value()}".encode()

    @guard
    async def check(request: Request) -> None:
        given = request.headers.get("authorization", "").encode()
        if len(expected) < 39 or not hmac.compare_digest(given, expected):
            raise ProblemError(
                ProblemCode.UNAUTHENTICATED, "Only services of this server are answered here."
            )

    return check
