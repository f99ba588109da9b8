"""The rule-based state machine that compares the job table with its model on any schedule."""

import random
from functools import partial

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from contracts.ids import JobId, OwnerId, WorkerId
from contracts.jobs import (
    Claim,
    ClaimRequest,
    FailureKind,
    Heartbeat,
    JobFailed,
    JobState,
    LeaseStatus,
    Priority,
    Producer,
    Progress,
    Reason,
    TaskName,
)
from contracts.topics import DEAD_LETTERS, LIBRARY_EVENTS, commands
from services.library.catalogue.item_facts import ITEM_SUBJECTS
from services.library.jobs.tables import JobRow
from tests.library.job_model import START_TO_CLOSE_TIMEOUT, JobModel, ModelJob, Ticket
from tests.library.store_harness import (
    FILES,
    OWNERS,
    POLICY,
    PRODUCERS,
    SUBJECTS,
    WORKERS,
    Store,
    StoreHarness,
    input_of,
)

S = JobState
TASK = TaskName.MIDI
REASON = Reason(code="reported", message="as the worker reported")
JobArguments = tuple[OwnerId, str, int, Priority, bool, bool]
JOB_ARGUMENTS = st.tuples(
    st.sampled_from(OWNERS),
    st.sampled_from(FILES),
    st.integers(0, 1),
    st.sampled_from(Priority),
    st.booleans(),
    st.booleans(),
)
"""Owner, file, parameters, priority, whether to force it, and whether it takes long."""
STALE = st.sampled_from([False, False, True])
OUTCOMES = (
    "complete",
    "beat",
    "silence",
    "silence",
    "zombie",
    "zombie",
    "poison",
    "drain",
    "unwanted",
    FailureKind.REJECTED,
    FailureKind.CRASH,
    FailureKind.CRASH,
    FailureKind.RETRYABLE,
    FailureKind.INTERNAL,
)


