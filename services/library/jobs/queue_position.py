"""The position of a queued job in the queue of its task, and what it waits for."""

from collections.abc import Sequence

from sqlalchemy import ScalarSelect, Select, String, and_, bindparam, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from contracts.jobs import JobState, Priority, QueueState, WaitReason
from kit.database.actors import SERVICE, acting_as
from kit.database.base import Utc
from kit.database.engine import Database, database_of
from services.library.jobs.policy import Policy
from services.library.jobs.tables import JobRow, ProducerRow, in_state

_OTHERS = aliased(JobRow)
"""The jobs that are counted."""
COUNTED = 1000
"""Jobs ahead that are counted at most, so that a deep queue costs no more than a short one."""
_JOB = bindparam("of_job", type_=String)
_TASK = bindparam("of_task", type_=String)
_OWNER = bindparam("of_owner", type_=String)
_SINCE = bindparam("since", type_=Utc())


async def queue_state(session: AsyncSession, row: JobRow, *, policy: Policy) -> QueueState | None:
    """Return the position of a job while it is queued, else nothing.

    One statement, each part of which stops at a limit: people look at this again and again.
    """
    if row.state != JobState.QUEUED:
        return None
    database = database_of(session)
    interactive = row.priority == Priority.INTERACTIVE
    query = database.prepared(
        ("queue", policy, interactive),
        lambda: _queue_query(database, policy, interactive=interactive),
    )
    binds = {"of_job": row.id, "of_task": row.task, "of_owner": row.owner, "since": row.queued}
    with acting_as(SERVICE):  # It counts the jobs of others.
        counted = (await session.execute(query, binds)).one_or_none()
    if counted is None:
        return None
    ahead, running, offered, paused = counted
    reason, message = _reason(row, ahead, running, policy, offered=offered, paused=paused)
    return QueueState(position=ahead + 1, ahead=ahead, waiting_for=reason, message=message)


async def queue_states(
    session: AsyncSession, rows: Sequence[JobRow], *, policy: Policy
) -> dict[str, QueueState]:
    """Return the positions of those jobs of one owner that are queued, by id.

    One pass over the queues of their tasks, however many jobs of them are asked for.
    """
    queued = {row.id: row for row in rows if row.state == JobState.QUEUED}
    if not queued:
        return {}
    database = database_of(session)
    tasks = {row.task for row in queued.values()}
    order = (
        case((col(JobRow.priority) == Priority.INTERACTIVE, 0), else_=1),
        col(JobRow.queued),
        col(JobRow.id),
    )
    number = func.row_number().over(partition_by=col(JobRow.task), order_by=order)
    lines = (
        select(col(JobRow.id).label("id"), number.label("number"))
        .where(in_state(JobState.QUEUED), col(JobRow.task).in_(tasks))
        .subquery()
    )
    places = select(lines.c.id, lines.c.number).where(lines.c.id.in_(list(queued)))
    seen = database.now(offset=-policy.offered)
    offered = select(col(ProducerRow.task)).where(col(ProducerRow.last_seen) > seen)
    owner = next(iter(queued.values())).owner
    running = select(_running(policy)).params(of_owner=owner)
    offers = set(await session.scalars(offered))
    mine = (await session.execute(running)).scalar_one()
    now = await database.time(session)
    states = {}
    with acting_as(SERVICE):  # It counts the jobs of others.
        numbered = (await session.execute(places)).all()
    for id_, place in numbered:
        row, ahead = queued[id_], min(place - 1, COUNTED)
        is_offered, paused = row.task in offers, row.not_before > now
        reason, message = _reason(row, ahead, mine, policy, offered=is_offered, paused=paused)
        states[id_] = QueueState(
            position=ahead + 1, ahead=ahead, waiting_for=reason, message=message
        )
    return states


def _queue_query(
    database: Database, policy: Policy, *, interactive: bool
) -> Select[int, int, bool, bool]:
    """Return the query of jobs ahead, running jobs, whether a worker polls, whether it pauses."""
    offered = database.now(offset=-policy.offered)
    worker = select(col(ProducerRow.task)).where(
        col(ProducerRow.task) == _TASK, col(ProducerRow.last_seen) > offered
    )
    paused = col(JobRow.not_before) > database.now()
    return select(_ahead(interactive=interactive), _running(policy), worker.exists(), paused).where(
        col(JobRow.id) == _JOB
    )


def _ahead(*, interactive: bool) -> ScalarSelect[int]:
    earlier = or_(
        col(_OTHERS.queued) < _SINCE,
        and_(col(_OTHERS.queued) == _SINCE, col(_OTHERS.id) < _JOB),
    )
    urgent = col(_OTHERS.priority) == Priority.INTERACTIVE
    before = and_(urgent, earlier) if interactive else or_(urgent, earlier)
    some = (
        select(col(_OTHERS.id))
        .where(col(_OTHERS.task) == _TASK, in_state(JobState.QUEUED, _OTHERS), before)
        .limit(COUNTED)
        .subquery()
    )
    return select(func.count()).select_from(some).scalar_subquery()


def _running(policy: Policy) -> ScalarSelect[int]:
    some = (
        select(col(_OTHERS.id))
        .where(col(_OTHERS.owner) == _OWNER, in_state(JobState.RUNNING, _OTHERS))
        .limit(policy.owner_running)
        .subquery()
    )
    return select(func.count()).select_from(some).scalar_subquery()


def _reason(
    row: JobRow, ahead: int, running: int, policy: Policy, *, offered: bool, paused: bool
) -> tuple[WaitReason, str]:
    if not offered:
        return WaitReason.WORKER, f"no worker for {row.task} runs here now; it starts when one does"
    if paused:
        when = f"{row.not_before:%H:%M:%S} UTC"
        return WaitReason.RETRY, f"the last attempt met a passing fault; the next is at {when}"
    if running >= policy.owner_running:
        return WaitReason.LIMIT, f"{running} jobs of yours run, which is as many as may at once"
    if ahead:
        many = f"{ahead} or more" if ahead >= COUNTED else str(ahead)
        return WaitReason.OTHERS, f"jobs of {row.task} before it: {many}"
    return WaitReason.ROOM, f"it is the next one, as soon as a worker for {row.task} is free"
