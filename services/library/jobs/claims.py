"""Jobs as workers see them: claim the next one under a lease, keep it, give it back."""

from datetime import timedelta

from sqlalchemy import (
    Select,
    String,
    bindparam,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.ids import JobId, OwnerId
from contracts.jobs import (
    Claim,
    ClaimRequest,
    Heartbeat,
    InputRef,
    ItemFacts,
    JobState,
    LeaseStatus,
    TaskName,
    WorkerInfo,
)
from kit.database.engine import Database, database_of
from kit.database.upsert import insert_into
from services.library.jobs.policy import Policy
from services.library.jobs.scheduling import NextJob, any_waiting, next_job
from services.library.jobs.subject_facts import DescribeInputs, InputDescription, SubjectFacts
from services.library.jobs.subjects import subject_of
from services.library.jobs.tables import JobRow, ProducerRow, WorkerRow
from services.library.jobs.transitions import start_attempt

SEEN_EVERY = timedelta(minutes=1)
"""How often `last_seen` of a producer is written."""


async def claim(
    session: AsyncSession,
    request: ClaimRequest,
    *,
    policy: Policy,
    subjects: SubjectFacts,
    describe: DescribeInputs | None = None,
) -> tuple[Claim, ...]:
    """Give a worker the next jobs of a task, as many as it has room for.

    Interactive jobs and those that have waited for `policy.ageing` go first, then jobs of the owner
    with the fewest running jobs, then of the owner whose last attempt started longest ago, then
    short jobs and those that have waited for `policy.patience`, then the oldest. Long jobs are left
    out if the worker has no room for more of them.
    """
    database = database_of(session)
    claims: list[Claim] = []
    # On SQLite a claim is alone anyway, and need not look first whether it has to be.
    if waiting := database.sqlite or await any_waiting(session, request.task):
        # Claims come one at a time, so that an owner's share is exact and not a guess (R3).
        await database.lock(session, "claims")
    while len(claims) < request.max_jobs:
        room = sum(claim.long for claim in claims) < request.max_long_jobs
        job = None
        if waiting:
            job = await next_job(session, request.task, policy, subjects, long=room)
        if not claims:
            # Nothing is written before the job's row is locked: the order of transactions is then
            # also the order of each job's events, on which readers with a cursor rely (R6).
            await _note_producer(session, request)
            if request.about is not None:
                await _note_worker(session, request, request.about)
        if job is None or (row := await _start(session, request, job, policy)) is None:
            break
        described = await describe(session, row) if describe is not None else InputDescription()
        claims.append(_claim_of(row, subjects.facts_of(job.subject), described, policy))
    return tuple(claims)


async def _start(
    session: AsyncSession, request: ClaimRequest, job: NextJob, policy: Policy
) -> JobRow | None:
    return await start_attempt(
        session,
        job.id,
        job.epoch,
        {
            "attempt": job.attempt + 1,
            "worker": request.worker,
            "lease_until": policy.lease,
            "deadline": timedelta(seconds=job.start_to_close_timeout),
            "producer": request.producer.model_dump(mode="json"),
            "fingerprint": request.producer.fingerprint,
        },
    )


async def heartbeat(
    session: AsyncSession, job: str, beat: Heartbeat, *, policy: Policy
) -> tuple[LeaseStatus, JobRow | None]:
    """Extend a lease; return whether the job is still this worker's, and its row if it is."""
    statement = (
        update(JobRow)
        .where(
            col(JobRow.id) == job,
            col(JobRow.state) == JobState.RUNNING,
            col(JobRow.epoch) == beat.epoch,
            col(JobRow.worker) == beat.worker,
        )
        .values(
            lease_until=database_of(session).now(offset=policy.lease),
            progress=beat.progress.model_dump(mode="json"),
        )
        .returning(JobRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    row = (await session.scalars(statement)).one_or_none()
    if row is None:
        return LeaseStatus.LOST, None
    return (LeaseStatus.CANCELLED if row.cancel_requested else LeaseStatus.HELD), row


def offered(session: AsyncSession, task: TaskName, *, policy: Policy) -> Select[str]:
    """Return the query of the fingerprints that results may be reused of.

    These are what workers asked with lately, and in any case the newest: a server that has just
    started knows what its workers will offer.
    """
    since = database_of(session).now(offset=-policy.offered)
    newest = (
        select(col(ProducerRow.fingerprint))
        .where(col(ProducerRow.task) == task)
        .order_by(col(ProducerRow.last_seen).desc(), col(ProducerRow.fingerprint))
        .limit(1)
        .scalar_subquery()
    )
    return select(col(ProducerRow.fingerprint)).where(
        col(ProducerRow.task) == task,
        or_(col(ProducerRow.last_seen) > since, col(ProducerRow.fingerprint) == newest),
    )


def _claim_of(
    row: JobRow, facts: ItemFacts | None, described: InputDescription, policy: Policy
) -> Claim:
    return Claim(
        job=JobId(row.id),
        epoch=row.epoch,
        attempt=row.attempt,
        task=TaskName(row.task),
        owner=OwnerId(row.owner),
        subject=subject_of(row),
        item=facts,
        export=described.export,
        cuts=described.cuts,
        inputs=tuple(InputRef.model_validate(i) for i in row.inputs),
        params=row.params,
        long=row.long,
        lease=policy.lease.total_seconds(),
        start_to_close_timeout=row.start_to_close_timeout,
        traceparent=row.traceparent,
    )


async def _note_producer(session: AsyncSession, request: ClaimRequest) -> None:
    """Write that a worker offers a producer, at most once a minute."""
    database = database_of(session)
    fresh = database.prepared("producer", lambda: _fresh(database))
    key = {"task": request.task.value, "fingerprint": request.producer.fingerprint}
    if (await session.execute(fresh, key)).scalar_one_or_none() is not None:
        return
    statement = insert_into(database, ProducerRow).values(
        **key,
        producer=request.producer.model_dump(mode="json"),
        first_seen=database.now(),
        last_seen=database.now(),
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["task", "fingerprint"],
            set_={"last_seen": statement.excluded.last_seen},
        )
    )


async def _note_worker(session: AsyncSession, request: ClaimRequest, about: WorkerInfo) -> None:
    """Write what a worker says of itself, which it does about once a minute."""
    database = database_of(session)
    statement = insert_into(database, WorkerRow).values(
        id=request.worker,
        task=request.task.value,
        producer=request.producer.model_dump(mode="json"),
        about=about.model_dump(mode="json"),
        slots=about.slots,
        first_seen=database.now(),
        last_seen=database.now(),
    )
    changing = ("producer", "about", "slots", "last_seen")
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["id"],
            set_={name: getattr(statement.excluded, name) for name in changing},
        )
    )


def _fresh(database: Database) -> Select[str]:
    """Return the query of whether a producer was noted recently."""
    return select(col(ProducerRow.task)).where(
        col(ProducerRow.task) == bindparam("task", type_=String),
        col(ProducerRow.fingerprint) == bindparam("fingerprint", type_=String),
        col(ProducerRow.last_seen) > database.now(offset=-SEEN_EVERY),
    )
