"""Answers: stored with the tag that a yes puts on its item."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, select
from sqlmodel import col

from contracts.problems import FieldProblem, ProblemCode
from contracts.tags import MAX_TAGS, ItemTag
from contracts.teaching import TagAnswer
from kit.database.engine import Database, database_of
from kit.database.upsert import insert_into
from kit.http.errors import NOT_FOUND, ProblemError
from services.library.access import Action, may
from services.library.catalogue.events import emit_items_changed
from services.library.catalogue.tables import ItemRow
from services.library.tags.item_tags import changed_tags, store_tags
from services.library.tags.tables import ItemTagRow
from services.library.teaching.repository import TaughtTagRepository
from services.library.teaching.tables import TagAnswerRow, TaughtTagRow

MAX_ANSWERS = 20_000
"""Answers that a taught tag keeps at most."""


async def store_answers(
    tags: TaughtTagRepository,
    row: TaughtTagRow,
    answers: Mapping[str, TagAnswer | None],
    *,
    field: str,
) -> bool:
    """Store answers of a taught tag that is held; return whether any yes or no changed.

    Yes puts the tag on the item; another answer takes off the tag that an earlier yes put there.
    Answers that are as they were change nothing, except that a repeated skip counts from now on.

    Parameters
    ----------
    answers
        By item; `None` takes an answer back.
    field
        The field of the request that names the items, for errors.

    Raises
    ------
    ProblemError
        An item does not exist, has too many tags, or the tag would have too many answers.
    """
    items = await _hold_items(tags, list(answers), field=field)
    before = await _answers_of(tags, row, list(answers))
    changed = {
        item: answer
        for item, answer in answers.items()
        if before.get(item) != answer or answer is TagAnswer.SKIP
    }
    if not changed:
        return False
    await _check_room(tags, row, sum(a is not None and i not in before for i, a in changed.items()))
    yes = [items[item] for item, answer in changed.items() if answer is TagAnswer.YES]
    gone = [
        items[item]
        for item, answer in changed.items()
        if answer is not TagAnswer.YES
        and (answer is TagAnswer.NO or before.get(item) is TagAnswer.YES)
    ]
    await put_tag(tags, row, add=yes, remove=gone, field=field)
    await _write(tags, row, changed)
    counted = {before.get(item) for item in changed} | set(changed.values())
    return bool(counted & {TagAnswer.YES, TagAnswer.NO})


async def put_tag(
    tags: TaughtTagRepository,
    row: TaughtTagRow,
    *,
    add: Sequence[ItemRow],
    remove: Sequence[ItemRow] = (),
    field: str,
    skip_full: bool = False,
) -> int:
    """Put a taught tag on items that are held, and take it off others; emit `item.changed`.

    Parameters
    ----------
    skip_full
        Leave out items that have as many tags as an item may have.

    Returns
    -------
    int
        How many items changed.

    Raises
    ------
    ProblemError
        An item would have too many tags, and is not left out.
    """
    changes: list[tuple[ItemRow, list[ItemTag]]] = []
    for item, add_names, remove_names in (
        *((item, (row.name,), ()) for item in add),
        *((item, (), (row.name,)) for item in remove),
    ):
        if skip_full and add_names and len(item.tags) >= MAX_TAGS:
            continue
        after = changed_tags(item, add_names, remove_names, field=field)
        if [tag.model_dump(mode="json") for tag in after] != item.tags:
            changes.append((item, after))
    if not changes:
        return 0
    now = await database_of(tags.session).time(tags.session)
    for item, _ in changes:
        item.updated = now
    await store_tags(tags.session, changes)
    await emit_items_changed(tags.session, [item for item, _ in changes])
    return len(changes)


async def take_tagged(tags: TaughtTagRepository, row: TaughtTagRow, *, limit: int) -> int:
    """Take items that already have a new taught tag as yes-answers; return how many."""
    query = (
        tags.catalogue.items.select()
        .where(col(ItemRow.id).in_(tagged_items(row)))
        .order_by(col(ItemRow.created).desc(), col(ItemRow.id).desc())
        .limit(limit)
    )
    items = [item.id for item in await tags.session.scalars(query)]
    if items:
        await _write(tags, row, dict.fromkeys(items, TagAnswer.YES))
    return len(items)


async def hold_items(tags: TaughtTagRepository, ids: Collection[str]) -> dict[str, ItemRow]:
    """Return those items that the caller may change, held in the order of their ids."""
    query = (
        tags.catalogue.items.select_few()
        .where(col(ItemRow.id).in_(ids))
        .order_by(col(ItemRow.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    rows = await tags.session.scalars(query)
    return {row.id: row for row in rows if may(tags.principal, Action.WRITE, row)}


def tagged_items(row: TaughtTagRow) -> Any:
    """Return the query of the items that have the tag."""
    return select(col(ItemTagRow.item)).where(
        col(ItemTagRow.owner) == row.owner, col(ItemTagRow.key) == row.key
    )


async def _hold_items(
    tags: TaughtTagRepository, ids: Sequence[str], *, field: str
) -> dict[str, ItemRow]:
    items = await hold_items(tags, ids)
    if absent := [index for index, id_ in enumerate(ids) if id_ not in items]:
        raise ProblemError(
            ProblemCode.NOT_FOUND,
            f"{NOT_FOUND} See `fields`: {len(absent)} of the items named.",
            fields=[
                FieldProblem(field=f"{field}.{index}", message="no item of yours has this id")
                for index in absent
            ],
        )
    return items


async def _answers_of(
    tags: TaughtTagRepository, row: TaughtTagRow, items: Sequence[str]
) -> dict[str, TagAnswer]:
    query = select(col(TagAnswerRow.item), col(TagAnswerRow.answer)).where(
        col(TagAnswerRow.tag) == row.id, col(TagAnswerRow.item).in_(items)
    )
    return {item: TagAnswer(answer) for item, answer in (await tags.session.execute(query)).all()}


async def _check_room(tags: TaughtTagRepository, row: TaughtTagRow, added: int) -> None:
    count = select(func.count()).where(col(TagAnswerRow.tag) == row.id)
    if added and (await tags.session.execute(count)).scalar_one() + added > MAX_ANSWERS:
        raise ProblemError(
            ProblemCode.CONFLICT,
            f"A taught tag keeps at most {MAX_ANSWERS} answers. Take some back first.",
        )


async def _write(
    tags: TaughtTagRepository, row: TaughtTagRow, answers: Mapping[str, TagAnswer | None]
) -> None:
    session, answer = tags.session, TagAnswerRow
    now = await database_of(session).time(session)
    gone = [item for item, kind in answers.items() if kind is None]
    if gone:
        statement = delete(answer).where(col(answer.tag) == row.id, col(answer.item).in_(gone))
        await session.execute(statement.execution_options(synchronize_session=False))
    rows = [
        {"tag": row.id, "item": item, "answer": kind.value, "answered": now}
        for item, kind in sorted(answers.items())
        if kind is not None
    ]
    if rows:
        database = database_of(session)
        statement = database.prepared("tag answers", lambda: _upsert(database))
        await session.execute(statement, rows)


def _upsert(database: Database) -> Any:
    new = insert_into(database, TagAnswerRow.metadata.tables["tag_answers"])
    names = ("tag", "item", "answer", "answered")
    new = new.values({name: bindparam(name) for name in names})
    changed = {name: new.excluded[name] for name in ("answer", "answered")}
    return new.on_conflict_do_update(index_elements=["tag", "item"], set_=changed)
