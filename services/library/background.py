"""Work that goes on until the service stops."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from contracts.music import Seconds
from kit.clock import Clock
from kit.database.base import DatabaseUnavailable
from kit.database.engine import Database
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


async def lead(
    database: Database,
    name: str,
    signal: str,
    act: Callable[[], Awaitable[bool]],
    *,
    poll: Seconds,
) -> None:
    """Become the one that does some work, and do it, without an end.

    After an unavailable database or a failed statement, try again after `poll`.

    Parameters
    ----------
    name
        The leadership.
    signal
        Notified when there may be work.
    act
        Does a piece of it; returns whether there may be more right now.
    poll
        How often to look without a signal, since that of another process may not arrive.
    """
    while True:
        try:
            await _lead_once(database, name, signal, act, poll=poll)
        except DatabaseUnavailable as error:
            log.warning("%s: background work waits: %s", name, error)
        except SQLAlchemyError:
            log.exception("%s: background work failed and is tried again", name)
        await asyncio.sleep(poll)


async def _lead_once(
    database: Database,
    name: str,
    signal: str,
    act: Callable[[], Awaitable[bool]],
    *,
    poll: Seconds,
) -> None:
    wake = database.listen(signal)
    async with database.leadership(name) as leadership:
        while True:
            await leadership.confirm()
            wake.clear()  # Before looking, so that what comes meanwhile is seen.
            if await act():
                continue
            await _woken(wake, poll)


async def follow(
    database: Database,
    name: str,
    signal: str,
    act: Callable[[], Awaitable[bool]],
    *,
    poll: Seconds,
) -> None:
    """Do some work that several may do at once, without an end; the parameters are those of `lead`.

    After an unavailable database or a failed statement, try again at the next signal or after
    `poll`.
    """
    wake = database.listen(signal)
    while True:
        wake.clear()  # Before looking, so that what comes meanwhile is seen.
        try:
            if await act():
                continue
        except (DatabaseUnavailable, SQLAlchemyError) as error:
            log.warning("%s: background work waits: %s", name, error)
        await _woken(wake, poll)


async def _woken(wake: asyncio.Event, poll: Seconds) -> None:
    """Wait for a signal, at most `poll`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(poll):
            await wake.wait()


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
