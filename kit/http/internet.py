"""Connect to the internet without reaching anything but the internet (S19).

The address that is connected to is checked, after the name was resolved, so a name cannot be
resolved to one address for the check and to another for the connection.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable

import httpcore
import httpx

from contracts.music import Seconds

CONNECT_TIMEOUT: Seconds = 10.0
PORTS = {"https": 443, "http": 80}
"""The schemes of web addresses, with their ports."""
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


class InternetError(Exception):
    """A server was not connected to; the message says why, for a person."""

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing
        """Whether another try may succeed."""


class InternetNetwork(httpcore.AsyncNetworkBackend):
    """Connects to addresses on the internet only.

    Parameters
    ----------
    any_address
        Connect to addresses of private networks too.
    """

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
            raise InternetError(
                "The name of the server could not be resolved.", passing=True
            ) from None
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in answers))
        allowed = [each for each in addresses if self._any_address or is_public(each)]
        if not allowed:
            raise InternetError("The address is not one of the internet; only those can be used.")
        return allowed


class InternetPool:
    """Connections to the internet, opened at their first use.

    Certificates are checked by the authorities in the file that `SSL_CERT_FILE` names, else by the
    public ones.

    Parameters
    ----------
    any_address
        Connect to addresses of private networks too.
    max_connections
        Most connections at a time.
    keepalive
        How long an idle connection is kept; 0 closes it after its response.
    """

    def __init__(self, *, any_address: bool, max_connections: int, keepalive: Seconds) -> None:
        self._network = InternetNetwork(any_address=any_address)
        self._max_connections = max_connections
        self._keepalive = keepalive
        self._opened: httpcore.AsyncConnectionPool | None = None

    def open(self) -> httpcore.AsyncConnectionPool:
        """Return the pool."""
        if self._opened is None:
            self._opened = httpcore.AsyncConnectionPool(
                # Read once: it takes some 20 ms to read the certificates of all authorities.
                ssl_context=httpx.create_ssl_context(),
                max_connections=self._max_connections,
                max_keepalive_connections=None if self._keepalive else 0,
                keepalive_expiry=self._keepalive,
                network_backend=self._network,
            )
        return self._opened

    async def close(self) -> None:
        """Close all connections."""
        if self._opened is not None:
            await self._opened.aclose()


def web_address(url: str, *, any_address: bool = False) -> httpx.URL:
    """Return a web address that may be connected to.

    Parameters
    ----------
    any_address
        Accept http and every port.

    Raises
    ------
    InternetError
    """
    try:
        parsed = httpx.URL(url)
        port = parsed.port or PORTS.get(parsed.scheme)
    except (httpx.InvalidURL, ValueError):
        raise InternetError(
            "This is no web address; one looks like https://example.org/a.wav."
        ) from None
    if parsed.scheme not in PORTS or not parsed.host:
        raise InternetError("Only web addresses can be used; they begin with https://.")
    if parsed.userinfo:
        raise InternetError("The address holds a user name; leave that out.")
    if not any_address:
        if parsed.scheme != "https":
            raise InternetError("Only addresses that begin with https:// can be used.")
        if port not in PORTS.values():
            raise InternetError(f"Port {port} is not allowed; only the ports 443 and 80 are.")
    return parsed


def is_public(address: str) -> bool:
    """Return whether an IP address is a unicast address of the internet."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    inside = any(parsed in network for network in _INSIDE if network.version == parsed.version)
    return parsed.is_global and not parsed.is_multicast and not inside
