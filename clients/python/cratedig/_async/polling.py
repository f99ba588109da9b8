"""Waits until a job, a run or an import has ended."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from cratedig.errors import WaitTimeoutError
from cratedig.types import Import, Job, Run

Work = TypeVar("Work", Job, Run, Import)

FIRST_INTERVAL, MAX_INTERVAL, BACKOFF = 0.1, 1.0, 1.3
"""Seconds between two looks: the first, the longest, and by what each grows."""


async def wait_until_ended(
    look: Callable[[], Awaitable[Work]],
    on_progress: Callable[[Work], None],
    timeout: float | None,
) -> Work:
    """Look at a job, a run or an import until it has ended; return it as it ended.

    Raises
    ------
    WaitTimeoutError
        It has not ended after `timeout` seconds.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    interval = FIRST_INTERVAL
    while True:
        work = await look()
        on_progress(work)
        if work.ended:
            return work
        if deadline is not None and time.monotonic() + interval > deadline:
            raise WaitTimeoutError(
                f"{work.id} is still {work.state} after {timeout:g} s. It goes on; wait again, or "
                "cancel it."
            )
        await asyncio.sleep(interval)
        interval = min(MAX_INTERVAL, interval * BACKOFF)
