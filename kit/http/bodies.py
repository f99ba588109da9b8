"""Bodies: how much of one is read, how long it may take, and what of JSON is taken (S13).

Nothing of a body is read before somebody asks for it, and every piece is counted as it comes. JSON
is read once, in C, within bounds that keep it to some milliseconds of the event loop.
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
"""Bytes of a body of somebody who is known."""
STRANGERS_BODY = 16 << 10
"""Bytes of a body of somebody who is not: no operation that is open to all needs more."""
MAX_VALUES = 5_000
"""Values in the JSON of somebody who is known; so many faults can be found in it at most."""
STRANGERS_VALUES = 100
"""Values in the JSON of somebody who is not."""
MAX_COMMAS = 10 * MAX_VALUES
"""Commas in JSON, those within texts included: a look that costs nearly nothing, before reading."""
MAX_DEPTH = 32
"""Nesting of a JSON body."""
MAX_INTEGER = 1 << 63
BODY_WITHIN: Seconds = 30.0
"""How long a body may be on its way."""


def bounded(receive: Receive, *, within: Seconds) -> Receive:
    """Return a receive that refuses to give more of a body than `MAX_BODY`, or to wait longer.

    The time counts from the first piece that is asked for. The receive raises `ProblemError`, or
    `ClientDisconnect` where the sender leaves before the body is whole: half of a body is none.
    """
    size = 0
    whole = False
    deadline: float | None = None

    async def counted() -> Message:
        nonlocal size, whole, deadline
        if whole:
            return await receive()
        if deadline is None:
            deadline = asyncio.get_running_loop().time() + within
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise ProblemError(
                ProblemCode.TOO_SLOW,
                f"The body did not come within {within:g} s; send it again.",
            ) from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        size += len(message.get("body", b""))
        if size > MAX_BODY:
            raise too_large(MAX_BODY)
        whole = not message.get("more_body", False)
        return message

    return counted


class BoundedRequest(Request):
    """A request whose body is read within bounds, and whose JSON is checked where it is read.

    Whether a body is JSON is for the framework to decide: whatever it reads as JSON is checked.
    """

    max_bytes = STRANGERS_BODY
    """Bytes of the body."""
    most_values = STRANGERS_VALUES
    """Values in its JSON."""

    async def body(self) -> bytes:
        """Return the body. Raises `ProblemError` where it is too large or too slow."""
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
        """Return the JSON of the body. Raises `ProblemError`."""
        if not hasattr(self, "_json"):
            self._json = read_json(await self.body(), values=self.most_values)
        return self._json


def too_large(most: int) -> ProblemError:
    """Return the refusal of a body of more than so many bytes."""
    if most < MAX_BODY:
        detail = f"A body here has at most {most >> 10} KiB unless the caller has logged in."
    else:
        detail = f"A body has at most {most >> 20} MiB."
    return ProblemError(ProblemCode.TOO_LARGE, detail)


def read_json(body: bytes, *, values: int = MAX_VALUES) -> Any:
    """Return the value of a JSON text, if nothing in it would fail later, deeper and worse.

    Raises
    ------
    ProblemError
        It is no JSON in UTF-8, is nested deeper than `MAX_DEPTH`, holds more than `values` values,
        a number that is none or that no database takes, NUL, or half of a character.
    """
    if body.count(b",") > MAX_COMMAS:
        raise _crowded(values)
    try:
        value = from_json(body, allow_inf_nan=False, cache_strings="none")
    except ValueError as error:
        raise _refused(f"The body cannot be read as JSON in UTF-8: {error}"[:200]) from None
    # Keys are values too: both become errors of their own where they are not expected.
    left = values
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        left -= len(level)
        if left < 0:
            raise _crowded(values)
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                below += one
                below += one.values()
            elif isinstance(one, list):
                below += one
            else:
                _check_plain(one)
        if not below:
            return value
        level = below
    raise _refused(f"The body is nested deeper than {MAX_DEPTH} levels")


def _check_plain(value: Any) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            raise _refused("A text in the body holds NUL; leave it out")
    elif isinstance(value, float):
        if not isfinite(value):
            raise _refused("A number in the body is out of range")
    elif isinstance(value, int) and not -MAX_INTEGER <= value < MAX_INTEGER:
        raise _refused("A number in the body is out of range")


def _crowded(values: int) -> ProblemError:
    return _refused(f"The body holds more than {values} values; send less at once")


def _refused(detail: str) -> ProblemError:
    return ProblemError(ProblemCode.INVALID_REQUEST, f"{detail}.")
