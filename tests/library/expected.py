"""What the model of the job table expects: of each job, and of what happens next."""

from dataclasses import dataclass, field
from datetime import timedelta

from contracts.ids import OwnerId, WorkerId
from contracts.jobs import JobState, Priority
from tests.library.world import POLICY, Store, World

S = JobState
BUDGET = 120.0
SLACK = 2.4
"""Real seconds that may pass unseen on a database with a clock of its own."""


@dataclass
class Expected:
    """What the model knows of one job."""

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
    news: int = 1
    told: list[str] = field(default_factory=lambda: ["job.queued"])

    @property
    def live(self) -> bool:
        return self.state in (S.QUEUED, S.RUNNING)


@dataclass(frozen=True)
class Ticket:
    """A claim that was handed out at some time, perhaps long stale."""

    job: str
    epoch: int
    worker: WorkerId


class Predictions:
    """The model itself, apart from how it is driven."""

    world: World
    store: Store
    time: float
    expected: dict[str, Expected]
    producers: dict[str, float]
    """When it was last noted that a make is offered; the newest comes last."""
    served: dict[str, int]

    def _wait(self, seconds: int) -> None:
        if seconds:
            self.world.advance(seconds)
            self.time += seconds

    def _from(self, ticket: Ticket, stale: bool) -> Ticket:
        """Return a ticket as drawn, or that of whoever claimed last and still holds the job."""
        held = [k for k in self.expected.values() if k.state is S.RUNNING]
        if stale or not held:
            return ticket
        last = max(held, key=lambda k: k.claimed)
        return Ticket(last.id, last.epoch, last.worker or ticket.worker)

    def _turn(self, k: Expected) -> tuple[int, int, int, bool, int]:
        """The order of jobs: the first class, who has least, whose turn it was, short, oldest."""
        aged = self.time - k.created > POLICY.ageing.total_seconds()
        first = 0 if k.priority is Priority.INTERACTIVE or aged else 1
        later = k.long and self.time - k.created <= POLICY.patience.total_seconds()
        return first, self._running(k.owner), self.served.get(k.owner, 0), later, k.number

    def _running(self, owner: OwnerId) -> int:
        mine = (k for k in self.expected.values() if k.owner == owner)
        return sum(k.state is S.RUNNING for k in mine)

    def _claimable(self) -> list[Expected]:
        rows, now = self.world.rows(), self.world.now()
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

    def _reusable(self, owner: OwnerId, file: str, params: int) -> Expected | None:
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

    def _holder(self, ticket: Ticket) -> Expected | None:
        known = self.expected[ticket.job]
        current = known.state is S.RUNNING and known.epoch == ticket.epoch
        return known if current else None

    def _applied(self, ticket: Ticket, row: object) -> Expected | None:
        """Check that a worker's word counted exactly if it holds the job; return the job then."""
        known = self._holder(ticket)
        assert (row is not None) == (known is not None), "a stale worker's word counted"
        return known

    def _end(self, known: Expected, state: JobState, reason: str | None = None) -> None:
        known.state, known.reason, known.ended = state, reason, self.time
        known.told.append(f"job.{state}")

    def _requeue(self, known: Expected, *, pause: timedelta) -> None:
        known.state = S.QUEUED
        known.told.append("job.queued")
        row = self.world.rows()[known.id]
        waits = (row.not_before - self.world.now()).total_seconds()
        assert waits <= min(pause, POLICY.retry.maximum_interval).total_seconds(), (
            "it waits too long"
        )
        if pause:
            assert waits > -SLACK
        else:
            known.news += 1

    def _given_back(self, known: Expected) -> None:
        if known.cancel:
            return self._end(known, S.CANCELLED)
        known.attempt -= 1
        return self._requeue(known, pause=timedelta())

    def _silent(self, known: Expected) -> bool:
        return self.time - known.beat > POLICY.lease.total_seconds()

    def _out_of_time(self, known: Expected) -> bool:
        return self.time - known.claimed > BUDGET + POLICY.overrun.total_seconds()

    def _expired(self, known: Expected) -> bool:
        age = self.time - known.created
        never = known.epoch == 0 and age > POLICY.schedule_to_start_timeout.total_seconds()
        return never or age > POLICY.schedule_to_close_timeout.total_seconds()

    def _overdue(self, known: Expected) -> bool:
        if known.state is S.RUNNING:
            return self._silent(known) or self._out_of_time(known)
        return known.state is S.QUEUED and self._expired(known)

    def _swept(self, known: Expected, row: object) -> None:
        outcomes = self.store.outcomes
        assert self.world.do(lambda s: outcomes.resolve_overdue(s, row, policy=POLICY)) is not None
        if known.state is S.QUEUED:
            self._end(known, S.FAILED, "expired")
        elif self._out_of_time(known) and not known.cancel:
            self._end(known, S.FAILED, "timeout")
        else:
            self._lost(known)

    def _lost(self, known: Expected) -> None:
        if known.cancel:
            return self._end(known, S.CANCELLED)
        known.lost += 1
        if known.lost > POLICY.retry.maximum_lost:
            return self._end(known, S.FAILED, "exhausted")
        again = known.lost - 1
        return self._requeue(
            known, pause=POLICY.retry.initial_interval * 2 ** (again - 1) if again else timedelta()
        )
