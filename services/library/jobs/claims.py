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
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from contracts.ids import ItemId, JobId, OwnerId
from contracts.items import AudioFacts, ItemKind
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
from services.library.catalogue.artifacts import split_name
from services.library.catalogue.tables import ItemRow
from services.library.jobs.policy import Policy
from services.library.jobs.subjects import subject_of
from services.library.jobs.tables import JobRow, ProducerRow, in_state
from services.library.jobs.transitions import start_attempt

SEEN_EVERY = timedelta(minutes=1)
"""How often it is written that a make is still offered."""

_OTHERS = aliased(JobRow)
"""An owner's other jobs, beside the one that is looked at."""


async def claim(
    session: AsyncSession, request: ClaimRequest, *, policy: Policy
) -> tuple[Claim, ...]:
    """Hand a worker the next jobs of a task, as many as it has room for, or nothing.

    Interactive work and what has waited long goes first, then the owner who has the least
    running, then the one whose last turn is longest ago, then what is short or has lost patience,
    then the oldest. Long jobs are left out once the worker has no room for more of them.
    """
    database = database_of(session)
    claims: list[Claim] = []
    # On SQLite a claim is alone anyway, and need not look first whether it has to be.
    if waiting := database.sqlite or await _anything(session, request.task):
        # Claims come one at a time, so that an owner's share is exact and not a guess (R3).
        await database.lock(session, "claims")
    while len(claims) < request.max_jobs:
        room = sum(taken.long for taken in claims) < request.max_long_jobs
        found = await _next(session, request.task, policy, long=room) if waiting else None
        if not claims:
            # Nothing is written before the job's row is held: the order of transactions is then
            # also the order of each job's events, on which readers with a cursor rely (R6).
            await _seen(session, request)
        if found is None or (taken := await _take(session, request, found, policy)) is None:
            break
        claims.append(taken)
    return tuple(claims)


async def _take(
    session: AsyncSession, request: ClaimRequest, found: "_Next", policy: Policy
) -> Claim | None:
    taken = await start_attempt(
        session,
        found.job,
        found.epoch,
        {
            "attempt": found.attempt + 1,
            "worker": request.worker,
            "lease_until": policy.lease,
            "deadline": timedelta(seconds=found.start_to_close_timeout),
            "producer": request.producer.model_dump(mode="json"),
            "fingerprint": request.producer.fingerprint,
        },
    )
    return _claim_of(taken, found.item, policy) if taken is not None else None


async def heartbeat(
    session: AsyncSession, job: str, beat: Heartbeat, *, policy: Policy
) -> tuple[LeaseStatus, JobRow | None]:
    """Prolong a lease; say whether the job is still this worker's and still wanted."""
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


async def _anything(session: AsyncSession, task: TaskName) -> bool:
    waiting = and_(
        col(JobRow.task) == task,
        in_state(JobState.QUEUED),
        col(JobRow.not_before) <= database_of(session).now(),
    )
    query = select(col(JobRow.id)).where(waiting).limit(1)
    return (await session.execute(query)).scalar_one_or_none() is not None


@dataclass(frozen=True, slots=True)
class _Next:
    """The job whose turn it is, and its subject where that is an item."""

    job: str
    epoch: int
    attempt: int
    start_to_close_timeout: Seconds
    item: ItemRow | None


async def _next(
    session: AsyncSession, task: TaskName, policy: Policy, *, long: bool
) -> _Next | None:
    """Return the job whose turn it is, long ones among them or not, its row held."""
    database = database_of(session)
    query = database.prepared(
        ("turn", task, policy, long), lambda: _turn(database, task, policy, long=long)
    )
    found = (await session.execute(query)).one_or_none()
    return _Next(*found) if found else None


