"""How long a handler may take, against everything that it waits for."""

import asyncio

import pytest

from contracts.topics import JOBS_EVENTS
from kit.bus.base import AnyEvent, RetryLater
from kit.bus.codec import encode
from kit.bus.delivery import TRY_LIMIT, deliver
from kit.bus.kafka.session import POLL_LIMIT
from kit.database.engine import BUSY_TIMEOUT, STATEMENT_TIMEOUT
from services.library.completion.results import MANIFEST_LIMIT
from tests.ports.bus.harness import released


async def test_a_try_that_runs_out_of_time_is_made_again_later() -> None:
    async def hang(event: AnyEvent) -> None:
        calls.append(event)
        await asyncio.Event().wait()

    calls: list[AnyEvent] = []
    record = encode(JOBS_EVENTS, released(1), key="a")
    with pytest.raises(RetryLater, match="timed out"):
        await deliver(JOBS_EVENTS, record, hang, limit=0.05)
    assert len(calls) == 1


def test_a_try_outlasts_what_its_handler_waits_for() -> None:
    # A read of the job's row, its manifest, then a transaction: a connection and a lock.
    reading = BUSY_TIMEOUT + STATEMENT_TIMEOUT
    assert reading + MANIFEST_LIMIT + BUSY_TIMEOUT + STATEMENT_TIMEOUT < TRY_LIMIT


def test_a_member_stays_in_its_group_for_as_long_as_a_try_lasts() -> None:
    assert TRY_LIMIT < POLL_LIMIT
