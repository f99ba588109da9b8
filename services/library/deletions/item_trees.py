"""An item that was marked as deleted, and all that was cut from it: removed from the leaves on.

First nothing works on it any more: its runs end, then its jobs. Then items go, the deepest first,
each with its artifacts, jobs and runs, in transactions of at most `ROWS` rows. What one item has
too much of goes before it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import CTE, Select, delete, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.events import ItemDeleted, RunFinished
from contracts.ids import ItemId, OwnerId, RunId
from contracts.jobs import JobState
from contracts.objects import Bucket, parse_derived, subject_prefix
from contracts.pipelines import RunState
from contracts.subjects import Subject
from contracts.tasks import UPLOAD_TASK
from contracts.topics import LIBRARY_EVENTS
from kit.database.engine import Database, database_of
from services.library.catalogue.tables import ArtifactRow, DeletionRow, ItemRow
from services.library.events.outbox import About, Fact, record_all
from services.library.jobs.locks import hold_owner
from services.library.jobs.tables import JobRow, in_state
from services.library.jobs.transitions import ATTEMPT_GARBAGE_AFTER, discard_all, finish
from services.library.pipelines.tables import RunRow
from services.library.search.documents import remove_items
from services.library.similarity.sound_vectors import SoundVectors
from services.library.usage import change

ROWS = 500
"""Rows that one transaction removes at most, and one more for each item."""
ITEMS = 100
LIVE = 25
"""Jobs or runs that one transaction ends: each takes a few statements."""
_LATER = ATTEMPT_GARBAGE_AFTER + timedelta(minutes=5)
_OF_ITEMS: tuple[Any, ...] = (ArtifactRow, JobRow, RunRow)


async def delete_piece(
    database: Database, vectors: SoundVectors, owner: OwnerId, root: ItemId
) -> bool:
    """Do a bounded part of the deletion of a marked item; return whether something may be left."""
    tree = _tree(root)
    async with database.session() as session:
        of_tree = select(tree.c.id)
        runs = await _some(session, select(col(RunRow.id)).where(
            col(RunRow.item).in_(of_tree), col(RunRow.state) == RunState.RUNNING
        ))  # fmt: skip
        jobs = await _some(session, select(col(JobRow.id)).where(
            col(JobRow.item).in_(of_tree), _live()
        ))  # fmt: skip
        deepest = select(tree.c.id).order_by(tree.c.depth.desc()).limit(ITEMS)
        items = list(await session.scalars(deepest))
        counts = Counter[str]()
        for table in _OF_ITEMS:
            counted = (
                select(col(table.item), func.count())
                .where(col(table.item).in_(items))
                .group_by(col(table.item))
            )
            counts.update(dict((await session.execute(counted)).all()))
    async with database.transaction() as session:
        await hold_owner(session, owner)
        if runs:
            await _end_runs(session, runs)
        elif jobs:
            await _end_jobs(session, jobs)
        elif not items:
            await _done(session, root)
            return False
        elif counts[items[0]] > ROWS:
            await _thin_out(session, owner, root, items[0])
        else:
            await _remove(session, vectors, owner, root, _fitting(items, counts))
    return True


async def end_work(database: Database, owner: OwnerId, root: ItemId) -> bool:
    """End some of the runs and jobs over a hidden item; return whether something may be left.

    Ingest goes on: without it the item could not be used once it is restored.
    """
    of_tree = select(_tree(root).c.id)
    async with database.session() as session:
        runs = await _some(session, select(col(RunRow.id)).where(
            col(RunRow.item).in_(of_tree), col(RunRow.state) == RunState.RUNNING
        ))  # fmt: skip
        jobs = await _some(session, select(col(JobRow.id)).where(
            col(JobRow.item).in_(of_tree), _live(), col(JobRow.task) != UPLOAD_TASK
        ))  # fmt: skip
    async with database.transaction() as session:
        await hold_owner(session, owner)
        row = await session.get(DeletionRow, root)
        if row is None or not row.hidden:
            # It was restored meanwhile, or is deleted for good.
            return False
        if runs:
            await _end_runs(session, runs)
        elif jobs:
            await _end_jobs(session, jobs)
        else:
            row.has_work = False
        return row.has_work


def _tree(root: str) -> CTE:
    """Return the query of an item and everything that was cut from it, with how far down."""
    top = (
        select(col(ItemRow.id).label("id"), literal(0).label("depth"))
        .where(col(ItemRow.id) == root)
        .cte("tree", recursive=True)
    )
    return top.union(
        select(col(ItemRow.id), top.c.depth + 1).where(col(ItemRow.parent) == top.c.id)
    )


def _below(root: str, items: Iterable[str]) -> Select[str]:
    """Return the query of those of some items that are an item or were cut from it."""
    up = (
        select(col(ItemRow.id).label("item"), col(ItemRow.id), col(ItemRow.parent))
        .where(col(ItemRow.id).in_(items))
        .cte("up", recursive=True)
    )
    further = select(up.c.item, col(ItemRow.id), col(ItemRow.parent))
    up = up.union(further.where(col(ItemRow.id) == up.c.parent))
    return select(up.c.item).where(up.c.id == root)


def _live() -> Any:
    return in_state(JobState.QUEUED) | in_state(JobState.RUNNING)


async def _some(session: AsyncSession, query: Any) -> list[str]:
    return list(await session.scalars(query.limit(LIVE)))


def _fitting(items: Sequence[str], counts: Counter[str]) -> list[str]:
    """Return as many of the first items as go in one transaction."""
    chosen: list[str] = []
    rows = 0
    for item in items:
        rows += counts[item]
        if chosen and rows > ROWS:
            break
        chosen.append(item)
    return chosen


async def _end_runs(session: AsyncSession, ids: Sequence[str]) -> None:
    query = (
        select(RunRow)
        .where(col(RunRow.id).in_(ids), col(RunRow.state) == RunState.RUNNING)
        .order_by(col(RunRow.id))
        .with_for_update(key_share=True)
    )
    now = await database_of(session).time(session)
    facts = []
    for run in await session.scalars(query):
        run.state, run.finished = RunState.CANCELLED.value, now
        id_, of = RunId(run.id), Subject.of_item(run.item)
        data = RunFinished(run=id_, subject=of, state=RunState.CANCELLED)
        owner = OwnerId(run.owner)
        about = About(event_subject=id_, key=of.id, owner=owner, subject=of, run=id_)
        facts.append(Fact(LIBRARY_EVENTS, "run.finished", data, about))
    if facts:
        await record_all(session, facts)


async def _end_jobs(session: AsyncSession, ids: Sequence[str]) -> None:
    query = (
        select(JobRow)
        .where(col(JobRow.id).in_(ids), _live())
        .order_by(col(JobRow.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    for row in list(await session.scalars(query)):
        await finish(session, row, JobState.CANCELLED, with_effects=False)


async def _thin_out(session: AsyncSession, owner: OwnerId, root: str, item: str) -> None:
    """Remove some of what an item has too much of; one job stays, as a sign that there were any."""
    newest = select(func.max(col(JobRow.id))).where(col(JobRow.item) == item).scalar_subquery()
    ended = select(col(JobRow.id)).where(
        col(JobRow.item) == item, ~_live(), col(JobRow.id) != newest
    )
    runs = select(col(RunRow.id)).where(
        col(RunRow.item) == item, col(RunRow.state) != RunState.RUNNING
    )
    room = ROWS // 2
    for table, query in ((JobRow, ended), (RunRow, runs)):
        ids = list(await session.scalars(query.limit(room)))
        room -= len(ids)
        await _delete(session, table, col(table.id).in_(ids))
    artifacts = select(col(ArtifactRow.id)).where(col(ArtifactRow.item) == item).limit(room)
    ids = list(await session.scalars(artifacts))
    freed = await _delete_artifacts(session, owner, root, col(ArtifactRow.id).in_(ids))
    await change(session, owner, originals=-freed.originals, results=-freed.results)


async def _remove(
    session: AsyncSession,
    vectors: SoundVectors,
    owner: OwnerId,
    root: str,
    items: Collection[str],
) -> None:
    """Remove items that nothing was cut from any more, and what belongs to them."""
    if await _came_meanwhile(session, items):
        return
    # Nothing is added to them: whoever would add holds the owner's lock, which is ours.
    query = select(col(ItemRow.id)).where(col(ItemRow.id).in_(items)).order_by(col(ItemRow.id))
    there = list(await session.scalars(query))
    await _discard_folders(session, owner, there)
    for table in (JobRow, RunRow):
        await _delete(session, table, col(table.item).in_(there))
    freed = await _delete_artifacts(session, owner, root, col(ArtifactRow.item).in_(there))
    facts = []
    for item in map(ItemId, there):
        of = Subject.of_item(item)
        about = About(event_subject=item, key=item, owner=owner, subject=of)
        facts.append(Fact(LIBRARY_EVENTS, "item.deleted", ItemDeleted(item=item), about))
    if facts:
        await record_all(session, facts)
    await vectors.remove(session, owner, there)
    await _delete(session, ItemRow, col(ItemRow.id).in_(there))
    if root in there:
        await _done(session, root)
    await change(session, owner, originals=-freed.originals, results=-freed.results)
    if there:
        await remove_items(session, owner, there)


async def _came_meanwhile(session: AsyncSession, items: Collection[str]) -> bool:
    """Return whether something was cut from items, or asked of them, after they were looked at."""
    for query in (
        select(col(ItemRow.id)).where(
            col(ItemRow.parent).in_(items), col(ItemRow.id).not_in(items)
        ),
        select(col(JobRow.id)).where(col(JobRow.item).in_(items), _live()),
    ):
        if (await session.execute(query.limit(1))).first() is not None:
            return True
    return False


@dataclass(slots=True)
class _Freed:
    """Bytes that an owner stores no longer."""

    originals: int = 0
    results: int = 0


async def _delete_artifacts(session: AsyncSession, owner: OwnerId, root: str, which: Any) -> _Freed:
    """Delete artifacts, and write that their objects are of no use.

    Folders of the tree go as a whole. An object is counted with the subject that it was made of,
    under whose name it lies; an item that came of another subject borrows its audio from there.
    """
    freed = _Freed()
    originals: list[str] = []
    others: dict[Subject, list[str]] = {}
    jobs: set[str] = set()
    for item, bucket, key, size, job in await _deleted_artifacts(session, which):
        if bucket == Bucket.ORIGINALS:
            originals.append(key)
            freed.originals += size
        else:
            known = parse_derived(key)
            of = known.subject if known else Subject.of_item(item)
            others.setdefault(of, []).append(key)
            jobs.add(job)
            freed.results += size if of.item == item else 0
    items = [of.item for of in others if of.item is not None]
    inside = set(await session.scalars(_below(root, items)))
    now = timedelta()
    await discard_all(session, [(Bucket.ORIGINALS, key, now) for key in originals])
    for of, keys in others.items():
        if of.item in inside:
            folder = subject_prefix(owner, of)
            # Keys of earlier versions are not in the folder.
            outside = [key for key in keys if not key.startswith(folder)]
            await discard_all(session, [(Bucket.DERIVED, key, now) for key in outside])
            continue
        await discard_all(session, [(Bucket.DERIVED, key, now) for key in keys])
        lenders = await _deleted_artifacts(
            session, col(ArtifactRow.job).in_(jobs), col(ArtifactRow.object_key).in_(keys)
        )
        freed.results += sum(size for *_, size, _job in lenders)
    return freed


async def _deleted_artifacts(session: AsyncSession, *which: Any) -> Sequence[Any]:
    """Delete artifacts; return the item, bucket, key, size and job of each."""
    row = ArtifactRow
    statement = (
        delete(row)
        .where(*which)
        .returning(col(row.item), col(row.bucket), col(row.object_key), col(row.size), col(row.job))
    )
    return (await session.execute(statement.execution_options(synchronize_session=False))).all()


async def _discard_folders(session: AsyncSession, owner: OwnerId, items: Collection[str]) -> None:
    """Write that what jobs over items stored is of no use."""
    lately = col(JobRow.finished) > database_of(session).now(offset=-ATTEMPT_GARBAGE_AFTER)
    worked_on = select(col(JobRow.item)).where(col(JobRow.item).in_(items))
    begun_lately = set(await session.scalars(worked_on.where(col(JobRow.epoch) > 0, lately)))
    prefixes = []
    for item in sorted(filter(None, await session.scalars(worked_on.distinct()))):
        prefix = subject_prefix(owner, Subject.of_item(item))
        prefixes.append((Bucket.DERIVED, prefix, timedelta()))
        if item in begun_lately:
            # A worker may not know yet that nobody wants its work, and be writing still.
            prefixes.append((Bucket.DERIVED, prefix, _LATER))
    await discard_all(session, prefixes)


async def _delete(session: AsyncSession, table: Any, *which: Any) -> None:
    await session.execute(delete(table).where(*which).execution_options(synchronize_session=False))


async def _done(session: AsyncSession, root: str) -> None:
    await _delete(session, DeletionRow, col(DeletionRow.id) == root)
