"""Work that goes on until the service stops."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def until(stopping: asyncio.Event, *work: Coroutine[Any, Any, None]) -> None:
    """Run endless work until `stopping` is set; an error in any of it is raised at once."""
    tasks = {asyncio.create_task(one) for one in work}
    stop = asyncio.create_task(stopping.wait())
    try:
        done, _ = await asyncio.wait({stop, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stop}:
            task.result()
    finally:
        for task in (stop, *tasks):
            task.cancel()
        await asyncio.wait({stop, *tasks})
