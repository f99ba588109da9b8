"""Deliver one record to a handler with retries; shared by all buses."""

import asyncio
import logging

from opentelemetry.trace import SpanKind

from contracts.music import Seconds
from contracts.topics import Topic
from kit.bus.base import DecodeError, Handler, RetryLater
from kit.bus.codec import decode
from kit.bus.records import Record
from kit.observability.tracing import continue_trace

log = logging.getLogger(__name__)

TRIES = 3
"""Deliveries of an event to its handler before the event becomes a dead letter."""
TRY_LIMIT: Seconds = 75.0
"""Timeout of one try. It is longer than a handler's own timeouts (database connections, locks and
statements, requests to the store), so that these fire first and their errors name the cause."""
PAUSES = (0.1, 0.5)
"""Seconds before the second and the third try."""


async def deliver(
    topic: Topic, record: Record, handler: Handler, *, limit: Seconds = TRY_LIMIT
) -> str:
    """Decode a record and deliver it to a handler, up to `TRIES` times.

    Parameters
    ----------
    limit
        Timeout of one try, in seconds.

    Returns
    -------
    str
        The reason why the record is a dead letter; empty if the handler succeeded.

    Raises
    ------
    RetryLater
        The handler cannot work now, or a try timed out: deliver the record again later.
    """
    try:
        event = decode(topic, record.headers, record.value)
    except DecodeError as error:
        log.error("record on %s cannot be decoded: %s", topic.name, error)
        return f"unreadable: {error}"
    reason = ""
    for number in range(TRIES):
        if number:
            await asyncio.sleep(PAUSES[number - 1])
        try:
            with continue_trace(
                event.traceparent,
                f"process {event.type}",
                kind=SpanKind.CONSUMER,
                attributes={
                    "messaging.destination.name": topic.name,
                    "messaging.message.id": event.id,
                },
            ):
                async with asyncio.timeout(limit):
                    await handler(event)
        except RetryLater:
            raise
        except TimeoutError as error:
            # A timeout is a fault of the environment, not of the record, so retry without limit.
            raise RetryLater(f"{event.type} {event.id} timed out after {limit:g} s") from error
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            log.warning(
                "%s %s: try %d of %d failed",
                event.type,
                event.id,
                number + 1,
                TRIES,
                exc_info=True,
            )
        else:
            return ""
    log.error("%s %s becomes a dead letter: %s", event.type, event.id, reason)
    return f"handler: {reason}"


async def pause(stopping: asyncio.Event, seconds: float) -> None:
    """Sleep for `seconds`, or until `stopping` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return
