"""How one record is handed to a handler, the same on every bus."""

import asyncio
import logging

from contracts.music import Seconds
from contracts.topics import Topic
from kit.bus.base import DecodeError, Handler, RetryLater
from kit.bus.codec import Record, decode
from kit.observability.tracing import continue_trace

log = logging.getLogger(__name__)

TRIES = 3
"""Times that a handler is given an event before it goes to the dead letters."""
TRY_LIMIT: Seconds = 75.0
"""How long one try may take: longer than all that a handler waits for, a database's connections,
locks and statements and a store's answer, so that each of these says itself what it waited for."""
PAUSES = (0.1, 0.5)
"""Seconds between the tries."""


async def deliver(
    topic: Topic, record: Record, handler: Handler, *, limit: Seconds = TRY_LIMIT
) -> str:
    """Hand a record to a handler, each try within a limit.

    Returns
    -------
    str
        Why it belongs to the dead letters; empty when it was handled.

    Raises
    ------
    RetryLater
        The handler cannot work at present, or something it needs did not answer in time: the
        record is to be handed over again.
    """
    try:
        event = decode(topic, record.headers, record.value)
    except DecodeError as error:
        log.error("unreadable record on %s: %s", topic.name, error)
        return f"unreadable: {error}"
    reason = ""
    for number in range(TRIES):
        if number:
            await asyncio.sleep(PAUSES[number - 1])
        try:
            continue_trace(event.traceparent)
            async with asyncio.timeout(limit):
                await handler(event)
        except RetryLater:
            raise
        except TimeoutError as error:
            # Slowness says nothing about the record: it is no reason to give the record up.
            raise RetryLater(f"{event.type} {event.id} was not handled in time") from error
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            log.warning(
                "%s %s: try %d of %d failed", event.type, event.id, number + 1, TRIES, exc_info=True
            )
        else:
            return ""
    log.error("%s %s goes to the dead letters: %s", event.type, event.id, reason)
    return f"handler: {reason}"


async def pause(stopping: asyncio.Event, seconds: float) -> None:
    """Wait, but not longer than until `stopping` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return
