"""Custom tags of items: added, removed and counted."""

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.problems import FieldProblem, ProblemCode
from contracts.tags import MAX_TAGS, ItemTag, TagCount
from kit.database.engine import database_of
from kit.http.errors import ProblemError
from kit.http.list_cursor import ListQuery, decode_list_cursor, encode_list_cursor
from services.library.access import Action
from services.library.catalogue.artifacts import fold
from services.library.catalogue.events import emit_items_changed
from services.library.catalogue.repository import Repository, item_is_kept
from services.library.catalogue.tables import ItemRow
from services.library.tags.tables import ItemTagRow


def tag_key(name: str) -> str:
    """Return the key of a tag: equal for tags that differ only in case, accents or width."""
    return " ".join(fold(name).split()) or name


def changed_tags(
    item: ItemRow, add: Iterable[str], remove: Iterable[str], *, field: str
) -> list[ItemTag]:
    """Return the tags of an item after a change; a tag that it has keeps its spelling.

    Raises
    ------
    ProblemError
        The item would have more than `MAX_TAGS` tags.
    """
    tags = {tag_key(tag["name"]): ItemTag.model_validate(tag) for tag in item.tags}
    for name in remove:
        tags.pop(tag_key(name), None)
    for name in add:
        tags.setdefault(tag_key(name), ItemTag(name=name))
    if len(tags) > MAX_TAGS:
        text = f"An item has at most {MAX_TAGS} tags; this one would have {len(tags)}."
        raise ProblemError(
            ProblemCode.INVALID_REQUEST,
            f"{text} Remove some first.",
            fields=(FieldProblem(field=field, message=f"at most {MAX_TAGS} tags"),),
        )
    return list(tags.values())


async def store_tags(
    session: AsyncSession, changes: Sequence[tuple[ItemRow, Sequence[ItemTag]]]
) -> None:
    """Write the tags of items that the transaction holds, and their index; emit no event."""
    now = await database_of(session).time(session)
    rows, gone = [], []
    for item, tags in changes:
        before = {tag_key(tag["name"]) for tag in item.tags}
        after = {tag_key(tag.name): tag for tag in tags}
        gone += [(item.id, key) for key in before - after.keys()]
        rows += [
            {
                "item": item.id,
                "key": key,
                "owner": item.owner,
                "name": tag.name,
                "source": tag.source.value,
                "created": now,
            }
            for key, tag in after.items()
            if key not in before
        ]
        item.tags = [tag.model_dump(mode="json") for tag in tags]
    await session.flush()
    keys: dict[str, list[str]] = {}
    for item_id, key in gone:
        keys.setdefault(key, []).append(item_id)
    for key, items in keys.items():
        statement = delete(ItemTagRow).where(
            col(ItemTagRow.key) == key, col(ItemTagRow.item).in_(items)
        )
        await session.execute(statement.execution_options(synchronize_session=False))
    if rows:
        await session.execute(insert(ItemTagRow.metadata.tables["item_tags"]), rows)


async def edit_tags(
    repository: Repository, id_: str, *, add: Collection[str] = (), remove: Collection[str] = ()
) -> ItemRow:
    """Add tags to an item and remove others; without a change, nothing is written.

    Raises
    ------
    ProblemError
    """
    session = repository.session
    item = await repository.item(id_, Action.WRITE, hold=True)
    tags = changed_tags(item, add, remove, field="path.tag")
    if [tag.model_dump(mode="json") for tag in tags] != item.tags:
        item.updated = await database_of(session).time(session)
        await store_tags(session, [(item, tags)])
        await emit_items_changed(session, [item])
    return item


async def count_tags(
    repository: Repository, request: ListQuery, *, prefix: str
) -> tuple[list[TagCount], str | None]:
    """Return a page of an owner's tags in the order of their keys, and the next page's cursor.

    Parameters
    ----------
    prefix
        Only tags that begin with this text; case, accents and width do not matter.

    Raises
    ------
    ProblemError
        The cursor is malformed.
    """
    key = col(ItemTagRow.key)
    query = (
        select(key, func.min(col(ItemTagRow.name)), func.count())
        .where(
            col(ItemTagRow.owner) == repository.owner,
            item_is_kept(ItemTagRow, repository.owner),
        )
        .group_by(key)
        .order_by(key)
        .limit(request.limit + 1)
    )
    if prefix:
        query = query.where(key.startswith(fold(prefix), autoescape=True))
    if request.cursor is not None:
        (after,) = decode_list_cursor(request.cursor, (str,))
        query = query.where(key > after)
    rows = (await repository.session.execute(query)).all()
    counts = [TagCount(name=name, items=count) for _, name, count in rows[: request.limit]]
    if len(rows) <= request.limit:
        return counts, None
    return counts, encode_list_cursor((rows[request.limit - 1][0],))
