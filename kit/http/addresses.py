"""Addresses of callers: which count as one, and which are known."""

from collections.abc import Collection
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

REMEMBERED = 4_096
"""Addresses that are not read again at each request: the same few callers send most of them."""


@lru_cache(REMEMBERED)
def source_of(address: str) -> str:
    """Return whom an address stands for: itself, or the /64 network that an IPv6 customer has."""
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
    """Return whether an address lies in one of some networks; what is no address does not."""
    if not networks:
        return False
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
