"""Open a bus by its address."""

from urllib.parse import urlsplit

from kit.bus.base import Bus
from kit.settings import KitSettings


def open_bus(settings: KitSettings) -> Bus:
    """Return the bus at `KIT_BUS_URL`, not yet connected.

    Raises
    ------
    ValueError
        The scheme of the address is unknown, or the address holds a password.
    """
    address = urlsplit(settings.bus_url)
    if address.username or address.password:
        raise ValueError("KIT_BUS_URL holds a password: set KIT_BUS_USER and KIT_BUS_PASSWORD")
    if address.scheme == "memory":
        from kit.bus.memory import MemoryBus

        return MemoryBus()
    if address.scheme in ("kafka", "kafka+tls") and address.netloc:
        from kit.bus.kafka.bus import KafkaBus
        from kit.bus.kafka.security import KafkaSecurity

        security = KafkaSecurity(
            tls=address.scheme == "kafka+tls",
            ca=settings.bus_ca,
            user=settings.bus_user,
            password=settings.bus_password.get_secret_value(),
        )
        return KafkaBus(address.netloc, security=security)
    raise ValueError(
        f"KIT_BUS_URL is {settings.bus_url!r}: use memory://, kafka://host:port[,host:port] "
        "or kafka+tls://host:port[,host:port]"
    )
