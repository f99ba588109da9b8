"""R4, R5: the relay sends everything that was committed, at least once, and nothing else."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from types import ModuleType

import pytest

from kit.clock import SystemClock, new_id
from kit.database.engine import Database
from services.library.events import relay as relays
from tests.library.job_store import open_jobs
from tests.library.relay_contract import (
    ON_ANY,
    ON_POSTGRES,
    RecordingBus,
    commit_events,
    unpublished,
    until,
)

Check = Callable[[ModuleType, Database], Awaitable[None]]


@pytest.mark.parametrize("check", ON_ANY, ids=lambda check: check.__name__)
async def test_a_relay(check: Check, library_url: str) -> None:
    async with open_jobs(library_url) as jobs:
        await check(relays, jobs.database)


@pytest.mark.parametrize("check", ON_POSTGRES, ids=lambda check: check.__name__)
async def test_a_relay_with_concurrent_writers(check: Check, postgres_url: str) -> None:
    async with open_jobs(postgres_url) as jobs:
        await check(relays, jobs.database)


async def test_it_wakes_as_soon_as_something_is_committed(library_url: str) -> None:
    async with open_jobs(library_url) as jobs:
        bus, stopping = RecordingBus(), asyncio.Event()
        running = asyncio.create_task(relays.Relay(jobs.database, bus, poll=3600).run(stopping))
        key = new_id()
        for number in range(1, 4):
            await commit_events(jobs.database, key, number)
            await until(partial(_has, bus, key, number))
        stopping.set()
        await running


async def test_of_several_one_relays_and_another_takes_over(postgres_url: str) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(open_jobs(postgres_url))
        bus = RecordingBus()
        stops = [asyncio.Event() for _ in range(3)]
        servers = [Database(postgres_url, clock=SystemClock()) for _ in stops]
        running = [
            asyncio.create_task(relays.Relay(server, bus, poll=0.05).run(stop))
            for server, stop in zip(servers, stops, strict=True)
        ]
        keys = [new_id() for _ in range(5)]
        await asyncio.gather(*(commit_events(first.database, key, *range(1, 11)) for key in keys))
        await until(lambda: len(bus.taken) >= 50)
        assert all(bus.of(key) == list(range(1, 11)) for key in keys)
        assert len(set(bus.ids())) == len(bus.ids()) == 50, "only one of them sends"
        # One after the other stops; whoever is left goes on.
        for number, stop in enumerate(stops[:-1]):
            stop.set()
            await running[number]
            await commit_events(first.database, keys[0], 11 + number)
            await until(partial(_has, bus, keys[0], 11 + number))
        async with asyncio.timeout(20):
            while await unpublished(first.database):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        stops[-1].set()
        await running[-1]
        for server in servers:
            await server.close()


def _has(bus: RecordingBus, key: str, count: int) -> bool:
    """Return whether all has come, in order; what was sent but not marked comes once more."""
    return list(dict.fromkeys(bus.of(key))) == list(range(1, count + 1))
