"""`/sign-in`: sign in with OpenID Connect providers; and log out of them."""

from typing import Annotated
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import RedirectResponse

from contracts.identity import (
    DeviceAuthorization,
    DeviceCode,
    DeviceSession,
    LoggedOut,
    SignInOptions,
)
from gateway.accounts import Accounts
from gateway.oidc.identities import Refused
from gateway.oidc.sign_in import LIFE, ProviderSignIn
from gateway.page_sessions import PageSessions
from gateway.routes.accounts import AddressOf, Holder
from kit.auth.dependencies import ANYONE
from kit.http.routes import GuardedRoute

COOKIE = "cratedig_sign_in"
PATH = "/v1/sign-in"
"""The cookie is sent to the routes below this path only."""
Text = Annotated[str, Query(max_length=4_000)]
_NEVER_STORED = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def sign_in_routes(
    sign_in: ProviderSignIn, accounts: Accounts, pages: PageSessions, address_of: AddressOf
) -> APIRouter:
    """Return the routes; two of them are for browsers to navigate to, and no part of the API."""
    router = APIRouter(route_class=GuardedRoute, tags=["sign-in"])
    secure = urlsplit(sign_in.public_url).scheme == "https"

    def back_to_page(path: str, query: dict[str, str]) -> Response:
        """Redirect to a checked path of this server, with the outcome in its query."""
        path, _, rest = path.partition("#")[0].partition("?")
        url = f"{sign_in.public_url}{path}?{rest}{'&' if rest else ''}{urlencode(query)}"
        return RedirectResponse(url, status_code=303, headers=_NEVER_STORED)

    @router.get("/sign-in", openapi_extra=ANYONE)
    async def show_options() -> SignInOptions:
        """Return how people can sign in to this server: passwords, and OpenID Connect providers."""
        return sign_in.options()

    @router.get("/sign-in/{provider}", include_in_schema=False)
    async def start(provider: str, request: Request, return_to: Text = "/") -> Response:
        """Send a browser to a provider."""
        try:
            started = await sign_in.start(
                provider,
                return_to=return_to,
                browser=request.cookies.get(COOKIE),
                address=address_of(request),
            )
        except Refused as refused:
            return back_to_page(return_to, {"sign_in_error": refused.refusal.value})
        response = RedirectResponse(started.url, status_code=303, headers=_NEVER_STORED)
        # `Lax`, because the browser comes back from the provider's site.
        response.set_cookie(
            COOKIE,
            started.browser,
            max_age=int(LIFE.total_seconds()),
            path=PATH,
            secure=secure,
            httponly=True,
            samesite="lax",
        )
        return response

    @router.get("/sign-in/{provider}/callback", include_in_schema=False)
    async def finish(
        provider: str,
        request: Request,
        state: Text = "",
        code: Text | None = None,
        iss: Text | None = None,
    ) -> Response:
        """Take a browser's answer of a provider, and send it back to where it came from."""
        finished = await sign_in.finish(
            provider,
            state=state,
            code=code,
            issuer=iss,
            browser=request.cookies.get(COOKIE),
            address=address_of(request),
        )
        query = {"signed_in": "1"}
        if finished.refusal is not None:
            query = {"sign_in_error": finished.refusal.value}
        response = back_to_page(finished.return_to, query)
        if finished.tokens is not None:
            pages.hand_out(finished.tokens, response)
        return response

    @router.post("/sign-in/{provider}/device", status_code=201, openapi_extra=ANYONE)
    async def start_device(provider: str, request: Request) -> DeviceAuthorization:
        """Begin to sign in with a device code, for programs without a browser (RFC 8628).

        Show the user `user_code` and `verification_uri`, then ask for the session every `interval`
        seconds.
        """
        return await sign_in.start_device(provider, address=address_of(request))

    @router.post("/sign-in/{provider}/device/session", openapi_extra=ANYONE)
    async def poll_device(provider: str, body: DeviceCode, request: Request) -> DeviceSession:
        """Return the session of a device code once the user has signed in."""
        return await sign_in.poll_device(provider, body.device_code, address=address_of(request))

    @router.post("/sessions/logout")
    async def log_out(principal: Holder, request: Request, response: Response) -> LoggedOut:
        """Log out everywhere, and return the address at which the provider's own session ends."""
        url = await sign_in.logout_url(principal)
        await accounts.log_out(principal)
        pages.clear(request, response)
        return LoggedOut(url=url)

    return router
