"""Limits on request bodies: size, time, and the shape of JSON (S13).

A body is read only when a route asks for it, and every chunk is counted as it arrives. JSON is
parsed once, in C, within limits that keep it to a few milliseconds of the event loop.
"""

import asyncio
from math import isfinite
from typing import Any

from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from contracts.music import Seconds
from contracts.problems import ProblemCode
from kit.http.errors import ProblemError

MAX_BODY = 1 << 20
"""Maximum bytes of a body from an authenticated caller."""
ANONYMOUS_MAX_BODY = 16 << 10
"""Maximum bytes of a body on routes that need no login."""
MAX_VALUES = 5_000
"""Maximum JSON values in a body from an authenticated caller; it bounds validation errors too."""
ANONYMOUS_MAX_VALUES = 100
"""Maximum JSON values in a body on routes that need no login."""
MAX_COMMAS = 10 * MAX_VALUES
"""Maximum commas in a body, those in strings included: a very cheap check before parsing."""
MAX_DEPTH = 32
"""Maximum nesting of a JSON body."""
MAX_INTEGER = 1 << 63
"""Integers must fit 64 bits with a sign, as databases store them."""
BODY_TIMEOUT: Seconds = 30.0
"""How long receiving a body may take."""


def bounded(receive: Receive, *, within: Seconds) -> Receive:
    """Wrap an ASGI `receive` so that a body is limited to `MAX_BODY` bytes and `within` seconds.

    The time starts with the first call. The wrapped `receive` raises `ProblemError` beyond a limit,
    and `ClientDisconnect` if the client disconnects before the body is complete.
    """
    size = 0
    complete = False
    deadline: float | None = None

    async def counted() -> Message:
        nonlocal size, complete, deadline
        if complete:
            return await receive()
        if deadline is None:
            deadline = asyncio.get_running_loop().time() + within
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise ProblemError(
                ProblemCode.TOO_SLOW,
                f"The body did not arrive within {within:g} s; send it again.",
            ) from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        size += len(message.get("body", b""))
        if size > MAX_BODY:
            raise too_large(MAX_BODY)
        complete = not message.get("more_body", False)
        return message

    return counted


class BoundedRequest(Request):
    """A request that limits the size of its body and checks JSON when it is parsed.

    The framework decides whether a body is JSON; whatever it parses as JSON is checked.
    """

    max_bytes = ANONYMOUS_MAX_BODY
    """Maximum bytes of the body."""
    max_values = ANONYMOUS_MAX_VALUES
    """Maximum values in its JSON."""

    async def body(self) -> bytes:
        """Return the body. Raises `ProblemError` if it is too large or too slow."""
        if not hasattr(self, "_body"):
            declared = self.headers.get("content-length", "0")
            if declared.isdecimal() and int(declared) > self.max_bytes:
                raise too_large(self.max_bytes)
            chunks = bytearray()
            async for chunk in self.stream():
                chunks += chunk
                if len(chunks) > self.max_bytes:
                    raise too_large(self.max_bytes)
            self._body = bytes(chunks)
        return self._body

    async def json(self) -> Any:
        """Return the parsed JSON of the body. Raises `ProblemError`; see `read_json`."""
        if not hasattr(self, "_json"):
            self._json = read_json(await self.body(), values=self.max_values)
        return self._json


def too_large(max_bytes: int) -> ProblemError:
    """Return the error for a body of more than `max_bytes` bytes."""
    if max_bytes < MAX_BODY:
        detail = (
            f"The body is too large: without a login at most {max_bytes >> 10} KiB are allowed."
        )
    else:
        detail = f"The body is too large: at most {max_bytes >> 20} MiB are allowed."
    return ProblemError(ProblemCode.TOO_LARGE, detail)


def read_json(body: bytes, *, values: int = MAX_VALUES) -> Any:
    """Parse JSON, and refuse what would fail later in validation or in a database.

    Raises
    ------
    ProblemError
        The body is not JSON in UTF-8, is nested deeper than `MAX_DEPTH`, has more than `values`
        values, a number that is not finite or exceeds 64 bits, a NUL, or a lone surrogate.
    """
    if body.count(b",") > MAX_COMMAS:
        raise _too_many(values)
    try:
        value = from_json(body, allow_inf_nan=False, cache_strings="none")
    except ValueError as error:
        raise _refused(f"The body cannot be read as JSON in UTF-8: {error}"[:200]) from None
    # Count keys as well: each unknown key would become a validation error of its own.
    left = values
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        left -= len(level)
        if left < 0:
            raise _too_many(values)
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below += item
                below += item.values()
            elif isinstance(item, list):
                below += item
            else:
                _check_plain(item)
        if not below:
            return value
        level = below
    raise _refused(f"The body is nested deeper than {MAX_DEPTH} levels")


def _check_plain(value: Any) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            raise _refused("A string in the body contains NUL; remove it")
    elif isinstance(value, float):
        if not isfinite(value):
            raise _refused("A number in the body is out of range")
    elif isinstance(value, int) and not -MAX_INTEGER <= value < MAX_INTEGER:
        raise _refused("A number in the body is out of range")


def _too_many(values: int) -> ProblemError:
    return _refused(f"The body has more than {values} values; send fewer at once")


def _refused(detail: str) -> ProblemError:
    return ProblemError(ProblemCode.INVALID_REQUEST, f"{detail}.")
