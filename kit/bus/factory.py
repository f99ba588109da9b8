"""Open a bus by its address."""

from urllib.parse import urlsplit

from kit.bus.base import Bus
from kit.settings import KitSettings


def open_bus(settings: KitSettings) -> Bus:
    """Return the bus at `KIT_BUS_URL`, not yet connected.

    Raises
    ------
    ValueError
        The scheme of the address is unknown.
    """
    address = urlsplit(settings.bus_url)
    if address.scheme == "memory":
        from kit.bus.memory import MemoryBus

        return MemoryBus()
    if address.scheme == "kafka" and address.netloc:
        from kit.bus.kafka.bus import KafkaBus

        return KafkaBus(address.netloc)
    raise ValueError(
        f"KIT_BUS_URL is {settings.bus_url!r}: use memory:// or kafka://host:port[,host:port]"
    )
