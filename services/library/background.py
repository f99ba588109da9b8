"""Work that goes on until the service stops."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from kit.clock import Clock
from kit.database.base import DatabaseUnavailable
from kit.objects.base import ObjectError

log = logging.getLogger(__name__)


async def until(stopping: asyncio.Event, *work: Coroutine[Any, Any, None]) -> None:
    """Run endless work until `stopping` is set; an error in any of it is raised at once."""
    tasks = {asyncio.create_task(coroutine) for coroutine in work}
    stop = asyncio.create_task(stopping.wait())
    try:
        done, _ = await asyncio.wait({stop, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stop}:
            task.result()
    finally:
        for task in (stop, *tasks):
            task.cancel()
        await asyncio.wait({stop, *tasks})


async def repeat(act: Callable[[], Awaitable[Any]], *, every: timedelta, clock: Clock) -> None:
    """Do something again and again; an unavailable port or a failed statement skips one turn."""
    while True:
        try:
            await act()
        except (DatabaseUnavailable, ObjectError) as error:
            log.warning("background work waits: %s", error)
        except SQLAlchemyError:
            log.exception("background work failed and is tried again")
        await clock.sleep(every.total_seconds())
