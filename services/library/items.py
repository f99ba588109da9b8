"""Items: found by text and kind, edited, deleted with all that was made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.events import RunFinished
from contracts.ids import ItemId, OwnerId, RunId
from contracts.ingest import IngestResult, read_tag
from contracts.items import ArtifactKind, ItemEdit, ItemKind, ItemState, TagEncoding
from contracts.jobs import JobState, TaskName
from contracts.objects import Bucket, item_prefix
from contracts.pipelines import RunState
from contracts.problems import FieldProblem, ProblemCode
from contracts.topics import LIBRARY_EVENTS
from kit.database.engine import database_of
from kit.http.errors import ProblemError
from kit.http.pagination import PageQuery
from services.library.access import Action
from services.library.arrows import ATTEMPT_GARBAGE_AFTER, discard, to_end
from services.library.artifacts import NAME_BYTES, fit_name, fold, search_text
from services.library.facts import tell_item_changed, tell_item_deleted
from services.library.outbox import About, record
from services.library.repository import Repository, page
from services.library.tables import ArtifactRow, ItemRow, JobRow, RunRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFilter:
    """Which items to list."""

    text: str | None = None
    kind: ItemKind | None = None
    state: ItemState | None = None
    parent: ItemId | None = None


async def list_items(
    repository: Repository, wanted: ItemFilter, asked: PageQuery
) -> tuple[list[ItemRow], str | None]:
    """Return a page of items, newest first, and the next one's cursor."""
    query = repository.items.select()
    if wanted.kind is not None:
        query = query.where(col(ItemRow.kind) == wanted.kind)
    if wanted.state is not None:
        query = query.where(col(ItemRow.state) == wanted.state)
    if wanted.parent is not None:
        query = query.where(col(ItemRow.parent) == wanted.parent)
    for word in fold(wanted.text or "").split():
        query = query.where(col(ItemRow.search).contains(word, autoescape=True))
    return await page(repository.items, query, asked)


async def edit_item(repository: Repository, id_: str, edit: ItemEdit) -> ItemRow:
    """Change what an owner may change of an item; what is not given stays.

    Raises
    ------
    ProblemError
    """
    item = await repository.item(id_, Action.WRITE, hold=True)
    given = edit.model_fields_set
    if edit.name is not None:
        if len(edit.name.encode()) > NAME_BYTES:
            raise ProblemError(
                ProblemCode.INVALID_REQUEST,
                f"A name has at most {NAME_BYTES} bytes in UTF-8.",
                fields=(FieldProblem(field="body.name", message=f"at most {NAME_BYTES} bytes"),),
            )
        item.name = fit_name(edit.name)
    if edit.kind is not None:
        item.kind = edit.kind.value
    if edit.metadata is not None:
        item.labels = dict(edit.metadata)
    if edit.tag_encoding is not None:
        item.labels = await _read_tags_again(repository.session, item, edit.tag_encoding)
    if "bpm" in given:
        item.bpm = edit.bpm
    item.search = search_text(item.name, item.labels)
    item.updated = await database_of(repository.session).time(repository.session)
    await repository.session.flush()
    await tell_item_changed(repository.session, item)
    return item


async def _read_tags_again(
    session: AsyncSession, item: ItemRow, encoding: TagEncoding
) -> dict[str, str]:
    """Return an item's metadata with the tags of its file read in another encoding."""
    told = await session.scalar(
        select(col(JobRow.result))
        .where(
            col(JobRow.item) == item.id,
            col(JobRow.task) == TaskName.INGEST,
            col(JobRow.state) == JobState.SUCCEEDED,
        )
        .order_by(col(JobRow.created).desc(), col(JobRow.id).desc())
        .limit(1)
    )
    raw = IngestResult.model_validate(told).raw_tags if told else {}
    if not raw:
        raise ProblemError(
            ProblemCode.INVALID_REQUEST,
            "The tags of this item's file are plain or in Unicode, so there is nothing to read in "
            "another encoding. Change the metadata itself.",
            fields=(FieldProblem(field="body.tag_encoding", message="nothing to read again"),),
        )
    labels = dict(item.labels)
    for name, part in raw.items():
        # What is none of the ways to read the tag was written by the user.
        if labels.get(name) in {read_tag(part, known) for known in TagEncoding}:
            labels[name] = read_tag(part, encoding)
    return labels


