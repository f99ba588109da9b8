"""The taught tags of one principal, within one session."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.identity import Principal
from contracts.problems import ProblemCode
from contracts.teaching import TagAnswer
from kit.database.engine import database_of
from kit.database.repository import OwnedRows
from kit.http.errors import NOT_FOUND, ProblemError
from kit.http.pagination import Cursor, PageQuery, encode_cursor
from kit.vectors.base import Space
from services.library.access import Action
from services.library.catalogue.repository import (
    Repository,
    being_deleted,
    item_is_kept,
    read_ids,
)
from services.library.jobs.locks import hold_owner
from services.library.repository import OwnerRepository
from services.library.similarity.tables import SoundRow
from services.library.tags.item_tags import tag_key
from services.library.tags.tables import ItemTagRow
from services.library.teaching.tables import TagAnswerRow, TaughtTagRow, TaughtTagVersionRow

SKIPPED_FOR = timedelta(days=1)
"""How long a skipped question is not asked again."""


class TaughtTagRepository(OwnerRepository):
    """The taught tags of one principal."""

    def __init__(self, session: AsyncSession, principal: Principal) -> None:
        super().__init__(session, principal)
        self.catalogue = Repository(session, principal)
        self.rows = OwnedRows(session, TaughtTagRow, self.owner)

    async def get(self, name: str, action: Action, *, hold: bool = False) -> TaughtTagRow:
        """Return a taught tag.

        Parameters
        ----------
        hold
            Take the owner's lock first, which every change of a taught tag holds.

        Raises
        ------
        ProblemError
            Of code `not_found`.
        """
        if hold:
            await hold_owner(self.session, self.owner)
        row = await self.find(name)
        if row is None:
            raise ProblemError(
                ProblemCode.NOT_FOUND,
                f"{NOT_FOUND} Create a taught tag with PUT before you teach it.",
            )
        return self.allowed(row, action)

    async def find(self, name: str) -> TaughtTagRow | None:
        """Return a taught tag, if there is one of this name."""
        query = self.rows.select().where(col(TaughtTagRow.key) == tag_key(name))
        query = query.execution_options(populate_existing=True)
        return (await self.session.scalars(query)).one_or_none()

    async def all(self) -> list[TaughtTagRow]:
        """Return all taught tags in alphabetical order."""
        return list(await self.session.scalars(self.rows.select().order_by(col(TaughtTagRow.key))))


async def versions_of(session: AsyncSession, tag: str) -> list[TaughtTagVersionRow]:
    """Return the versions of a taught tag, the newest first."""
    query = (
        select(TaughtTagVersionRow)
        .where(col(TaughtTagVersionRow.tag) == tag)
        .order_by(col(TaughtTagVersionRow.number).desc())
    )
    return list(await session.scalars(query))


async def version_in_use(session: AsyncSession, row: TaughtTagRow) -> TaughtTagVersionRow | None:
    """Return the version that a taught tag uses, if it has one."""
    if row.version is None:
        return None
    return await session.get(TaughtTagVersionRow, (row.id, row.version), populate_existing=True)


async def versions_in_use(
    session: AsyncSession, owner: str
) -> list[tuple[TaughtTagRow, TaughtTagVersionRow]]:
    """Return an owner's taught tags that have a version, each with it."""
    query = (
        select(TaughtTagRow, TaughtTagVersionRow)
        .join(
            TaughtTagVersionRow,
            (col(TaughtTagVersionRow.tag) == col(TaughtTagRow.id))
            & (col(TaughtTagVersionRow.number) == col(TaughtTagRow.version)),
        )
        .where(col(TaughtTagRow.owner) == owner)
        .order_by(col(TaughtTagRow.key))
    )
    return [(row, version) for row, version in (await session.execute(query)).all()]


async def count_answers(session: AsyncSession, tags: Collection[str]) -> dict[tuple[str, str], int]:
    """Return how many answers of each kind taught tags have, by tag and answer."""
    answer = TagAnswerRow
    query = (
        select(col(answer.tag), col(answer.answer), func.count())
        .where(col(answer.tag).in_(tags), item_is_kept(TagAnswerRow, None))
        .group_by(col(answer.tag), col(answer.answer))
    )
    return {(tag, kind): count for tag, kind, count in (await session.execute(query)).all()}


