"""Hidden items: deleted items that can be restored until they are deleted for good."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.events import ItemHidden, ItemRestored
from contracts.ids import ItemId, OwnerId
from contracts.items import HiddenItem
from contracts.objects import Bucket
from contracts.problems import ProblemCode
from contracts.subjects import Subject
from contracts.topics import LIBRARY_EVENTS
from contracts.uploads import HiddenUsage
from kit.database.engine import database_of
from kit.database.hooks import Hook, report
from kit.database.notifications import notify_on_commit
from kit.http.errors import ProblemError, not_found
from kit.http.pagination import Cursor, PageQuery, encode_cursor
from services.library.access import Action
from services.library.catalogue.repository import Repository, being_deleted
from services.library.catalogue.tables import ArtifactRow, DeletionRow, ItemRow
from services.library.catalogue.views import item_to_api
from services.library.events.outbox import About, Fact, record_all
from services.library.jobs.locks import hold_owner

HIDDEN_FOR = timedelta(days=30)
"""How long a hidden item can be restored."""
UNFINISHED = "deletions"
"""`Database.listen` gives the event of deletions and hidden items that need work."""
VISIBILITY_CHANGED = Hook[str]("items hidden or restored")
"""The owner of items that were hidden or restored, reported in the transaction of it."""


async def hide_items(session: AsyncSession, items: Sequence[ItemRow]) -> list[DeletionRow]:
    """Hide an owner's items with everything cut from them; their bytes may be uploaded again.

    The caller holds the owner's lock and the items.
    """
    if not items:
        return []
    now = await database_of(session).time(session)
    rows = [
        DeletionRow(
            id=item.id,
            owner=item.owner,
            item=item.id,
            created=now,
            hidden=True,
            due=now + HIDDEN_FOR,
            has_work=True,
            sha256=item.sha256,
        )
        for item in items
    ]
    for item in items:
        item.sha256 = None
    session.add_all(rows)
    await session.flush()
    await record_all(
        session,
        [
            Fact(LIBRARY_EVENTS, "item.hidden", ItemHidden(item=ItemId(item.id)), _about(item))
            for item in items
        ],
    )
    report(session, VISIBILITY_CHANGED, items[0].owner)
    notify_on_commit(session, UNFINISHED)
    return rows


async def show_items(session: AsyncSession, items: Sequence[ItemRow]) -> None:
    """Restore hidden items that were cut from an item which is not hidden.

    The caller holds the owner's lock.
    """
    hidden = [row for item in items if (row := await session.get(DeletionRow, item.id))]
    for row in hidden:
        await session.delete(row)
    await session.flush()
    await record_all(
        session,
        [
            Fact(LIBRARY_EVENTS, "item.restored", ItemRestored(item=ItemId(item.id)), _about(item))
            for item in items
        ],
    )
    if items:
        report(session, VISIBILITY_CHANGED, items[0].owner)


async def restore_item(repository: Repository, id_: str) -> ItemRow:
    """Restore a hidden item with everything that was hidden with it; one that is not, stays.

    Raises
    ------
    ProblemError
        It does not exist, or it was cut from an item that is.
    """
    session, owner = repository.session, repository.owner
    await hold_owner(session, owner)
    row = await session.get(DeletionRow, id_)
    if row is None:
        return await repository.item(id_, Action.WRITE)
    repository.allowed(row, Action.WRITE)
    item = await session.get(ItemRow, id_)
    if not row.hidden or item is None:
        raise not_found()
    above = select(col(ItemRow.id)).where(
        col(ItemRow.id) == item.parent, col(ItemRow.id).in_(being_deleted(owner))
    )
    if item.parent is not None and (await session.execute(above)).first() is not None:
        raise ProblemError(
            ProblemCode.CONFLICT,
            "This was cut from an item that is hidden as well. Restore that one first: "
            "GET /v1/hidden lists it.",
        )
    if row.sha256 is not None:
        # If the same bytes were uploaded meanwhile, the newer item is the one they are known by.
        same = select(col(ItemRow.id)).where(
            col(ItemRow.owner) == owner, col(ItemRow.sha256) == row.sha256
        )
        if (await session.execute(same)).first() is None:
            item.sha256 = row.sha256
    await session.delete(row)
    await session.flush()
    restored = ItemRestored(item=ItemId(item.id))
    await record_all(session, (Fact(LIBRARY_EVENTS, "item.restored", restored, _about(item)),))
    report(session, VISIBILITY_CHANGED, owner)
    return item


async def list_hidden(
    repository: Repository, paging: PageQuery
) -> tuple[list[HiddenItem], str | None]:
    """Return a page of the items that their owner hid, newest first, and the next page's cursor."""
    row = DeletionRow
    query = (
        select(row, ItemRow)
        .join(ItemRow, col(ItemRow.id) == col(row.item))
        .where(col(row.owner) == repository.owner, col(row.hidden))
        .order_by(col(row.created).desc(), col(row.id).desc())
        .limit(paging.limit + 1)
    )
    if paging.after is not None:
        position = tuple_(col(row.created), col(row.id))
        query = query.where(position < (paging.after.created, paging.after.id))
    rows = (await repository.session.execute(query)).all()
    shown = rows[: paging.limit]
    following = None
    if len(rows) > len(shown):
        last = shown[-1][0]
        following = encode_cursor(Cursor(created=last.created, id=last.id))
    return [
        HiddenItem(item=item_to_api(item), hidden_at=hidden.created, deleted_for_good_at=hidden.due)
        for hidden, item in shown
    ], following


async def hidden_usage(session: AsyncSession, owner: OwnerId) -> HiddenUsage:
    """Return the bytes of what an owner hid.

    An object counts with the item that it was made of, whose id is part of its key: a hidden stem
    lies in the folder of its song.
    """
    artifact = ArtifactRow
    query = (
        select(col(artifact.bucket), func.sum(col(artifact.size)))
        .where(
            col(artifact.owner) == owner,
            col(artifact.item).in_(being_deleted(owner)),
            (col(artifact.bucket) == Bucket.ORIGINALS)
            | col(artifact.object_key).contains(col(artifact.item)),
        )
        .group_by(col(artifact.bucket))
    )
    sizes = {bucket: int(size) for bucket, size in (await session.execute(query)).all()}
    originals = sizes.get(Bucket.ORIGINALS, 0)
    results = sizes.get(Bucket.DERIVED, 0)
    return HiddenUsage(originals=originals, results=results, total=originals + results)


def _about(row: ItemRow) -> About:
    return About(
        event_subject=row.id,
        key=row.id,
        owner=OwnerId(row.owner),
        subject=Subject.of_item(row.id),
    )
