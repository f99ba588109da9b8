"""What a rebalance does to the record that is being handled, on a real broker."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from contracts.topics import DEAD_LETTERS
from kit.bus.base import AnyEvent
from kit.clock import new_id
from tests.ports.bus.harness import KafkaHarness, Seen, eventually, fresh_topic, member, released
from tests.support.servers import server_setting

pytestmark = pytest.mark.cluster


@pytest.fixture
async def kafka() -> AsyncIterator[KafkaHarness]:
    harness = KafkaHarness(server_setting("KIT_BUS_URL").removeprefix("kafka://"))
    await harness.bus.start()
    yield harness
    for bus in (*harness.others, harness.bus):
        await bus.close()


async def test_the_record_in_flight_is_handled_once(
    kafka: KafkaHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="aiokafka.consumer.group_coordinator")
    topic, group = fresh_topic(partitions=4), f"test.{new_id()}"
    await kafka.bus.ensure([topic, DEAD_LETTERS])
    for number in range(40):
        await kafka.bus.publish(topic, released(number), key=f"key {number}")
    begun, gate = asyncio.Event(), asyncio.Event()

    async def wait(event: AnyEvent) -> None:
        begun.set()
        await gate.wait()

    first, second = Seen(wait), Seen()
    async with member(kafka.bus, topic, first, group=group):
        await begun.wait()
        async with member(await kafka.another(), topic, second, group=group):
            # The first member is told by its heartbeat that it must join again; its client says so.
            await eventually(lambda: any(topic.name in message for message in revoked(caplog)))
            gate.set()
            await eventually(lambda: len({*first.numbers, *second.numbers}) == 40)
    assert sorted([*first.numbers, *second.numbers]) == list(range(40))


def revoked(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the client has said of partitions that it takes back."""
    return [
        message for message in caplog.messages if message.startswith("Revoking previously assigned")
    ]
