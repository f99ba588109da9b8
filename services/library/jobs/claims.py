"""Jobs as workers see them: claim the next one under a lease, keep it, give it back."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Select,
    String,
    and_,
    bindparam,
    case,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
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
    Priority,
    TaskName,
)
from contracts.music import Seconds
from kit.database.engine import Database, database_of
from kit.database.upsert import insert_into
from services.library.jobs.policy import Policy
from services.library.jobs.subject_facts import SubjectFacts
from services.library.jobs.subjects import subject_of
from services.library.jobs.tables import JobRow, ProducerRow, in_state
from services.library.jobs.transitions import start_attempt

SEEN_EVERY = timedelta(minutes=1)
"""How often `last_seen` of a producer is written."""

_OTHERS = aliased(JobRow)
"""The jobs that the query of the next one compares it with."""


async def claim(
    session: AsyncSession, request: ClaimRequest, *, policy: Policy, subjects: SubjectFacts
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
    if waiting := database.sqlite or await _any_waiting(session, request.task):
        # Claims come one at a time, so that an owner's share is exact and not a guess (R3).
        await database.lock(session, "claims")
    while len(claims) < request.max_jobs:
        room = sum(claim.long for claim in claims) < request.max_long_jobs
        job = None
        if waiting:
            job = await _next_job(session, request.task, policy, subjects, long=room)
        if not claims:
            # Nothing is written before the job's row is locked: the order of transactions is then
            # also the order of each job's events, on which readers with a cursor rely (R6).
            await _note_producer(session, request)
        if job is None or (row := await _start(session, request, job, policy)) is None:
            break
        claims.append(_claim_of(row, subjects.facts_of(job.subject), policy))
    return tuple(claims)


async def _start(
    session: AsyncSession, request: ClaimRequest, job: "_NextJob", policy: Policy
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


async def _any_waiting(session: AsyncSession, task: TaskName) -> bool:
    waiting = and_(
        col(JobRow.task) == task,
        in_state(JobState.QUEUED),
        col(JobRow.not_before) <= database_of(session).now(),
    )
    query = select(col(JobRow.id)).where(waiting).limit(1)
    return (await session.execute(query)).scalar_one_or_none() is not None


@dataclass(frozen=True, slots=True)
class _NextJob:
    """The job to be claimed next, its row locked."""

    id: str
    epoch: int
    attempt: int
    start_to_close_timeout: Seconds
    subject: Any
    """What `SubjectFacts.join` added."""


async def _next_job(
    session: AsyncSession, task: TaskName, policy: Policy, subjects: SubjectFacts, *, long: bool
) -> _NextJob | None:
    """Lock and return the next job of a task; long jobs only on request."""
    database = database_of(session)
    query = database.prepared(
        ("next job", task, policy, subjects, long),
        lambda: subjects.join(_next_query(database, task, policy, long=long)),
    )
    row = (await session.execute(query)).one_or_none()
    return _NextJob(*row) if row else None


def _next_query(
    database: Database, task: TaskName, policy: Policy, *, long: bool
) -> Select[*tuple[Any, ...]]:
    """Return the query of the next job of a task.

    Sorting all queued jobs would make a claim slower the deeper the queue is. So the query selects
    in two steps, each of which reads single rows of an index:

    1. `heads`: the oldest queued job of each owner, priority and length. These are few rows,
       however many jobs wait. They are sorted by the rules of `claim`, and the first is `next`.
    2. The oldest job of the owner, priority and length of `next`, locked. `SKIP LOCKED` leaves a
       row alone that another transaction changes at this moment, such as a cancellation.
    """

    def ready(job: Any) -> tuple[ColumnElement[bool], ...]:
        return (
            col(job.task) == task,
            in_state(JobState.QUEUED, job),
            col(job.not_before) <= database.now(),
        )

    owners = _eligible_owners(task, policy)

    def head(priority: Priority, is_long: bool) -> Select[Any]:
        # Priority and length are literals, not bind values, so that the planner can choose
        # `ix_jobs_queued` for each of these subqueries.
        name = literal_column(f"'{priority.value}'", String)
        length = true() if is_long else false()
        queued = (
            select(col(_OTHERS.queued))
            .where(*ready(_OTHERS), col(_OTHERS.owner) == owners.c.owner)
            .where(col(_OTHERS.priority) == name, col(_OTHERS.long) == length)
            .order_by(col(_OTHERS.queued))
            .limit(1)
            .scalar_subquery()
        )
        return select(
            owners.c.owner,
            owners.c.share,
            owners.c.last,
            name.label("priority"),
            length.label("long"),
            queued.label("queued"),
        )

    lengths = (False, True) if long else (False,)
    heads = union_all(*(head(p, is_long) for p in Priority for is_long in lengths)).cte("heads")
    urgent = or_(
        heads.c.priority == Priority.INTERACTIVE,
        heads.c.queued < database.now(offset=-policy.ageing),
    )
    patient = and_(heads.c.long, heads.c.queued >= database.now(offset=-policy.patience))
    grade, length = case((urgent, 0), else_=1), case((patient, 1), else_=0)
    # MATERIALIZED: computed once, although three conditions of the outer query read it.
    next_ = (
        select(heads.c.owner, heads.c.priority, heads.c.long)
        .where(heads.c.queued.is_not(None))
        .order_by(grade, heads.c.share, heads.c.last.asc().nulls_first(), length, heads.c.queued)
        .limit(1)
        .cte("next")
        .prefix_with("MATERIALIZED")
    )
    return (
        select(
            col(JobRow.id),
            col(JobRow.epoch),
            col(JobRow.attempt),
            col(JobRow.start_to_close_timeout),
        )
        .where(
            *ready(JobRow),
            col(JobRow.owner) == select(next_.c.owner).scalar_subquery(),
            col(JobRow.priority) == select(next_.c.priority).scalar_subquery(),
            col(JobRow.long) == select(next_.c.long).scalar_subquery(),
        )
        .order_by(col(JobRow.queued), col(JobRow.id))
        .limit(1)
        .with_for_update(of=JobRow, skip_locked=True)
        .execution_options(populate_existing=True)
    )


def _eligible_owners(task: TaskName, policy: Policy) -> CTE:
    """Return the owners with queued jobs of a task and room for more running ones (R3).

    `share` is how many jobs of any task the owner has running, `last` when one last started.
    """
    owners = _owners(task)
    theirs = col(_OTHERS.owner) == owners.c.owner
    share = select(func.count()).select_from(_OTHERS)
    share = share.where(theirs, in_state(JobState.RUNNING, _OTHERS))
    last = select(func.max(col(_OTHERS.started))).where(theirs)
    counted = (
        select(
            owners.c.owner,
            share.scalar_subquery().label("share"),
            last.scalar_subquery().label("last"),
        )
        .where(owners.c.owner.is_not(None))
        .cte("counted")
        .prefix_with("MATERIALIZED")
    )
    return select(counted).where(counted.c.share < policy.owner_running).cte("eligible")


def _owners(task: TaskName) -> CTE:
    """Return the owners who have queued jobs of a task.

    A loose index scan: each step of the recursion finds the next owner with one look-up of an
    index. `SELECT DISTINCT owner` would read every queued job.
    """
    waits = (col(_OTHERS.task) == task, in_state(JobState.QUEUED, _OTHERS))
    first = select(func.min(col(_OTHERS.owner)).label("owner")).where(*waits)
    owners = first.cte("owners", recursive=True)
    following = select(func.min(col(_OTHERS.owner))).where(
        *waits, col(_OTHERS.owner) > owners.c.owner
    )
    return owners.union_all(select(following.scalar_subquery()).where(owners.c.owner.is_not(None)))


def _claim_of(row: JobRow, facts: ItemFacts | None, policy: Policy) -> Claim:
    return Claim(
        job=JobId(row.id),
        epoch=row.epoch,
        attempt=row.attempt,
        task=TaskName(row.task),
        owner=OwnerId(row.owner),
        subject=subject_of(row),
        item=facts,
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


def _fresh(database: Database) -> Select[str]:
    """Return the query of whether a producer was noted recently."""
    return select(col(ProducerRow.task)).where(
        col(ProducerRow.task) == bindparam("task", type_=String),
        col(ProducerRow.fingerprint) == bindparam("fingerprint", type_=String),
        col(ProducerRow.last_seen) > database.now(offset=-SEEN_EVERY),
    )
