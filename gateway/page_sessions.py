"""Sessions of web pages: the refresh token is in a cookie that scripts cannot read.

A page says that it is one by the header `X-Cratedig-Client: web`. Pages of other origins cannot
send it: a browser asks before it sends a header of this kind, and CORS does not allow it. Nor does
a browser send the cookie with their requests (`SameSite=Strict`).
"""

import logging
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import Header, Request, Response

from contracts.identity import TokenPair
from contracts.problems import ProblemCode
from gateway.sessions import REFRESH_LIFE
from kit.http.errors import ProblemError

log = logging.getLogger(__name__)

COOKIE = "cratedig_refresh"
PATH = "/v1/sessions"
"""The cookie is sent to the routes below this path only."""

ClientHeader = Annotated[
    Literal["web"] | None,
    Header(
        alias="X-Cratedig-Client",
        description="`web` in a page of this server: the refresh token is then in a cookie.",
    ),
]


class PageSessions:
    """Puts refresh tokens into cookies and takes them from there.

    Parameters
    ----------
    public_url
        Address at which browsers reach the server; empty if it is not known.
    """

    def __init__(self, public_url: str) -> None:
        address = urlsplit(public_url)
        self._origin = f"{address.scheme}://{address.netloc}" if address.netloc else ""
        self._secure = address.scheme == "https"

    def check_origin(self, request: Request) -> None:
        """Refuse a request of a page that this server did not serve.

        Without a known address the origin must be the host that the request was sent to, which
        a page cannot choose for a browser.

        Raises
        ------
        ProblemError
        """
        origin = request.headers.get("origin")
        if origin is None:
            return
        if self._origin:
            own = origin == self._origin
        else:
            own = urlsplit(origin).netloc == request.headers.get("host")
        if not own:
            log.warning("security: a page of another origin", extra={"event": "origin.refused"})
            raise ProblemError(
                ProblemCode.FORBIDDEN,
                "This page does not belong to this server. Open the server's own address, or set "
                "GATEWAY_PUBLIC_URL to the address in the browser's address bar.",
            )

    def token(self, request: Request) -> str | None:
        """Return the refresh token of a page's request."""
        return request.cookies.get(COOKIE)

    def hand_out(self, pair: TokenPair, response: Response) -> TokenPair:
        """Move the refresh token of a response into its cookie."""
        response.set_cookie(
            COOKIE,
            pair.refresh_token,
            max_age=int(REFRESH_LIFE.total_seconds()),
            path=PATH,
            secure=self._secure,
            httponly=True,
            samesite="strict",
        )
        return pair.model_copy(update={"refresh_token": ""})

    def clear(self, request: Request, response: Response) -> None:
        """Delete the cookie of the page that logged out."""
        if COOKIE in request.cookies:
            response.delete_cookie(
                COOKIE, path=PATH, secure=self._secure, httponly=True, samesite="strict"
            )