def _turn(
    database: Database, task: TaskName, policy: Policy, *, long: bool
) -> Select[str, int, int, float, ItemRow | None]:
    """Return the query of whose turn it is.

    First it is decided which owner is next, and with a job of which priority and length, by the
    first of each that they have waiting and by what they have running; then that job is taken.
    Each step looks up one row of an index, so that a claim takes as long in a deep queue as in a
    short one.
    """

    def ready(job: Any) -> tuple[ColumnElement[bool], ...]:
        return (
            col(job.task) == task,
            in_state(JobState.QUEUED, job),
            col(job.not_before) <= database.now(),
        )

    status = _standing(task, policy)

    def first(priority: Priority, is_long: bool) -> Select[Any]:
        written = literal_column(f"'{priority.value}'", String)
        length = true() if is_long else false()
        queued = (
            select(col(_OTHERS.queued))
            .where(*ready(_OTHERS), col(_OTHERS.owner) == status.c.owner)
            .where(col(_OTHERS.priority) == written, col(_OTHERS.long) == length)
            .order_by(col(_OTHERS.queued))
            .limit(1)
            .scalar_subquery()
        )
        return select(
            status.c.owner,
            status.c.share,
            status.c.last,
            written.label("priority"),
            length.label("long"),
            queued.label("queued"),
        )

    lengths = (False, True) if long else (False,)
    heads = union_all(*(first(p, is_long) for p in Priority for is_long in lengths)).cte("heads")
    urgent = or_(
        heads.c.priority == Priority.INTERACTIVE,
        heads.c.queued < database.now(offset=-policy.ageing),
    )
    patient = and_(heads.c.long, heads.c.queued >= database.now(offset=-policy.patience))
    grade, length = case((urgent, 0), else_=1), case((patient, 1), else_=0)
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
            ItemRow,
        )
        .outerjoin(ItemRow, col(ItemRow.id) == col(JobRow.item))
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


def _standing(task: TaskName, policy: Policy) -> CTE:
    """Return how many jobs each owner who waits for a task has running, and their last turn."""
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
    return select(counted).where(counted.c.share < policy.owner_running).cte("status")


def _owners(task: TaskName) -> CTE:
    """Return the owners who have jobs of a task waiting, one look-up of an index for each."""
    waits = (col(_OTHERS.task) == task, in_state(JobState.QUEUED, _OTHERS))
    first = select(func.min(col(_OTHERS.owner)).label("owner")).where(*waits)
    owners = first.cte("owners", recursive=True)
    following = select(func.min(col(_OTHERS.owner))).where(
        *waits, col(_OTHERS.owner) > owners.c.owner
    )
    return owners.union_all(select(following.scalar_subquery()).where(owners.c.owner.is_not(None)))


def _claim_of(row: JobRow, item: ItemRow | None, policy: Policy) -> Claim:
    return Claim(
        job=JobId(row.id),
        epoch=row.epoch,
        attempt=row.attempt,
        task=TaskName(row.task),
        owner=OwnerId(row.owner),
        subject=subject_of(row),
        item=_facts(item) if item is not None else None,
        inputs=tuple(InputRef.model_validate(i) for i in row.inputs),
        params=row.params,
        long=row.long,
        lease=policy.lease.total_seconds(),
        start_to_close_timeout=row.start_to_close_timeout,
        traceparent=row.traceparent,
    )


def _facts(item: ItemRow) -> ItemFacts:
    return ItemFacts(
        id=ItemId(item.id),
        kind=ItemKind(item.kind),
        name=split_name(item.name)[0],
        declared=ItemKind(item.declared) if item.declared else None,
        audio=AudioFacts.model_validate(item.audio) if item.audio else None,
        bpm=item.bpm,
    )


async def _seen(session: AsyncSession, request: ClaimRequest) -> None:
    """Note, at most once a minute, what a worker offers to make results with."""
    database = database_of(session)
    fresh = database.prepared("seen", lambda: _fresh(database))
    asked = {"task": request.task.value, "fingerprint": request.producer.fingerprint}
    if (await session.execute(fresh, asked)).scalar_one_or_none() is not None:
        return
    insert: Any = sqlite.insert if database.sqlite else postgresql.insert
    statement = insert(ProducerRow).values(
        task=request.task.value,
        fingerprint=request.producer.fingerprint,
        producer=request.producer.model_dump(mode="json"),
        first_seen=database.now(),
        last_seen=database.now(),
    )
    statement = statement.on_conflict_do_update(
        index_elements=["task", "fingerprint"],
        set_={"last_seen": statement.excluded.last_seen},
    )
    await session.execute(statement)


def _fresh(database: Database) -> Select[str]:
    """Return the query of whether a make was noted lately."""
    return select(col(ProducerRow.task)).where(
        col(ProducerRow.task) == bindparam("task", type_=String),
        col(ProducerRow.fingerprint) == bindparam("fingerprint", type_=String),
        col(ProducerRow.last_seen) > database.now(offset=-SEEN_EVERY),
    )
