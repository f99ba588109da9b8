"""Files of a user's cuts that newer ones replaced: removed once the new ones are there."""

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.items import ArtifactKind
from contracts.objects import Bucket
from contracts.slicing import USER_SLICES, SlicingResult
from services.library.catalogue.tables import ArtifactRow, ItemRow
from services.library.jobs.policy import Policy
from services.library.jobs.tables import JobRow
from services.library.jobs.transitions import discard_all
from services.library.usage import change

_LATER = timedelta(days=1)
"""How long jobs that were queued before can still read the files."""


async def drop_replaced_files(
    session: AsyncSession, item: ItemRow, job: JobRow, policy: Policy
) -> None:
    """Remove the samples that an earlier render of the same recording made.

    A file that is still the audio of a sample stays: that sample's cut was merged or deleted.
    """
    del policy
    if not SlicingResult.model_validate(job.result).by_user:
        return
    row = ArtifactRow
    own = select(col(row.stem)).where(col(row.job) == job.id, col(row.name) == USER_SLICES)
    stem = (await session.execute(own)).scalar_one_or_none()
    earlier = select(col(row.job)).where(
        col(row.item) == item.id,
        col(row.name) == USER_SLICES,
        col(row.stem) == stem,
        col(row.job) != job.id,
    )
    files = (
        await session.execute(
            select(col(row.object_key), col(row.size)).where(
                col(row.item) == item.id,
                col(row.job).in_(earlier),
                col(row.kind).in_((ArtifactKind.SAMPLE, ArtifactKind.LOOP)),
            )
        )
    ).all()
    sizes = dict(files)
    for key in await _in_use(session, list(sizes)):
        del sizes[key]
    if not sizes:
        return
    removed = delete(row).where(col(row.object_key).in_(sizes))
    await session.execute(removed.execution_options(synchronize_session=False))
    await discard_all(session, [(Bucket.DERIVED, key, _LATER) for key in sizes])
    await change(session, item.owner, results=-sum(sizes.values()))


async def _in_use(session: AsyncSession, keys: list[str]) -> set[str]:
    """Return which of some files are the newest audio of an item."""
    row = ArtifactRow
    canonical = col(row.kind) == ArtifactKind.CANONICAL
    samples = select(col(row.item)).where(canonical, col(row.object_key).in_(keys))
    query = (
        select(col(row.item), col(row.object_key))
        .where(canonical, col(row.item).in_(samples))
        .order_by(col(row.created), col(row.id))
    )
    newest = dict((await session.execute(query)).all())
    return set(newest.values()) & set(keys)