async def max_examples(session: AsyncSession, tags: Collection[str]) -> dict[str, int]:
    """Return how many yes-answers each taught tag has in the space where it has most."""
    answer, sound = TagAnswerRow, SoundRow
    query = (
        select(col(answer.tag), func.count())
        .join(sound, col(sound.item) == col(answer.item))
        .where(
            col(answer.tag).in_(tags),
            col(answer.answer) == TagAnswer.YES,
            item_is_kept(TagAnswerRow, None),
        )
        .group_by(col(answer.tag), col(sound.space), col(sound.version))
    )
    largest: dict[str, int] = {}
    for tag, count in (await session.execute(query)).all():
        largest[tag] = max(count, largest.get(tag, 0))
    return largest


async def newest_answers(
    session: AsyncSession, tag: str, answer: TagAnswer, *, limit: int
) -> dict[Space, list[str]]:
    """Return the items with an answer whose sound has a vector, by space, the newest answers."""
    row, sound = TagAnswerRow, SoundRow
    query = (
        select(col(row.item), col(sound.space), col(sound.version), col(sound.dimension))
        .join(sound, col(sound.item) == col(row.item))
        .where(col(row.tag) == tag, col(row.answer) == answer, item_is_kept(TagAnswerRow, None))
        .order_by(col(row.answered).desc(), col(row.item))
        .limit(limit)
    )
    items: dict[Space, list[str]] = {}
    for item, name, version, dimension in (await session.execute(query)).all():
        items.setdefault(Space(name, version, dimension), []).append(item)
    return items


async def hidden_items(session: AsyncSession, owner: str) -> list[str]:
    """Return the items of an owner that are hidden or being deleted, and so are not proposed."""
    return list(await session.scalars(being_deleted(owner)))


async def decided_items(session: AsyncSession, row: TaughtTagRow) -> list[str]:
    """Return the items that are not proposed: with the answer yes or no, or with the tag."""
    answer, tagged = TagAnswerRow, ItemTagRow
    answered = select(col(answer.item)).where(
        col(answer.tag) == row.id, col(answer.answer) != TagAnswer.SKIP
    )
    has_tag = select(col(tagged.item)).where(
        col(tagged.owner) == row.owner, col(tagged.key) == row.key
    )
    items = await read_ids(session, answered, col(answer.item))
    return items + await read_ids(session, has_tag, col(tagged.item))


async def skipped_items(session: AsyncSession, row: TaughtTagRow) -> list[str]:
    """Return the items whose question was skipped lately."""
    answer = TagAnswerRow
    lately = col(answer.answered) > database_of(session).now(offset=-SKIPPED_FOR)
    query = select(col(answer.item)).where(
        col(answer.tag) == row.id, col(answer.answer) == TagAnswer.SKIP, lately
    )
    return await read_ids(session, query, col(answer.item))


async def page_of_answers(
    tags: TaughtTagRepository, row: TaughtTagRow, request: PageQuery, *, answer: TagAnswer | None
) -> tuple[Sequence[TagAnswerRow], str | None]:
    """Return a page of answers, the newest first, and the cursor of the next page."""
    answered, item = col(TagAnswerRow.answered), col(TagAnswerRow.item)
    query = (
        select(TagAnswerRow)
        .where(col(TagAnswerRow.tag) == row.id, item_is_kept(TagAnswerRow, tags.owner))
        .order_by(answered.desc(), item.desc())
        .limit(request.limit + 1)
    )
    if answer is not None:
        query = query.where(col(TagAnswerRow.answer) == answer)
    if request.after is not None:
        query = query.where(tuple_(answered, item) < (request.after.created, request.after.id))
    rows = list(await tags.session.scalars(query))
    if len(rows) <= request.limit:
        return rows, None
    last = rows[request.limit - 1]
    return rows[: request.limit], encode_cursor(Cursor(created=last.answered, id=last.item))
