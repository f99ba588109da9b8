"""Read files from the internet without reaching anything but the internet (S19).

Redirects are followed here, and the address of each is checked again. Proxies of the environment
are not used.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpcore
import httpx

from contracts.music import Seconds
from kit.http.internet import (
    CONNECT_TIMEOUT,
    PORTS,
    InternetError,
    InternetPool,
    web_address,
)

READ_TIMEOUT: Seconds = 30.0
"""Time in which at least one byte must arrive."""
MAX_REDIRECTS = 3
MAX_CONNECTIONS = 16
_CHUNK = 1 << 20
_REDIRECTS = (301, 302, 303, 307, 308)


class WebError(Exception):
    """A file could not be read; the message says why, for a person."""

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing
        """Whether another try may succeed."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that was read from the internet."""

    size: int
    sha256: str


class Web:
    """Reads from the internet.

    Parameters
    ----------
    files
        Runs writes to files and digests.
    any_address
        Accept http, every port, and addresses of private networks; for servers on the same
        machine.
    """

    def __init__(self, files: Executor, *, any_address: bool = False) -> None:
        self._files = files
        self._any_address = any_address
        self._pool = InternetPool(
            any_address=any_address, max_connections=MAX_CONNECTIONS, keepalive=0.0
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    def check(self, url: str) -> httpx.URL:
        """Return an address that may be read. Raises `WebError`."""
        try:
            return web_address(url, any_address=self._any_address)
        except InternetError as error:
            raise WebError(str(error)) from None

    async def read(
        self,
        url: str,
        *,
        limit: int,
        timeout: Seconds,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Return a document of at most `limit` bytes. Raises `WebError`."""
        body = bytearray()
        async with self._open(url, headers or {}, limit=limit, timeout=timeout) as chunks:
            async for chunk in chunks:
                body += chunk
        return bytes(body)

    async def download(
        self,
        url: str,
        path: Path,
        *,
        limit: int,
        timeout: Seconds,
        headers: Mapping[str, str] | None = None,
    ) -> Downloaded:
        """Write a file of at most `limit` bytes to a path. Raises `WebError`."""
        loop = asyncio.get_running_loop()
        writer = _Writer(await loop.run_in_executor(self._files, path.open, "wb"))
        pending = bytearray()
        try:
            async with self._open(url, headers or {}, limit=limit, timeout=timeout) as chunks:
                async for chunk in chunks:
                    pending += chunk
                    if len(pending) >= _CHUNK:
                        await loop.run_in_executor(self._files, writer.write, bytes(pending))
                        pending.clear()
                await loop.run_in_executor(self._files, writer.write, bytes(pending))
        finally:
            await loop.run_in_executor(self._files, writer.file.close)
        return Downloaded(size=writer.size, sha256=writer.digest.hexdigest())

    @asynccontextmanager
    async def _open(
        self, url: str, headers: Mapping[str, str], *, limit: int, timeout: Seconds
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Give the body of a successful response, following redirects."""
        try:
            async with asyncio.timeout(timeout):
                for _ in range(MAX_REDIRECTS + 1):
                    target = self.check(url)
                    async with self._get(target, headers) as response:
                        if response.status not in _REDIRECTS:
                            _accept(response, limit)
                            yield _limited(response, limit)
                            return
                        following = target.join(_header(response, b"location"))
                    if _origin(following) != _origin(target):
                        # An API key is for the server that it was meant for.
                        headers = {}
                    url = str(following)
            raise WebError(f"The address redirects more than {MAX_REDIRECTS} times.")
        except TimeoutError:
            raise WebError(f"The file was not read within {timeout:g} s.", passing=True) from None
        except InternetError as error:
            raise WebError(str(error), passing=error.passing) from None
        except httpx.InvalidURL:
            raise WebError("The address redirects to something that is no address.") from None
        except (
            *(httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError),
            OSError,
        ) as error:
            text = "The server could not be reached, or broke off."
            raise WebError(text, passing=True) from error

    @asynccontextmanager
    async def _get(
        self, url: httpx.URL, headers: Mapping[str, str]
    ) -> AsyncIterator[httpcore.Response]:
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        # Compressed bodies are refused, because their size is not known before they are read.
        fixed = {"Host": url.netloc.decode(), "Accept-Encoding": "identity"}
        timeouts = {"connect": CONNECT_TIMEOUT, "read": READ_TIMEOUT, "write": READ_TIMEOUT}
        async with self._pool.open().stream(
            "GET",
            target,
            headers=[("User-Agent", "Cratedig"), *headers.items(), *fixed.items()],
            extensions={"timeout": {**timeouts, "pool": READ_TIMEOUT}},
        ) as response:
            yield response


class _Writer:
    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self.file.write(data)
        self.digest.update(data)
        self.size += len(data)


def _accept(response: httpcore.Response, limit: int) -> None:
    """Refuse a response that is no file, or too large."""
    status = response.status
    if status != 200:
        passing = status == 429 or status >= 500
        raise WebError(f"The server answered with HTTP status {status}.", passing=passing)
    if _header(response, b"content-encoding").lower() not in ("", "identity"):
        raise WebError("The server sends a compressed body although none was asked for.")
    length = _header(response, b"content-length")
    if length.isdecimal() and int(length) > limit:
        raise WebError(f"The file has {length} bytes; at most {limit} are imported.")


async def _limited(response: httpcore.Response, limit: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in response.aiter_stream():
        size += len(chunk)
        if size > limit:
            raise WebError(f"The file has more than {limit} bytes, which is the maximum.")
        yield chunk


def _header(response: httpcore.Response, name: bytes) -> str:
    for key, value in response.headers:
        if key.lower() == name:
            return value.decode("latin-1").strip()
    return ""


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or PORTS.get(url.scheme)
