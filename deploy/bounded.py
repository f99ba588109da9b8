"""Do something with each of many things, a bounded number at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

AT_ONCE = 8

Source = TypeVar("Source")


async def for_each(sources: Iterable[Source], act: Callable[[Source], Awaitable[None]]) -> None:
    """Do something with each, at most `AT_ONCE` at a time; the first error ends it."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def take(source: Source) -> None:
        async with turns:
            await act(source)

    try:
        async with asyncio.TaskGroup() as group:
            for source in sources:
                group.create_task(take(source))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
