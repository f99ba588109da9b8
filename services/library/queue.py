"""Where a waiting job stands in the queue of its task, and what it waits for."""

from sqlalchemy import ScalarSelect, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from contracts.jobs import JobClass, JobState, QueueState, WaitsFor
from kit.database.engine import database_of
from services.library.policy import Policy
from services.library.tables import JobRow, MakeRow, in_state

_OTHERS = aliased(JobRow)
"""The other jobs, beside the one that is looked at."""
COUNTED = 1000
"""Jobs ahead that are counted at most, so that a deep queue costs no more than a short one."""


async def queue_state(session: AsyncSession, row: JobRow, *, policy: Policy) -> QueueState | None:
    """Return where a job stands while it is queued, else nothing.

    One statement, each part of which stops at a limit: people look at this again and again.
    """
    if row.state != JobState.QUEUED:
        return None
    database = database_of(session)
    since = database.now(offset=-policy.offered)
    worker = select(col(MakeRow.task)).where(
        col(MakeRow.task) == row.task, col(MakeRow.last_seen) > since
    )
    paused = col(JobRow.not_before) > database.now()
    query = select(_ahead(row), _running(row, policy), worker.exists(), paused).where(
        col(JobRow.id) == row.id
    )
    if (found := (await session.execute(query)).one_or_none()) is None:
        return None
    ahead, running, offered, waits = found
    reason, message = _reason(row, ahead, running, policy, offered=offered, paused=waits)
    return QueueState(position=ahead + 1, ahead=ahead, waits_for=reason, message=message)


def _ahead(row: JobRow) -> ScalarSelect[int]:
    earlier = or_(
        col(_OTHERS.queued) < row.queued,
        and_(col(_OTHERS.queued) == row.queued, col(_OTHERS.id) < row.id),
    )
    urgent = col(_OTHERS.priority) == JobClass.INTERACTIVE
    before = and_(urgent, earlier) if row.priority == JobClass.INTERACTIVE else or_(urgent, earlier)
    some = (
        select(col(_OTHERS.id))
        .where(col(_OTHERS.task) == row.task, in_state(JobState.QUEUED, _OTHERS), before)
        .limit(COUNTED)
        .subquery()
    )
    return select(func.count()).select_from(some).scalar_subquery()


def _running(row: JobRow, policy: Policy) -> ScalarSelect[int]:
    some = (
        select(col(_OTHERS.id))
        .where(col(_OTHERS.owner) == row.owner, in_state(JobState.RUNNING, _OTHERS))
        .limit(policy.owner_running)
        .subquery()
    )
    return select(func.count()).select_from(some).scalar_subquery()


def _reason(
    row: JobRow, ahead: int, running: int, policy: Policy, *, offered: bool, paused: bool
) -> tuple[WaitsFor, str]:
    if not offered:
        return WaitsFor.WORKER, f"no worker for {row.task} runs here now; it starts when one does"
    if paused:
        when = f"{row.not_before:%H:%M:%S} UTC"
        return WaitsFor.RETRY, f"the last attempt met a passing fault; the next is at {when}"
    if running >= policy.owner_running:
        return WaitsFor.LIMIT, f"{running} jobs of yours run, which is as many as may at once"
    if ahead:
        many = f"{ahead} or more" if ahead >= COUNTED else str(ahead)
        return WaitsFor.OTHERS, f"jobs of {row.task} before it: {many}"
    return WaitsFor.ROOM, f"it is the next one, as soon as a worker for {row.task} is free"
