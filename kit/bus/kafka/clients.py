"""Kafka's clients, started and closed within a time, whatever state they are in."""

import asyncio
import contextlib
import logging

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from contracts.music import Seconds

log = logging.getLogger(__name__)


async def start_client(client: AIOKafkaConsumer | AIOKafkaProducer, limit: Seconds) -> None:
    """Connect a client; one that is given up is let come to an end, as it would leave a socket."""
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
    """Close a client, whatever state it is in."""
    # Closing cancels the client's own tasks; one that never ran would cancel us with it.
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(limit):
            await client.stop()
    except Exception as error:
        log.info("a Kafka client did not close in good order: %r", error)
        connections = client.client if isinstance(client, AIOKafkaProducer) else client._client
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2):
                await connections.close()


def milliseconds(seconds: Seconds) -> int:
    """Return seconds as the client takes them."""
    return int(seconds * 1000)
