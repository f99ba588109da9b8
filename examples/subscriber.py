"""Print every change of the library: a subscriber of `library.events` on Kafka.

    python -m examples.subscriber localhost:9092 my-group

A subscriber needs nothing of Cratedig: events are CloudEvents 1.0 in Kafka's binary mode.
"""

import asyncio
import json
import sys

from aiokafka import AIOKafkaConsumer


async def follow(servers: str, group: str) -> None:
    """Print type, subject and data of each event. A restart goes on where this group stopped."""
    consumer = AIOKafkaConsumer(
        "library.events",
        bootstrap_servers=servers,
        group_id=group,
        auto_offset_reset="earliest",
    )
    async with consumer:
        async for record in consumer:
            headers = {name: value.decode() for name, value in record.headers}
            event = json.loads(record.value)
            print(headers["ce_type"], headers["ce_subject"], json.dumps(event), flush=True)


if __name__ == "__main__":
    asyncio.run(follow(*sys.argv[1:]))
