"""The model of the job table: expected jobs and the expected next transitions."""

from dataclasses import dataclass, field
from datetime import timedelta

from contracts.ids import OwnerId, WorkerId
from contracts.jobs import JobState, Priority
from tests.library.store_harness import POLICY, Store, StoreHarness

S = JobState
START_TO_CLOSE_TIMEOUT = 120.0
SLACK = 2.4
"""Real seconds that may pass unnoticed on a database with its own clock."""


@dataclass
class ModelJob:
    """The expected state of one job."""

    id: str
    owner: OwnerId
    file: str
    params: int
    priority: Priority
    long: bool
    created: float
    number: int
    state: JobState = S.QUEUED
    epoch: int = 0
    attempt: int = 0
    retries: int = 0
    crashes: int = 0
    lost: int = 0
    cancel: bool = False
    worker: WorkerId | None = None
    beat: float = 0.0
    claimed: float = 0.0
    ended: float = 0.0
    producer: str | None = None
    reason: str | None = None
    commands: int = 1
    events: list[str] = field(default_factory=lambda: ["job.queued"])

    @property
    def live(self) -> bool:
        return self.state in (S.QUEUED, S.RUNNING)


@dataclass(frozen=True)
class Ticket:
    """A claim that was handed out, possibly stale."""

    job: str
    epoch: int
    worker: WorkerId


class JobModel:
    """The model's state and transitions, without the rules that drive it."""

    harness: StoreHarness
    store: Store
    time: float
    expected: dict[str, ModelJob]
    producers: dict[str, float]
    """When each producer was last recorded as offered; the newest is last."""
    served: dict[str, int]

    def _wait(self, seconds: int) -> None:
        if seconds:
            self.harness.advance(seconds)
            self.time += seconds

    def _from(self, ticket: Ticket, stale: bool) -> Ticket:
        """Return the drawn ticket, or that of the latest claim that still holds its job."""
        held = [k for k in self.expected.values() if k.state is S.RUNNING]
        if stale or not held:
            return ticket
        last = max(held, key=lambda k: k.claimed)
        return Ticket(last.id, last.epoch, last.worker or ticket.worker)

    def _turn(self, k: ModelJob) -> tuple[int, int, int, bool, int]:
        """Return the sort key: priority, owner's running jobs, owner's turn, length, age."""
        aged = self.time - k.created > POLICY.ageing.total_seconds()
        first = 0 if k.priority is Priority.INTERACTIVE or aged else 1
        later = k.long and self.time - k.created <= POLICY.patience.total_seconds()
        return first, self._running(k.owner), self.served.get(k.owner, 0), later, k.number

    def _running(self, owner: OwnerId) -> int:
        mine = (k for k in self.expected.values() if k.owner == owner)
        return sum(k.state is S.RUNNING for k in mine)

    def _claimable(self) -> list[ModelJob]:
        rows, now = self.harness.rows(), self.harness.now()
        return [
            k
            for k in self.expected.values()
            if k.state is S.QUEUED
            and rows[k.id].not_before <= now
            and self._running(k.owner) < POLICY.owner_running
        ]

    def _refusal(self, owner: OwnerId, file: str, priority: Priority) -> str | None:
        for k in self.expected.values():
            mine = k.owner == owner and k.file == file and k.reason == "crash"
            if mine and self.time - k.ended < POLICY.quarantine.total_seconds():
                return "quarantine"
        waiting = [k for k in self.expected.values() if k.state is S.QUEUED]
        if sum(k.owner == owner for k in waiting) >= POLICY.owner_queued:
            return "owner"
        factor = 1 if priority is Priority.BATCH else 2
        return "server" if len(waiting) >= POLICY.server_queued * factor else None

    def _reusable(self, owner: OwnerId, file: str, params: int) -> ModelJob | None:
        newest = next(reversed(self.producers), None)
        lately = POLICY.offered.total_seconds()
        offered = {f for f, t in self.producers.items() if self.time - t < lately} | {newest}
        same = [
            k
            for k in self.expected.values()
            if (k.owner, k.file, k.params) == (owner, file, params)
            and (
                (k.live and not k.cancel)
                or (k.state in (S.SUCCEEDED, S.SKIPPED) and k.producer in offered)
            )
        ]
        return max(same, key=lambda k: k.number, default=None)

    def _holder(self, ticket: Ticket) -> ModelJob | None:
        known = self.expected[ticket.job]
        current = known.state is S.RUNNING and known.epoch == ticket.epoch
        return known if current else None

    def _applied(self, ticket: Ticket, row: object) -> ModelJob | None:
        """Check that an event was applied iff its worker holds the job; return that job."""
        known = self._holder(ticket)
        assert (row is not None) == (known is not None), "a stale worker's event was applied"
        return known

    def _end(self, known: ModelJob, state: JobState, reason: str | None = None) -> None:
        known.state, known.reason, known.ended = state, reason, self.time
        known.events.append(f"job.{state}")

    def _requeue(self, known: ModelJob, *, pause: timedelta) -> None:
        known.state = S.QUEUED
        known.events.append("job.queued")
        row = self.harness.rows()[known.id]
        waits = (row.not_before - self.harness.now()).total_seconds()
        assert waits <= min(pause, POLICY.retry.maximum_interval).total_seconds(), (
            "it waits too long"
        )
        if pause:
            assert waits > -SLACK
        else:
            known.commands += 1

    def _given_back(self, known: ModelJob) -> None:
        if known.cancel:
            return self._end(known, S.CANCELLED)
        known.attempt -= 1
        return self._requeue(known, pause=timedelta())

    def _silent(self, known: ModelJob) -> bool:
        return self.time - known.beat > POLICY.lease.total_seconds()

    def _out_of_time(self, known: ModelJob) -> bool:
        return self.time - known.claimed > START_TO_CLOSE_TIMEOUT + POLICY.overrun.total_seconds()

    def _expired(self, known: ModelJob) -> bool:
        age = self.time - known.created
        never = known.epoch == 0 and age > POLICY.schedule_to_start_timeout.total_seconds()
        return never or age > POLICY.schedule_to_close_timeout.total_seconds()

    def _overdue(self, known: ModelJob) -> bool:
        if known.state is S.RUNNING:
            return self._silent(known) or self._out_of_time(known)
        return known.state is S.QUEUED and self._expired(known)

    def _swept(self, known: ModelJob, row: object) -> None:
        outcomes = self.store.outcomes
        assert (
            self.harness.do(lambda s: outcomes.resolve_overdue(s, row, policy=POLICY)) is not None
        )
        if known.state is S.QUEUED:
            self._end(known, S.FAILED, "expired")
        elif self._out_of_time(known) and not known.cancel:
            self._end(known, S.FAILED, "timeout")
        else:
            self._lost(known)

    def _lost(self, known: ModelJob) -> None:
        if known.cancel:
            return self._end(known, S.CANCELLED)
        known.lost += 1
        if known.lost > POLICY.retry.maximum_lost:
            return self._end(known, S.FAILED, "exhausted")
        again = known.lost - 1
        return self._requeue(
            known, pause=POLICY.retry.initial_interval * 2 ** (again - 1) if again else timedelta()
        )