class JobStateMachine(JobModel, RuleBasedStateMachine):
    """After any sequence of operations, the table and the model agree."""

    jobs_: Bundle[str] = Bundle("jobs")
    tickets: Bundle[Ticket] = Bundle("tickets")

    def __init__(self) -> None:
        super().__init__()
        random.seed(0)
        self.harness.fresh()
        self.time = 0.0
        self.expected: dict[str, ModelJob] = {}
        self.producers: dict[str, float] = {}
        self.events: dict[str, list[str]] = {}
        self.commands: dict[str, int] = {}
        self.quarantined: set[str] = set()
        self.served: dict[str, int] = {}
        self.claims = 0

    # What owners do.

    @initialize(target=jobs_, arguments=st.lists(JOB_ARGUMENTS, min_size=2, max_size=5))
    def begin(self, arguments: list[JobArguments]) -> MultipleResults[str]:
        return multiple(
            *(job for job_arguments in arguments if (job := self._create(*job_arguments)))
        )

    @rule(target=jobs_, arguments=JOB_ARGUMENTS)
    def create(self, arguments: JobArguments) -> MultipleResults[str] | str:
        return self._create(*arguments) or multiple()

    @precondition(lambda self: self.expected)
    @rule(target=jobs_, data=st.data())
    def ask_again(self, data: st.DataObject) -> MultipleResults[str] | str:
        """Submit a job again: only then are results reused and files refused."""
        refused = self.quarantined and data.draw(st.booleans())
        k = self.expected[
            data.draw(st.sampled_from(sorted(self.quarantined if refused else self.expected)))
        ]
        job = self._create(k.owner, k.file, k.params, k.priority, False, k.long)
        return job or multiple()

    def _create(
        self, owner: OwnerId, file: str, params: int, priority: Priority, force: bool, long: bool
    ) -> str | None:
        new = self.store.submission.NewJob(
            subject=SUBJECTS[owner],
            task=TASK,
            params={"n": params},
            inputs=(input_of(owner, file),),
            start_to_close_timeout=START_TO_CLOSE_TIMEOUT,
            priority=priority,
            long=long,
            force=force,
        )
        submission = self.store.submission
        refused = self._refusal(owner, file, priority)
        reused = None if force else self._reusable(owner, file, params)
        try:
            row, created = self.harness.do(
                lambda s: submission.create(s, owner, new, policy=POLICY)
            )
        except submission.Quarantined:
            assert refused == "quarantine", "a file was refused that is not in quarantine"
            return None
        except submission.OwnerQueueFull:
            assert refused == "owner"
            assert reused is None
            return None
        except submission.ServerQueueFull:
            assert refused == "server"
            assert reused is None
            return None
        assert refused != "quarantine", "a file in quarantine was taken"
        if reused is not None:
            assert (row.id, created) == (reused.id, False), "what exists was done again"
            return None
        assert created, "a job was reused that must not be"
        assert refused is None, "a job was admitted over the limit"
        self.expected[row.id] = ModelJob(
            row.id, owner, file, params, priority, long, self.time, len(self.expected)
        )
        return str(row.id)

    @rule(job=jobs_, running=st.booleans(), owner=st.sampled_from(OWNERS))
    def cancel(self, job: str, running: bool, owner: OwnerId) -> None:
        held = [k.id for k in self.expected.values() if k.state is S.RUNNING]
        job = held[-1] if running and held else job
        known = self.expected[job]
        if owner != known.owner:
            assert self.harness.do(lambda s: self.store.submission.cancel(s, owner, job)) is None
            return
        self._cancel(known)

    def _cancel(self, known: ModelJob) -> None:
        row = self.harness.do(lambda s: self.store.submission.cancel(s, known.owner, known.id))
        assert row is not None
        if known.state is S.QUEUED:
            self._end(known, S.CANCELLED)
        elif known.state is S.RUNNING:
            known.cancel = True
        assert row.state == known.state, "the answer to a cancellation shows the current state"

    # What workers do.

    @rule(
        target=tickets,
        worker=st.sampled_from(WORKERS),
        producer=st.sampled_from(PRODUCERS),
        after=st.sampled_from([0, 0, 25]),
        room=st.sampled_from([1, 1, 0]),
    )
    def claim(
        self, worker: WorkerId, producer: Producer, after: int, room: int
    ) -> MultipleResults[Ticket] | Ticket:
        ticket = self._claim(worker, producer, after, room)
        return ticket or multiple()

    @rule(
        worker=st.sampled_from(WORKERS),
        producer=st.sampled_from(PRODUCERS),
        ends=st.lists(
            st.tuples(st.sampled_from(OUTCOMES), st.sampled_from([25, 25, 0])),
            min_size=1,
            max_size=5,
        ),
    )
    def work(self, worker: WorkerId, producer: Producer, ends: list[tuple[object, int]]) -> None:
        """Claim and finish repeatedly: only so the retry limits are reached often."""
        for end, after in ends:
            ticket = self._claim(worker, producer, after)
            if ticket is None:
                return
            match end:
                case FailureKind():
                    self._fail(ticket, end)
                case "complete":
                    self._complete(ticket, producer)
                case "beat":
                    self._heartbeat(ticket, 50)
                    self._wait(25)
                    self._sweep()
                case "silence":
                    self._wait(70)
                    self._sweep()
                case "drain":
                    self._release(ticket)
                case "unwanted":
                    self._cancel(self.expected[ticket.job])
                    self._release(ticket)
                case "poison":
                    self._fail(ticket, FailureKind.CRASH)
                    if again := self._claim(worker, producer, 50):
                        self._fail(again, FailureKind.CRASH)
                case "zombie":
                    self._wait(70)
                    self._sweep()
                    # Other owners may have their turn before the job is claimed again.
                    for _ in range(3):
                        again = self._claim(worker, producer, 25)
                        if again is None or again.job == ticket.job:
                            break
                    self._heartbeat(ticket, 0)
                    self._complete(ticket, producer)

    @rule(
        target=tickets,
        workers=st.lists(st.sampled_from(WORKERS), min_size=3, max_size=5),
        producer=st.sampled_from(PRODUCERS),
    )
    def claim_many(self, workers: list[WorkerId], producer: Producer) -> MultipleResults[Ticket]:
        """Claim several and finish none: only so the limit of running jobs is reached often."""
        claimed = (self._claim(worker, producer, 0) for worker in workers)
        return multiple(*(ticket for ticket in claimed if ticket))

    def _claim(
        self, worker: WorkerId, producer: Producer, after: int, room: int = 1
    ) -> Ticket | None:
        """Claim a job; `room` is the number of long jobs that the worker accepts."""
        self._wait(after)
        waiting = [k for k in self._claimable() if room or not k.long]
        request = ClaimRequest(task=TASK, worker=worker, producer=producer, max_long_jobs=room)
        claimed = self.harness.do(
            lambda s: self.store.claims.claim(s, request, policy=POLICY, subjects=ITEM_SUBJECTS)
        )
        seen = self.producers.get(producer.fingerprint)
        if seen is None or self.time - seen > 60:
            self.producers.pop(producer.fingerprint, None)
            self.producers[producer.fingerprint] = self.time
        if not claimed:
            assert not waiting, "a job waits and was not handed out"
            return None
        claim: Claim = claimed[0]
        assert waiting, "a job was handed out that may not run"
        turn = min(waiting, key=self._turn)
        assert claim.job == turn.id, "it was another job's turn"
        turn.state, turn.worker = S.RUNNING, worker
        self.claims += 1
        self.served[turn.owner] = self.claims
        turn.epoch, turn.attempt = turn.epoch + 1, turn.attempt + 1
        turn.beat = turn.claimed = self.time
        turn.producer = producer.fingerprint
        turn.events.append("job.running")
        assert (claim.epoch, claim.long) == (turn.epoch, turn.long)
        assert claim.start_to_close_timeout == START_TO_CLOSE_TIMEOUT
        return Ticket(claim.job, claim.epoch, worker)

    @rule(ticket=tickets, stale=STALE, after=st.sampled_from([0, 50]))
    def heartbeat(self, ticket: Ticket, stale: bool, after: int) -> None:
        self._heartbeat(self._from(ticket, stale), after)

    def _heartbeat(self, ticket: Ticket, after: int) -> None:
        self._wait(after)
        beat = Heartbeat(worker=ticket.worker, epoch=ticket.epoch, progress=Progress(fraction=0.5))
        claims = self.store.claims
        status, _ = self.harness.do(lambda s: claims.heartbeat(s, ticket.job, beat, policy=POLICY))
        known = self._holder(ticket)
        if known is None:
            assert status is LeaseStatus.LOST, "a stale worker was answered as the lease's holder"
            return
        known.beat = self.time
        assert status is (LeaseStatus.CANCELLED if known.cancel else LeaseStatus.HELD)

    @rule(ticket=tickets, stale=STALE, producer=st.sampled_from(PRODUCERS))
    def complete(self, ticket: Ticket, stale: bool, producer: Producer) -> None:
        self._complete(self._from(ticket, stale), producer)

    def _complete(self, ticket: Ticket, producer: Producer) -> None:
        result = {"by": f"{ticket.job}:{ticket.epoch}"}
        row = self.harness.do(
            lambda s: self.store.outcomes.complete(
                s, ticket.job, ticket.epoch, producer=producer, result=result
            )
        )
        if known := self._applied(ticket, row):
            known.producer = producer.fingerprint
            self._end(known, S.SUCCEEDED)

    @rule(ticket=tickets, stale=STALE, producer=st.sampled_from(PRODUCERS))
    def skip(self, ticket: Ticket, stale: bool, producer: Producer) -> None:
        ticket = self._from(ticket, stale)
        row = self.harness.do(
            lambda s: self.store.outcomes.skip(
                s, ticket.job, ticket.epoch, producer=producer, reason=REASON
            )
        )
        if known := self._applied(ticket, row):
            known.producer = producer.fingerprint
            self._end(known, S.SKIPPED, "reported")

    @rule(ticket=tickets, stale=STALE, kind=st.sampled_from(FailureKind))
    def fail(self, ticket: Ticket, stale: bool, kind: FailureKind) -> None:
        self._fail(self._from(ticket, stale), kind)

    def _fail(self, ticket: Ticket, kind: FailureKind) -> None:
        failed = JobFailed(
            job=JobId(ticket.job),
            epoch=ticket.epoch,
            worker=ticket.worker,
            kind=kind,
            reason=REASON,
        )
        row = self.harness.do(lambda s: self.store.outcomes.fail(s, failed, policy=POLICY))
        known = self._applied(ticket, row)
        if known is not None:
            self._failed(known, kind, row)

    def _failed(self, known: ModelJob, kind: FailureKind, row: JobRow) -> None:
        if known.cancel:
            return self._end(known, S.CANCELLED)
        if kind in (FailureKind.REJECTED, FailureKind.TIMEOUT):
            return self._end(known, S.FAILED, "reported")
        if kind is FailureKind.CRASH:
            known.crashes += 1
            if known.crashes < POLICY.retry.maximum_crashes:
                return self._requeue(
                    known, pause=POLICY.retry.initial_interval * 2 ** (known.crashes - 1)
                )
            self.quarantined.add(known.id)
            return self._end(known, S.FAILED, "crash")
        known.retries += 1
        left = known.created + POLICY.schedule_to_close_timeout.total_seconds() - self.time
        if abs(left) < 20:  # The random backoff decides whether there is time.
            left = 1 if row.state == S.QUEUED else 0
        if known.retries < POLICY.retry.maximum_attempts and left > 0:
            return self._requeue(
                known, pause=POLICY.retry.initial_interval * 2 ** (known.retries - 1)
            )
        return self._end(
            known, S.FAILED, "internal" if kind is FailureKind.INTERNAL else "exhausted"
        )

    @rule(ticket=tickets, stale=STALE)
    def release(self, ticket: Ticket, stale: bool) -> None:
        self._release(self._from(ticket, stale))

    def _release(self, ticket: Ticket) -> None:
        row = self.harness.do(lambda s: self.store.outcomes.release(s, ticket.job, ticket.epoch))
        if known := self._applied(ticket, row):
            self._given_back(known)

    # What time and the library do.

    @rule(seconds=st.sampled_from([25, 25, 70, 70, 210, 210, 700, 2_000, 2_000, 50_000]))
    def wait(self, seconds: int) -> None:
        self._wait(seconds)

    @precondition(lambda self: self.expected)
    @rule()
    def sweep(self) -> None:
        self._sweep()

    def _sweep(self) -> None:
        outcomes = self.store.outcomes
        due = self.harness.look(lambda s: outcomes.overdue(s, policy=POLICY))
        overdue = {row.id for row in due}
        assert overdue == {k.id for k in self.expected.values() if self._overdue(k)}
        for row in due:
            self._swept(self.expected[row.id], row)

    @precondition(lambda self: self.expected)
    @rule(data=st.data())
    def sweep_from_a_stale_read(self, data: st.DataObject) -> None:
        """A sweep that read the table before others wrote to it changes nothing wrongly."""
        held = [k.id for k in self.expected.values() if k.state is S.RUNNING]
        known = self.expected[data.draw(st.sampled_from(held or sorted(self.expected)))]
        epoch = max(0, known.epoch - data.draw(st.integers(0, 1)))
        row = self.harness.do(
            lambda s: self.store.outcomes.lease_expired(s, known.id, epoch, policy=POLICY)
        )
        if epoch == known.epoch and known.state is S.RUNNING and self._silent(known):
            assert row is not None
            self._lost(known)
        else:
            assert row is None, "a lease was taken that had not run out"

    @precondition(lambda self: any(k.state is S.RUNNING for k in self.expected.values()))
    @rule()
    def boot(self) -> None:
        rows = self.harness.rows()
        for known in self.expected.values():
            if known.state is S.RUNNING:
                row = self.harness.do(
                    partial(
                        self.store.outcomes.requeue,
                        job=known.id,
                        epoch=rows[known.id].epoch,
                        policy=POLICY,
                    )
                )
                assert row is not None
                self._lost(known)

    # What must be true at any time.

    @invariant()
    def the_table_is_as_expected(self) -> None:
        rows = self.harness.rows()
        assert rows.keys() == self.expected.keys()
        for known in self.expected.values():
            row = rows[known.id]
            held = known.state is S.RUNNING
            assert (row.state, row.epoch, row.attempt) == (
                known.state,
                known.epoch,
                known.attempt,
            )
            assert (row.retries, row.crashes, row.lost) == (
                known.retries,
                known.crashes,
                known.lost,
            )
            assert row.cancel_requested == known.cancel
            assert row.reason_code == known.reason
            assert row.worker == (known.worker if held else None)
            assert (row.lease_until is not None) == held
            assert (row.deadline is not None) == held
            assert (row.finished is not None) == (not known.live)
            assert (row.result is not None) == (known.state is S.SUCCEEDED)
            assert row.seq == len(known.events)
            if row.result is not None:
                assert row.result == {"by": f"{row.id}:{row.epoch}"}, "another epoch's result"

    @invariant()
    def every_change_is_published_once(self) -> None:
        for event in self.harness.tail():
            job = str(event.job)
            if event.topic == LIBRARY_EVENTS.name:
                types = self.events.setdefault(job, [])
                types.append(event.type)
                assert event.sequence == len(types), "a job's events are not counted one by one"
                assert event.owner == self.expected[job].owner
                if event.type != "job.queued":
                    assert event.data["epoch"] == types.count("job.running")
            elif event.topic == DEAD_LETTERS.name:
                assert job in self.quarantined
            else:
                assert event.topic == commands(TASK).name
                self.commands[job] = self.commands.get(job, 0) + 1
        for known in self.expected.values():
            assert self.events[known.id] == known.events
            assert self.commands[known.id] == known.commands


def machine_of(harness: StoreHarness, store: Store) -> type[JobStateMachine]:
    """Return the model bound to a store on a database."""
    return type("BoundJobStateMachine", (JobStateMachine,), {"harness": harness, "store": store})
