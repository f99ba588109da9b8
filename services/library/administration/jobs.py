"""Jobs of all accounts: those that wait, those that run, and those that failed within a day."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.admin import MAX_JOBS, AdminJob, AdminJobState
from contracts.ids import JobId, OwnerId
from contracts.jobs import JobState, Priority, Reason, TaskName
from kit.database.engine import database_of
from services.library.jobs.tables import JobRow, in_state

FAILED_WITHIN = timedelta(days=1)


async def list_jobs(
    session: AsyncSession, state: AdminJobState, *, task: TaskName | None, account: OwnerId | None
) -> tuple[AdminJob, ...]:
    """Return jobs in a state, at most `MAX_JOBS`.

    Waiting and running jobs are listed oldest first, failed ones newest first.
    """
    query = select(JobRow).where(in_state(JobState(state.value)))
    if state is AdminJobState.FAILED:
        since = database_of(session).now(offset=-FAILED_WITHIN)
        query = query.where(col(JobRow.finished) > since)
        query = query.order_by(col(JobRow.finished).desc(), col(JobRow.id))
    else:
        query = query.order_by(col(JobRow.queued), col(JobRow.id))
    if task is not None:
        query = query.where(col(JobRow.task) == task)
    if account is not None:
        query = query.where(col(JobRow.owner) == account)
    return tuple(map(_to_api, await session.scalars(query.limit(MAX_JOBS))))


def _to_api(row: JobRow) -> AdminJob:
    reason: dict[str, Any] | None = row.reason
    return AdminJob(
        id=JobId(row.id),
        account=OwnerId(row.owner),
        task=TaskName(row.task),
        state=AdminJobState(row.state),
        priority=Priority(row.priority),
        attempt=row.attempt,
        crashes=row.crashes,
        worker=row.worker,
        queued=row.queued,
        started=row.started,
        finished=row.finished,
        reason=Reason.model_validate(reason) if reason else None,
    )
