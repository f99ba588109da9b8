"""Kafka goes away and comes back: nothing acknowledged is lost, nobody has to be restarted."""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL
from contextlib import aclosing

import pytest

from contracts.topics import Topic
from kit.bus.base import BusError
from tests.ports.bus.harness import (
    SHORT_LIVED,
    Harness,
    KafkaHarness,
    Seen,
    eventually,
    member,
    released,
)
from tests.support.servers import server_setting

pytestmark = pytest.mark.cluster


@pytest.fixture
async def harness() -> KafkaHarness:
    """Only Kafka has outages; the servers must be this checkout's own to be killed."""
    from deploy.servers import fleet

    setting = server_setting("KIT_BUS_URL")
    if fleet.environment()["KIT_BUS_URL"] != setting:
        pytest.fail("KIT_BUS_URL is not the Kafka of this checkout, which this test would kill")
    kafka = KafkaHarness(setting.removeprefix("kafka://"), times=SHORT_LIVED)
    await kafka.bus.start()
    return kafka


async def servers(*arguments: str) -> None:
    """Do something to the servers of this checkout."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.servers", *arguments),
        stdout=DEVNULL,
        stderr=DEVNULL,
        env=os.environ,
    )
    assert await process.wait() == 0


async def test_a_killed_broker_costs_no_acknowledged_event(harness: Harness, topic: Topic) -> None:
    acknowledged: list[int] = []
    seen = Seen()
    tailed: list[int] = []
    publishing = True

    async def publish() -> None:
        number = 0
        while publishing:
            event = released(number)
            while publishing:
                with contextlib.suppress(BusError):
                    await harness.bus.publish(topic, event, key="same")
                    acknowledged.append(number)
                    break
            number += 1
            await asyncio.sleep(0.005)

    async def read() -> None:
        async with aclosing(harness.bus.tail(topic)) as events:  # type: ignore[type-var]
            async for event in events:
                tailed.append(event.data.epoch if event else -1)

    async with member(harness.bus, topic, seen):
        tasks = [asyncio.create_task(publish()), asyncio.create_task(read())]
        try:
            for _ in range(2):
                count, received = len(seen.events), len(tailed)
                await eventually(lambda c=count: len(seen.events) > c + 50)  # type: ignore[misc]
                await eventually(lambda h=received: len(tailed) > h + 50)  # type: ignore[misc]
                await servers("kill", "kafka")
                await servers("start", "kafka")
            count = len(acknowledged)
            await eventually(lambda: len(acknowledged) > count + 50)
            publishing = False
            await tasks[0]
            last = acknowledged[-1]
            await eventually(lambda: last in seen.numbers and last in tailed)
        finally:
            publishing = False
            tasks[1].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await harness.bus.close()
    assert set(acknowledged) <= set(seen.numbers)
    assert set(range(tailed[0], last + 1)) & set(acknowledged) <= set(tailed)
    firsts = list(dict.fromkeys(seen.numbers))
    assert firsts == sorted(firsts)
