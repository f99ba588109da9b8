"""Group client addresses for limits, and match them against networks."""

from collections.abc import Collection
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

REMEMBERED = 4_096
"""Size of the cache of parsed addresses: few callers send most requests."""


@lru_cache(REMEMBERED)
def source_of(address: str) -> str:
    """Return the key under which limits count an address: itself, or its /64 network for IPv6."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed.packed[:8] + bytes(8), 64)))
    return str(parsed)


def within(address: str, networks: Collection[IPv4Network | IPv6Network]) -> bool:
    """Return whether any network contains an address; False for a text that is not an address."""
    if not networks:
        return False
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
