"""FastAPI dependencies with which routes require a scope or the internal secret."""

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
"""Returns the principal of a token or API key; raises what `TokenReader.read` raises."""

bearer = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="An access token of `POST /v1/sessions`, or an API key.",
)


ANYONE: dict[str, object] = {"security": []}
"""`openapi_extra` of an operation that needs no login; every other operation requires a scope."""


def require(scope: Scope, *, admit: Callable[[Principal], None] | None = None) -> Principal:
    """Return a dependency that requires a scope and yields the caller's principal.

    Use it as the default of a parameter: `principal: Principal = require(Scope.READ)`. The
    application must set `app.state.authenticate`.

    Parameters
    ----------
    admit
        Called with the principal once the scope was checked.
    """

    @guard
    async def principal(
        request: Request,
        # Only for OpenAPI, which documents the security scheme by it.
        _: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)] = None,
    ) -> Principal:
        who = await caller(request)
        if scope not in who.scopes:
            raise ProblemError(ProblemCode.FORBIDDEN, f"This needs the scope {scope.value!r}.")
        if admit is not None:
            admit(who)
        return who

    return Security(principal, scopes=[scope.value])  # type: ignore[no-any-return]


async def caller(request: Request) -> Principal:
    """Authenticate the caller of a request.

    The result is cached in the request, so a second call costs nothing and counts against no limit.

    Raises
    ------
    ProblemError
        The request has no valid credential.
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
    """Return the principal of a credential.

    Raises
    ------
    ProblemError
        The credential is not valid, has expired or cannot be verified now.
    """
    try:
        who = await authenticate(credential)
    except Expired:
        raise ProblemError(
            ProblemCode.TOKEN_EXPIRED, "The token has expired: refresh it, or log in again."
        ) from None
    except BadToken:
        raise ProblemError(ProblemCode.UNAUTHENTICATED, "Invalid token: log in again.") from None
    except KeysUnavailable:
        raise ProblemError(
            ProblemCode.UNAVAILABLE,
            "Tokens cannot be verified now; try again in a moment.",
            retry_after=2,
        ) from None
    bind({"owner": who.owner})
    return who


def require_service(secret: SecretStr) -> Callable[[Request], Awaitable[None]]:
    """Return a dependency that requires `KIT_INTERNAL_SECRET` as a bearer token.

    A secret of fewer than 32 characters is never accepted.
    """
    expected = f"Bearer {secret.get_secret_value()}".encode()

    @guard
    async def check(request: Request) -> None:
        header = request.headers.get("authorization", "").encode()
        if len(expected) < 39 or not hmac.compare_digest(header, expected):
            raise ProblemError(
                ProblemCode.UNAUTHENTICATED, "Only services of this server may call this route."
            )

    return check
