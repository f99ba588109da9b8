"""Read files from the internet without reaching anything but the internet (S19).

The address that is connected to is checked, after the name was resolved, so a name cannot be
resolved to one address for the check and to another for the connection. Redirects are followed here
and each is checked again. Proxies of the environment are not used.
"""

import asyncio
import hashlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpcore
import httpx

from contracts.music import Seconds

CONNECT_TIMEOUT: Seconds = 10.0
READ_TIMEOUT: Seconds = 30.0
"""Time in which at least one byte must arrive."""
MAX_REDIRECTS = 3
MAX_CONNECTIONS = 16
_CHUNK = 1 << 20
_PORTS = {"https": 443, "http": 80}
_REDIRECTS = (301, 302, 303, 307, 308)
_INSIDE = tuple(
    map(
        ipaddress.ip_network,
        (
            *("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4"),
            # Addresses that hold IPv4 addresses: NAT64, 6to4, Teredo, ISATAP's relatives, mapped.
            *("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/23", "::ffff:0:0/96"),
            *("::/96", "fc00::/7", "fe80::/10", "fec0::/10"),
        ),
    )
)
_OPTIONS = Iterable[
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
]


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
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=0,
            network_backend=_CheckedNetwork(any_address=any_address),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()

    def check(self, url: str) -> httpx.URL:
        """Return an address that may be read. Raises `WebError`."""
        try:
            parsed = httpx.URL(url)
            port = parsed.port or _PORTS.get(parsed.scheme)
        except (httpx.InvalidURL, ValueError):
            raise WebError(
                "This is no web address; one looks like https://example.org/a.wav."
            ) from None
        if parsed.scheme not in _PORTS or not parsed.host:
            raise WebError("Only web addresses can be imported; they begin with https://.")
        if parsed.userinfo:
            raise WebError("The address holds a user name; leave that out.")
        if not self._any_address:
            if parsed.scheme != "https":
                raise WebError("Only addresses that begin with https:// are imported.")
            if port not in _PORTS.values():
                raise WebError(f"Port {port} is not allowed; only the ports 443 and 80 are.")
        return parsed

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
        async with self._pool.stream(
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


class _CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to addresses on the internet only."""

    def __init__(self, *, any_address: bool) -> None:
        self._any_address = any_address
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: _OPTIONS | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve a name once and connect to the first of its addresses that answers."""
        addresses = await self._resolve(host, port)
        error: httpcore.NetworkError | httpcore.TimeoutException | None = None
        for address in addresses[:3]:
            try:
                return await self._network.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.NetworkError, httpcore.TimeoutException) as failed:
                error = failed
        raise error or httpcore.ConnectError("the name has no address")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def _resolve(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, TimeoutError):
            raise WebError("The name of the server could not be resolved.", passing=True) from None
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in answers))
        allowed = [each for each in addresses if self._any_address or is_public(each)]
        if not allowed:
            raise WebError("The address is not one of the internet; only those are imported.")
        return allowed


def is_public(address: str) -> bool:
    """Return whether an IP address is a unicast address of the internet."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    inside = any(parsed in network for network in _INSIDE if network.version == parsed.version)
    return parsed.is_global and not parsed.is_multicast and not inside


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
    return url.scheme, url.host, url.port or _PORTS.get(url.scheme)
