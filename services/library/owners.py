"""The end of an account: rows, objects and jobs of its owner go (S28)."""

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.ids import OwnerId
from contracts.jobs import JobState
from contracts.objects import Bucket, owner_prefix
from services.library.arrows import ATTEMPT_GARBAGE_AFTER, discard, to_end
from services.library.locks import hold_owner
from services.library.tables import (
    ArtifactRow,
    EventRow,
    GarbageRow,
    IdempotencyRow,
    ItemRow,
    JobRow,
    PipelineRow,
    RunRow,
    UploadRow,
)

_TABLES: tuple[Any, ...] = (
    ArtifactRow,
    JobRow,
    RunRow,
    ItemRow,
    UploadRow,
    PipelineRow,
    IdempotencyRow,
)


async def forget_owner(session: AsyncSession, owner: OwnerId) -> None:
    """Delete everything of an owner: rows at once, objects as soon as the reaper comes by."""
    await hold_owner(session, owner)
    live = (
        select(JobRow)
        .where(col(JobRow.owner) == owner)
        .where(col(JobRow.state).in_((JobState.QUEUED, JobState.RUNNING)))
        .order_by(col(JobRow.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    # Their workers are told at the next heartbeat that the job is lost.
    for row in list(await session.scalars(live)):
        await to_end(session, row, JobState.CANCELLED)
    await session.flush()
    for table in _TABLES:
        statement = delete(table).where(col(table.owner) == owner)
        await session.execute(statement.execution_options(synchronize_session=False))
    # What tells of the account in names goes too; what is not sent yet would tell it now.
    await session.execute(
        delete(EventRow)
        .where(col(EventRow.owner) == owner)
        .execution_options(synchronize_session=False)
    )
    prefix = owner_prefix(owner)
    await session.execute(
        delete(GarbageRow)
        .where(col(GarbageRow.prefix).startswith(prefix, autoescape=True))
        .execution_options(synchronize_session=False)
    )
    for bucket in Bucket:
        await discard(session, bucket, prefix)
        # A worker that is not told yet, or a part that is on its way, may still be written.
        await discard(session, bucket, prefix, after=ATTEMPT_GARBAGE_AFTER)
        await discard(session, bucket, prefix, after=timedelta(hours=23))
