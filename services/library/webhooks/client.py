"""Send messages to the addresses of webhooks, and to nothing but the internet (S19).

A redirect is not followed, an answer is read up to 1,024 bytes, and every attempt is limited in
time.
"""

import asyncio
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

import httpcore

from contracts.music import Seconds
from contracts.problems import FieldProblem, ProblemCode
from contracts.webhooks import MAX_ANSWER_BYTES
from kit.http.errors import ProblemError
from kit.http.internet import CONNECT_TIMEOUT, InternetError, InternetPool, web_address

TIMEOUT: Seconds = 15.0
"""Time for an attempt, from the resolution of the name to the end of the answer."""
MAX_CONNECTIONS = 128
KEEPALIVE: Seconds = 20.0
"""How long a connection without a request stays open."""
MEDIA_TYPE = "application/cloudevents+json; charset=utf-8"
_PASSING = {429, 503}
"""Statuses whose `Retry-After` counts."""


class PostFailed(Exception):
    """There was no answer; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """What a server answered."""

    status: int
    text: str
    """The first 1,024 bytes of the body."""
    retry_after: Seconds = 0.0
    """How long not to send anything."""

    @property
    def good(self) -> bool:
        """Whether the message was taken."""
        return 200 <= self.status < 300


class WebhookClient:
    """Sends messages.

    Parameters
    ----------
    any_address
        Accept http, every port, and addresses of private networks; for servers on the same
        machine.
    """

    def __init__(self, *, any_address: bool = False) -> None:
        self._any_address = any_address
        self._pool = InternetPool(
            any_address=any_address, max_connections=MAX_CONNECTIONS, keepalive=KEEPALIVE
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    def check(self, url: str) -> None:
        """Refuse an address that nothing can be sent to. Raises `ProblemError`."""
        try:
            web_address(url, any_address=self._any_address)
        except InternetError as error:
            raise ProblemError(
                ProblemCode.INVALID_REQUEST,
                str(error),
                fields=(FieldProblem(field="body.url", message=str(error)),),
            ) from None

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout: Seconds = TIMEOUT
    ) -> WebhookAnswer:
        """Send a message as JSON, and return what the server answered.

        Raises
        ------
        PostFailed
        """
        try:
            async with asyncio.timeout(timeout):
                return await self._post(url, body, headers)
        except TimeoutError:
            raise PostFailed(f"There was no complete answer within {timeout:g} s.") from None
        except InternetError as error:
            raise PostFailed(str(error)) from None
        except (
            *(httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError),
            OSError,
        ) as error:
            kind = "TLS: " if "SSL" in str(error) or "certificate" in str(error) else ""
            raise PostFailed(
                f"The server could not be reached, or broke off. {kind}{error}".strip()[:300]
            ) from error

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> WebhookAnswer:
        parsed = web_address(url, any_address=self._any_address)
        target = httpcore.URL(
            scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path
        )
        fixed = {
            "Host": parsed.netloc.decode(),
            "User-Agent": "Cratedig-Webhooks",
            "Content-Type": MEDIA_TYPE,
            "Content-Length": str(len(body)),
            # The size of a compressed body is not known before it is read.
            "Accept-Encoding": "identity",
        }
        async with self._pool.open().stream(
            "POST",
            target,
            headers=[*fixed.items(), *headers.items()],
            content=body,
            extensions={"timeout": {"connect": CONNECT_TIMEOUT}},
        ) as response:
            named = {name.lower(): value.decode("latin-1") for name, value in response.headers}
            received = bytearray()
            async for chunk in response.aiter_stream():
                received += chunk
                if len(received) >= MAX_ANSWER_BYTES:
                    break
        wait = named.get(b"retry-after", "")
        passing = response.status in _PASSING and wait.isdecimal() and len(wait) <= 6
        return WebhookAnswer(
            status=response.status,
            text=_printable(bytes(received[:MAX_ANSWER_BYTES])),
            retry_after=float(wait) if passing else 0.0,
        )


def _printable(data: bytes) -> str:
    """Return bytes as text without control characters, which a database does not store."""
    text = data.decode("utf-8", "replace")
    return "".join(
        character if character == "\n" or unicodedata.category(character) != "Cc" else " "
        for character in text
    )