async def delete_item(repository: Repository, id_: str) -> None:
    """Delete an item, the items cut from it, their files and jobs.

    Raises
    ------
    ProblemError
    """
    session = repository.session
    await repository.item(id_, Action.WRITE)
    tree = await _tree(repository, id_)
    # Jobs first, then runs, then items: the order in which whoever ends a job takes them.
    await _end_jobs(session, tree)
    await _end_runs(session, tree)
    await database_of(session).lock(session, f"owner:{repository.owner}")
    item = await repository.item(id_, Action.WRITE, hold=True)
    # What came while we waited for the rows above goes with the rest.
    tree = await _tree(repository, id_)
    running = await _end_jobs(session, tree)
    await _discard_files(repository, tree, later=running)
    items = await session.scalars(select(ItemRow).where(col(ItemRow.id).in_(tree)))
    for row in sorted(items, key=lambda row: row.id):
        await tell_item_deleted(session, row)
    await session.flush()
    await session.execute(
        delete(ItemRow)
        .where(col(ItemRow.id) == item.id)
        .execution_options(synchronize_session=False)
    )


async def _tree(repository: Repository, id_: str) -> list[str]:
    """Return an item and everything that was cut from it, however far down."""
    top = (
        select(col(ItemRow.id).label("id"))
        .where(col(ItemRow.id) == id_, col(ItemRow.owner) == repository.owner)
        .cte("tree", recursive=True)
    )
    tree = top.union(select(col(ItemRow.id)).where(col(ItemRow.parent) == top.c.id))
    return list(await repository.session.scalars(select(tree.c.id)))


async def _end_jobs(session: AsyncSession, items: Sequence[str]) -> bool:
    """Cancel what waits or runs over items; return whether anything had been started."""
    query = (
        select(JobRow)
        .where(col(JobRow.item).in_(items))
        .where(col(JobRow.state).in_((JobState.QUEUED, JobState.RUNNING)))
        .order_by(col(JobRow.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    for row in list(await session.scalars(query)):
        await to_end(session, row, JobState.CANCELLED)
    started = select(col(JobRow.id)).where(
        col(JobRow.item).in_(items),
        col(JobRow.epoch) > 0,
        col(JobRow.finished) > database_of(session).now(offset=-ATTEMPT_GARBAGE_AFTER),
    )
    return (await session.execute(started.limit(1))).scalar_one_or_none() is not None


async def _end_runs(session: AsyncSession, items: Sequence[str]) -> None:
    query = (
        select(RunRow)
        .where(col(RunRow.item).in_(items), col(RunRow.state) == RunState.RUNNING)
        .order_by(col(RunRow.id))
        .with_for_update()
    )
    for run in list(await session.scalars(query)):
        run.state = RunState.CANCELLED.value
        data = RunFinished(run=RunId(run.id), item=ItemId(run.item), state=RunState.CANCELLED)
        about = About(
            subject=run.id,
            key=run.item,
            owner=OwnerId(run.owner),
            item=ItemId(run.item),
            run=RunId(run.id),
        )
        await record(session, LIBRARY_EVENTS, "run.finished", data, about=about)


async def _discard_files(repository: Repository, tree: Sequence[str], *, later: bool) -> None:
    """Write that the objects of items are of no use any more."""
    session, owner = repository.session, repository.owner
    prefixes = [item_prefix(OwnerId(owner), ItemId(item)) for item in tree]
    query = repository.artifacts.select().where(col(ArtifactRow.item).in_(tree))
    apart: set[str] = set()
    for row in await session.scalars(query):
        if row.kind == ArtifactKind.ORIGINAL:
            await discard(session, Bucket.ORIGINALS, row.object_key)
        elif not row.object_key.startswith(tuple(prefixes)):
            # An item that was cut from another keeps its audio among that one's files.
            apart.add(row.object_key)
    for key in sorted(apart):
        await discard(session, Bucket.DERIVED, key)
    if apart:
        await session.execute(
            delete(ArtifactRow)
            .where(col(ArtifactRow.owner) == owner, col(ArtifactRow.object_key).in_(apart))
            .execution_options(synchronize_session=False)
        )
    own = select(col(JobRow.item)).where(col(JobRow.item).in_(tree)).distinct()
    for item in await session.scalars(own):
        prefix = item_prefix(OwnerId(owner), ItemId(item))
        await discard(session, Bucket.DERIVED, prefix)
        if later:
            # A worker may not know yet that nobody wants its work, and be writing still.
            await discard(
                session, Bucket.DERIVED, prefix, after=ATTEMPT_GARBAGE_AFTER + timedelta(minutes=5)
            )
