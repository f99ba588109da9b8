"""The numbers of the job table: leases, limits, retries."""

import random
from dataclasses import dataclass
from datetime import timedelta

from contracts.music import Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a job is tried again, and how long it waits before that."""

    maximum_attempts: int = 5
    """Attempts of a job that meets passing faults (R16)."""
    maximum_crashes: int = 3
    """Deaths of a child process after which a file is in quarantine (R17)."""
    maximum_lost: int = 10
    """Leases that may expire before a job fails (R17)."""
    initial_interval: timedelta = timedelta(seconds=5)
    """The longest wait after the first fault; it doubles with each further fault."""
    maximum_interval: timedelta = timedelta(minutes=10)

    def interval(self, fault: int) -> timedelta:
        """Return how long to wait after the n-th fault: exponential backoff with full jitter."""
        doubled = self.initial_interval * float(2 ** min(fault - 1, 30))
        return min(self.maximum_interval, doubled) * random.random()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long jobs may wait and run, how often they are retried, how many an owner may have."""

    lease: timedelta = timedelta(seconds=60)
    """A worker that is silent this long has lost its job (R9)."""
    sweep: timedelta = timedelta(seconds=15)
    """How often silent workers and late jobs are looked for."""
    overrun: timedelta = timedelta(seconds=60)
    """How much later than the worker itself the sweep ends a job that is out of time (R19)."""
    retry: RetryPolicy = RetryPolicy()
    schedule_to_start_timeout: timedelta = timedelta(hours=24)
    """An unclaimed job older than this has expired (R19)."""
    schedule_to_close_timeout: timedelta = timedelta(hours=24)
    """A job is not tried again when it is older than this (R16)."""
    ageing: timedelta = timedelta(minutes=30)
    """A batch job that has waited this long goes with the interactive ones (R25)."""
    long_upload: int = 32 << 20
    """Bytes above which taking a file in counts as long."""
    long_audio: Seconds = 600.0
    """Audio above which any other work on it counts as long."""
    patience: timedelta = timedelta(minutes=5)
    """A long job that has waited this long goes with its owner's short ones."""
    owner_running: int = 64
    """Jobs of one owner that may run at once (R3)."""
    owner_queued: int = 1000
    """Jobs of one owner that may wait at once (R3)."""
    server_queued: int = 20_000
    """Waiting jobs of all owners above which batch jobs are refused; the others, at twice it."""
    owner_bytes: int = 500 << 30
    """Bytes that one owner may store: originals, results and uploads under way."""
    server_bytes: int | None = None
    """The same for all owners together, where there is such a limit."""
    quarantine: timedelta = timedelta(hours=24)
    """How long a file that crashed a task is refused by it (R17)."""
    offered: timedelta = timedelta(minutes=10)
    """How long after a worker's last claim its producer still counts as offered."""
