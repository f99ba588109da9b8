"""What jobs over a collection stored: it goes with the collection."""

from datetime import timedelta

from sqlalchemy import ColumnElement, and_, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.ids import CollectionId, OwnerId
from contracts.jobs import JobState
from contracts.objects import Bucket, subject_prefix
from contracts.subjects import Subject, SubjectKind
from services.library.catalogue.tables import ArtifactRow
from services.library.jobs.tables import JobRow, in_state
from services.library.jobs.transitions import ATTEMPT_GARBAGE_AFTER, discard_all, finish
from services.library.usage import change


async def delete_results(session: AsyncSession, owner: OwnerId, collection: CollectionId) -> None:
    """Cancel and delete the jobs over a collection, and delete what they stored.

    The caller holds the owner's lock, and takes no other lock afterwards.
    """
    subject = Subject(kind=SubjectKind.COLLECTION, id=collection)
    live = in_state(JobState.QUEUED) | in_state(JobState.RUNNING)
    query = (
        select(JobRow)
        .where(_of(JobRow, owner, subject), live)
        .order_by(col(JobRow.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    for row in list(await session.scalars(query)):
        await finish(session, row, JobState.CANCELLED, with_effects=False)
    jobs = delete(JobRow).where(_of(JobRow, owner, subject)).returning(col(JobRow.epoch))
    epochs = list(await session.scalars(jobs.execution_options(synchronize_session=False)))
    if any(epochs):
        prefix = subject_prefix(owner, subject)
        # A worker may not know yet that its job was cancelled, and still write.
        later = ATTEMPT_GARBAGE_AFTER + timedelta(minutes=5)
        await discard_all(session, [(Bucket.DERIVED, prefix, at) for at in (timedelta(), later)])
    files = delete(ArtifactRow).where(_of(ArtifactRow, owner, subject))
    sizes = files.returning(col(ArtifactRow.size)).execution_options(synchronize_session=False)
    freed = sum(await session.scalars(sizes))
    if freed:
        await change(session, owner, results=-freed)


def _of(
    table: type[JobRow] | type[ArtifactRow], owner: str, subject: Subject
) -> ColumnElement[bool]:
    return and_(
        col(table.owner) == owner,
        col(table.subject_kind) == subject.kind.value,
        col(table.subject_id) == subject.id,
    )
