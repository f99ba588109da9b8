"""Each test of the port runs on each implementation."""

from collections.abc import AsyncIterator

import pytest

from contracts.topics import DEAD_LETTERS, Topic
from tests.ports.bus.harness import Harness, KafkaHarness, MemoryHarness, fresh_topic
from tests.support.servers import server_setting


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.cluster)])
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    """A started bus."""
    if request.param == "memory":
        memory = MemoryHarness()
        await memory.bus.start()
        yield memory
        await memory.bus.close()
        return
    servers = server_setting("KIT_BUS_URL").removeprefix("kafka://")
    kafka = KafkaHarness(servers)
    await kafka.bus.start()
    yield kafka
    for bus in (*kafka.others, kafka.bus):
        await bus.close()


@pytest.fixture
async def topic(harness: Harness) -> Topic:
    """A topic of the test's own."""
    new = fresh_topic()
    await harness.bus.ensure([new, DEAD_LETTERS])
    return new
