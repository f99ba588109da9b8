"""Start and close aiokafka clients within a time limit, whatever state they are in."""

import asyncio
import contextlib
import logging

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from contracts.music import Seconds

log = logging.getLogger(__name__)


async def start_client(client: AIOKafkaConsumer | AIOKafkaProducer, limit: Seconds) -> None:
    """Connect a client within `limit` seconds. Raises `TimeoutError` or the client's error."""
    # Cancelling `start` at once would leak its socket: let it run on, and cancel it after 3 s.
    starting = asyncio.create_task(client.start())
    try:
        async with asyncio.timeout(limit):
            await asyncio.shield(starting)
    except BaseException:
        await asyncio.wait({starting}, timeout=3)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        raise


async def stop_client(client: AIOKafkaConsumer | AIOKafkaProducer, limit: Seconds) -> None:
    """Close a client within about `limit` seconds; log its errors instead of raising them."""
    # `stop` cancels the client's tasks and awaits them. A task that has never run would raise the
    # cancellation into us, so let all of them start first.
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(limit):
            await client.stop()
    except Exception as error:
        log.info("a Kafka client did not close cleanly: %r", error)
        connections = client.client if isinstance(client, AIOKafkaProducer) else client._client
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2):
                await connections.close()


def milliseconds(seconds: Seconds) -> int:
    """Return whole milliseconds, the unit of the client's settings."""
    return int(seconds * 1000)
