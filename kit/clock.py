"""The clock and identifiers; a clock is passed as an argument so that tests can control it."""

import asyncio
import os
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Source of the current time and of pauses."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start that never decrease."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Sleep for `seconds`."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start that never decrease."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep for `seconds`."""
        await asyncio.sleep(seconds)


def new_id() -> str:
    """Return a new UUID of version 7 (RFC 9562); the ids of one process sort by time of creation.

    The 12 bits after the milliseconds are a finer clock (section 6.2, method 3) with steps of a
    quarter of a microsecond, in which one process cannot create two ids.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    value = (milliseconds & ((1 << 48) - 1)) << 80 | int.from_bytes(os.urandom(8)) >> 2
    value |= 0x7 << 76 | (rest * 4096 // 1_000_000) << 64 | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
