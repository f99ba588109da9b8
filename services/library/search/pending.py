"""Files of tags that search documents do not show yet."""

from collections.abc import Collection, Sequence

from sqlalchemy import literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.items import ArtifactKind
from contracts.jobs import JobState, TaskName
from kit.database.engine import database_of
from kit.database.notifications import notify_on_commit
from kit.database.upsert import insert_into
from services.library.catalogue.tables import ArtifactRow
from services.library.jobs.transitions import FinishedJob
from services.library.search.tables import SearchPendingRow

TAG_FILES = "tag files"
"""`Database.listen` gives the event of a file that waits to be read."""


async def queue_results(session: AsyncSession, finished: Sequence[FinishedJob]) -> None:
    """Queue the files of finished tagging jobs; a listener of `JOB_FINISHED`, after `Effects`."""
    jobs = [
        job.row.id
        for job in finished
        if job.row.task == TaskName.TAGGING and job.row.state == JobState.SUCCEEDED
    ]
    if jobs:
        await _queue(session, col(ArtifactRow.job).in_(jobs))


async def queue_items(session: AsyncSession, items: Collection[str]) -> None:
    """Queue all files of tags that belong to items, to be read again."""
    await _queue(session, col(ArtifactRow.item).in_(items))


async def _queue(session: AsyncSession, which: object) -> None:
    database = database_of(session)
    files = select(col(ArtifactRow.id), literal(0), database.now()).where(
        which,  # type: ignore[arg-type]
        col(ArtifactRow.kind) == ArtifactKind.TAGS,
    )
    new = insert_into(database, SearchPendingRow)
    await session.execute(
        new.from_select(["artifact", "tries", "due"], files).on_conflict_do_nothing()
    )
    notify_on_commit(session, TAG_FILES)
