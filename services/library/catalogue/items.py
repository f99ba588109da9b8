"""Items: found by text and kind, edited, deleted with all that was made of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.ids import ItemId
from contracts.ingest import IngestResult, read_tag
from contracts.items import ArtifactKind, ItemEdit, ItemKind, ItemState, TagEncoding
from contracts.jobs import JobState
from contracts.music import Stem
from contracts.problems import FieldProblem, ProblemCode
from contracts.tasks import UPLOAD_TASK
from kit.database.engine import database_of
from kit.database.hooks import report
from kit.http.errors import ProblemError
from kit.http.pagination import PageQuery
from services.library.access import Action
from services.library.catalogue.artifacts import NAME_BYTES, fit_name, search_text
from services.library.catalogue.changes import RATED, labels_changed
from services.library.catalogue.events import emit_item_changed
from services.library.catalogue.repository import Repository
from services.library.catalogue.search_limits import words_of
from services.library.catalogue.tables import ArtifactRow, DeletionRow, ItemRow
from services.library.jobs.locks import hold_owner
from services.library.jobs.tables import JobRow
from services.library.repository import page


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFilter:
    """Which items to list."""

    text: str | None = None
    kind: ItemKind | None = None
    state: ItemState | None = None
    parent: ItemId | None = None
    roots: bool | None = None
    """Only those that were cut from no other item; false: only those that were."""


async def list_items(
    repository: Repository, filters: ItemFilter, paging: PageQuery
) -> tuple[list[ItemRow], str | None]:
    """Return a page of items, newest first, and the next one's cursor.

    Raises
    ------
    ProblemError
        The search is longer than one may be.
    """
    query = repository.items.select()
    if filters.kind is not None:
        query = query.where(col(ItemRow.kind) == filters.kind)
    if filters.state is not None:
        query = query.where(col(ItemRow.state) == filters.state)
    if filters.parent is not None:
        query = query.where(col(ItemRow.parent) == filters.parent)
    if filters.roots is not None:
        parent = col(ItemRow.parent)
        query = query.where(parent.is_(None) if filters.roots else parent.is_not(None))
    for word in words_of(filters.text or ""):
        query = query.where(col(ItemRow.search).contains(word, autoescape=True))
    return await page(repository.items, query, paging)


async def edit_item(repository: Repository, id_: str, edit: ItemEdit) -> ItemRow:
    """Change an item; absent fields stay as they are.

    Raises
    ------
    ProblemError
    """
    item = await repository.item(id_, Action.WRITE, hold=True)
    labels = dict(item.labels)
    fields = edit.model_fields_set
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
    if "stem" in fields:
        await set_stem(repository.session, (item,), edit.stem)
    if edit.tag_encoding is not None:
        item.labels = await _read_tags_again(repository.session, item, edit.tag_encoding)
    if "bpm" in fields and edit.bpm != item.bpm:
        _set_bpm(item, edit.bpm)
    if "rating" in fields and edit.rating != item.rating:
        item.rating = edit.rating
        report(repository.session, RATED, item.owner)
    item.search = search_text(item.name, item.labels)
    item.updated = await database_of(repository.session).time(repository.session)
    await repository.session.flush()
    labels_changed(repository.session, item, labels)
    await emit_item_changed(repository.session, item)
    return item


def _set_bpm(item: ItemRow, bpm: float | None) -> None:
    if "tempo" in item.corrected:
        raise ProblemError(
            ProblemCode.WRONG_STATE,
            f"The tempo of this item is corrected to {item.bpm:g}. Change the correction with "
            "PUT /v1/items/{item}/corrections/tempo, or take it back with DELETE.",
        )
    item.bpm = bpm


async def set_stem(session: AsyncSession, items: Sequence[ItemRow], stem: Stem | None) -> None:
    """Declare which part of a song items hold; tasks read it from their canonical audio."""
    value = stem.value if stem else None
    for item in items:
        item.stem = value
    await session.execute(
        update(ArtifactRow)
        .where(
            col(ArtifactRow.item).in_([item.id for item in items]),
            col(ArtifactRow.kind) == ArtifactKind.CANONICAL,
        )
        .values(stem=value)
        .execution_options(synchronize_session=False)
    )


async def _read_tags_again(
    session: AsyncSession, item: ItemRow, encoding: TagEncoding
) -> dict[str, str]:
    """Return an item's metadata with the tags of its file read in another encoding."""
    result = await session.scalar(
        select(col(JobRow.result))
        .where(
            col(JobRow.item) == item.id,
            col(JobRow.task) == UPLOAD_TASK,
            col(JobRow.state) == JobState.SUCCEEDED,
        )
        .order_by(col(JobRow.created).desc(), col(JobRow.id).desc())
        .limit(1)
    )
    raw = IngestResult.model_validate(result).raw_tags if result else {}
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


async def mark_deleted(repository: Repository, id_: str) -> DeletionRow:
    """Write that an item, which may be hidden, is deleted for good, and what was cut from it.

    From now on nobody finds them. Its bytes may come again.

    Raises
    ------
    ProblemError
    """
    session = repository.session
    database = database_of(session)
    await hold_owner(session, repository.owner)
    now = await database.time(session)
    hidden = await session.get(DeletionRow, id_)
    if hidden is not None and hidden.hidden:
        row = repository.allowed(hidden, Action.WRITE)
        row.hidden, row.created = False, now
        return row
    item = await repository.item(id_, Action.WRITE, hold=True)
    item.sha256 = None
    row = DeletionRow(id=item.id, owner=item.owner, item=item.id, created=now)
    session.add(row)
    return row
