"""Taught tags: created, answered, confirmed, shared, and read with what they propose.

Every request that compares an owner's whole crate takes the owner's turn first, and computes in a
thread: the event loop only waits.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.identity import Principal
from contracts.problems import FieldProblem, ProblemCode
from contracts.teaching import (
    MAX_ANSWERS_OF_A_CALL,
    MAX_CONFIRMED,
    LinearModel,
    ProposalsConfirmed,
    TagAnswer,
    TaughtTag,
    TaughtTagEdit,
    TaughtTagFile,
)
from kit.clock import new_id
from kit.database.engine import Database, database_of
from kit.http.errors import ProblemError
from kit.http.list_cursor import ListQuery
from kit.vectors.ids import pack, rows_of, unpack
from services.library.access import Action
from services.library.catalogue.search_limits import Turns
from services.library.jobs.locks import hold_owner
from services.library.similarity.sound_vectors import SoundVectors
from services.library.tags.item_tags import tag_key
from services.library.teaching.answers import hold_items, put_tag, store_answers, take_tagged
from services.library.teaching.learner import learn_tag
from services.library.teaching.proposals import (
    Overview,
    Proposal,
    TagView,
    page_of,
    read_view,
    threshold_of,
)
from services.library.teaching.repository import (
    TaughtTagRepository,
    count_answers,
    max_examples,
    version_in_use,
    versions_of,
)
from services.library.teaching.scoring import Crate, Scores, score_crate
from services.library.teaching.tables import TaughtTagRow, TaughtTagVersionRow
from services.library.teaching.views import taught_tag_to_api

MAX_TAUGHT_TAGS = 200
"""Taught tags of one owner."""
_TAGGED_AT_ONCE = 100
"""Items that one transaction tags, when all proposals are confirmed."""


class Teaching:
    """Taught tags of owners.

    Parameters
    ----------
    database
        The library's database.
    vectors
        The vectors of items.
    at_once
        Requests that may compare whole crates at a time; an owner has one.
    """

    def __init__(self, database: Database, vectors: SoundVectors, *, at_once: int) -> None:
        self._database = database
        self._vectors = vectors
        self._turns = Turns(at_once)

    async def list_tags(self, principal: Principal) -> list[TaughtTag]:
        """Return all taught tags of the caller, without histograms."""
        async with self._turns.of(principal.owner):
            async with self._database.session() as session:
                rows = await TaughtTagRepository(session, principal).all()
                views = {row.id: await read_view(session, row) for row in rows}
            overviews = await self._overviews(principal.owner, views)
            async with self._database.session() as session:
                return await _show(session, rows, overviews, with_histogram=False)

    async def get(self, principal: Principal, name: str) -> TaughtTag:
        """Return a taught tag. Raises `ProblemError`."""
        async with self._turns.of(principal.owner):
            return await self._shown(principal, name)

    async def create(self, principal: Principal, name: str) -> tuple[TaughtTag, bool]:
        """Create a taught tag, and return whether it is new; one that exists stays as it is.

        Items that have the custom tag already count as yes-answers, the newest 500 of them.

        Raises
        ------
        ProblemError
            The owner has too many taught tags.
        """
        async with self._turns.of(principal.owner):
            async with self._database.transaction() as session:
                tags = TaughtTagRepository(session, principal)
                await hold_owner(session, principal.owner)
                row = await tags.find(name)
                is_new = row is None
                if row is None:
                    row = await _create(tags, name)
                    if await take_tagged(tags, row, limit=MAX_ANSWERS_OF_A_CALL):
                        row.pending = True
                id_, pending = row.id, row.pending
            if pending:
                await self._learn(principal, id_)
            return await self._shown(principal, name), is_new

    async def edit(self, principal: Principal, name: str, edit: TaughtTagEdit) -> TaughtTag:
        """Change the threshold, the version in use, or what the tag applies to.

        Raises
        ------
        ProblemError
        """
        async with self._turns.of(principal.owner):
            async with self._database.transaction() as session:
                row = await TaughtTagRepository(session, principal).get(
                    name, Action.WRITE, hold=True
                )
                now = await database_of(session).time(session)
                if "threshold" in edit.model_fields_set:
                    row.threshold = edit.threshold
                if edit.version is not None:
                    await _require_version(session, row, edit.version)
                    row.version = edit.version
                if edit.applies_to_new is not None and edit.applies_to_new != (
                    row.applies_until is None
                ):
                    row.applies_until = None if edit.applies_to_new else now
                row.updated = now
            return await self._shown(principal, name)

    async def delete(self, principal: Principal, name: str) -> None:
        """Forget a taught tag: its model, answers and proposals. The tag stays on its items.

        Raises
        ------
        ProblemError
        """
        async with self._database.transaction() as session:
            row = await TaughtTagRepository(session, principal).get(name, Action.WRITE, hold=True)
            await session.delete(row)

    async def answer(
        self, principal: Principal, name: str, answers: Mapping[str, TagAnswer | None]
    ) -> TaughtTag:
        """Store answers and learn from all of them; return the taught tag with its new version.

        Raises
        ------
        ProblemError
        """
        async with self._turns.of(principal.owner):
            await self._answer(principal, name, answers, field="body.answers")
            return await self._shown(principal, name)

    async def questions(self, principal: Principal, name: str, limit: int) -> list[Proposal]:
        """Return the most doubtful items, varied; none before the first version.

        Raises
        ------
        ProblemError
        """
        async with self._turns.of(principal.owner):
            view = await self._view(principal, name)
            if view is None:
                return []
            crate = await self._vectors.read_all(principal.owner)
            return await asyncio.to_thread(view.questions, crate, limit)

    async def proposals(
        self, principal: Principal, name: str, request: ListQuery
    ) -> tuple[list[Proposal], int, str | None]:
        """Return a page of proposals, how many there are, and the cursor of the next page.

        Raises
        ------
        ProblemError
        """
        async with self._turns.of(principal.owner):
            proposed = await self._proposed(principal, name)
        listed, following = page_of(proposed, request)
        return listed, len(proposed.ids), following

    async def confirm(
        self, principal: Principal, name: str, items: Sequence[str] | None
    ) -> ProposalsConfirmed:
        """Put a tag on items that it proposes.

        Parameters
        ----------
        items
            These count as answered with yes, and the model learns from them. `None` for the surest
            `MAX_CONFIRMED`, from which it does not learn.

        Raises
        ------
        ProblemError
        """
        async with self._turns.of(principal.owner):
            proposed = await self._proposed(principal, name)
            count = len(proposed.ids)
            if items is None:
                chosen = unpack(proposed.ids[:MAX_CONFIRMED])
                confirmed = 0
                for start in range(0, len(chosen), _TAGGED_AT_ONCE):
                    part = chosen[start : start + _TAGGED_AT_ONCE]
                    confirmed += await self._put_tag(principal, name, part)
            else:
                listed = list(dict.fromkeys(items))
                rows = await asyncio.to_thread(rows_of, proposed.ids, pack(listed))
                chosen = [item for item, row in zip(listed, rows, strict=True) if row >= 0]
                confirmed = len(chosen)
                if chosen:
                    answers = dict.fromkeys(chosen, TagAnswer.YES)
                    await self._answer(principal, name, answers, field="body.items")
        return ProposalsConfirmed(confirmed=confirmed, remaining=count - confirmed)

    async def export(self, principal: Principal, name: str) -> TaughtTagFile:
        """Return the model of a taught tag to share. Raises `ProblemError`."""
        async with self._database.session() as session:
            row = await TaughtTagRepository(session, principal).get(name, Action.READ)
            version = await version_in_use(session, row)
        if version is None:
            raise ProblemError(
                ProblemCode.WRONG_STATE,
                f"The taught tag `{row.name}` has no model yet: it needs five yes-answers.",
            )
        return TaughtTagFile(
            name=row.name,
            version=version.number,
            threshold=threshold_of(row, version),
            models=tuple(LinearModel.model_validate(model) for model in version.models),
        )

    async def import_file(
        self, principal: Principal, file: TaughtTagFile, name: str | None
    ) -> tuple[TaughtTag, bool]:
        """Create a taught tag from a file, or let one that exists learn on from its model.

        Parameters
        ----------
        name
            The name of the tag; that in the file by default.

        Returns
        -------
        tuple
            The taught tag, and whether it is new.

        Raises
        ------
        ProblemError
            The owner has too many taught tags.
        """
        name = name or file.name
        models = [model.model_dump(mode="json") for model in file.models]
        async with self._turns.of(principal.owner):
            async with self._database.transaction() as session:
                tags = TaughtTagRepository(session, principal)
                await hold_owner(session, principal.owner)
                row = await tags.find(name)
                is_new = row is None
                if row is None:
                    row = await _create(tags, name)
                    await take_tagged(tags, row, limit=MAX_ANSWERS_OF_A_CALL)
                id_, changed = row.id, row.imported != models
                if changed:
                    row.imported = models
                    row.revision += 1
                    row.pending = True
            if changed:
                await self._learn(principal, id_)
            return await self._shown(principal, name), is_new

    async def _answer(
        self,
        principal: Principal,
        name: str,
        answers: Mapping[str, TagAnswer | None],
        *,
        field: Literal["body.answers", "body.items"],
    ) -> None:
        async with self._database.transaction() as session:
            tags = TaughtTagRepository(session, principal)
            row = await tags.get(name, Action.WRITE, hold=True)
            if await store_answers(tags, row, answers, field=field):
                row.revision += 1
                row.pending = True
                row.updated = await database_of(session).time(session)
            id_, pending = row.id, row.pending
        if pending:
            await self._learn(principal, id_)

    async def _learn(self, principal: Principal, id_: str) -> None:
        crate = await self._vectors.read_all(principal.owner)
        await learn_tag(self._database, id_, principal.owner, crate)

    async def _put_tag(self, principal: Principal, name: str, items: Sequence[str]) -> int:
        """Put a tag on those items that have room for one more; return how many."""
        async with self._database.transaction() as session:
            tags = TaughtTagRepository(session, principal)
            row = await tags.get(name, Action.WRITE, hold=True)
            held = list((await hold_items(tags, items)).values())
            return await put_tag(tags, row, add=held, field="body.all", skip_full=True)

    async def _proposed(self, principal: Principal, name: str) -> Scores:
        view = await self._view(principal, name)
        if view is None:
            return score_crate({}, {})
        crate = await self._vectors.read_all(principal.owner)
        return await asyncio.to_thread(view.proposed, crate)

    async def _view(self, principal: Principal, name: str) -> TagView | None:
        async with self._database.session() as session:
            row = await TaughtTagRepository(session, principal).get(name, Action.READ)
            return await read_view(session, row)

    async def _shown(self, principal: Principal, name: str) -> TaughtTag:
        async with self._database.session() as session:
            row = await TaughtTagRepository(session, principal).get(name, Action.READ)
            view = await read_view(session, row)
        overviews = await self._overviews(principal.owner, {row.id: view})
        async with self._database.session() as session:
            shown = await _show(session, [row], overviews, with_histogram=True)
        return shown[0]

    async def _overviews(
        self, owner: str, views: Mapping[str, TagView | None]
    ) -> dict[str, Overview]:
        in_use = {id_: view for id_, view in views.items() if view is not None}
        if not in_use:
            return {}
        crate = await self._vectors.read_all(owner)
        return await asyncio.to_thread(_overviews, in_use, crate)


def _overviews(views: Mapping[str, TagView], crate: Crate) -> dict[str, Overview]:
    return {id_: view.overview(crate) for id_, view in views.items()}


async def _create(tags: TaughtTagRepository, name: str) -> TaughtTagRow:
    if len(await tags.all()) >= MAX_TAUGHT_TAGS:
        raise ProblemError(
            ProblemCode.CONFLICT,
            f"You have {MAX_TAUGHT_TAGS} taught tags, which is the maximum; delete one first.",
        )
    now = await database_of(tags.session).time(tags.session)
    row = TaughtTagRow(
        id=new_id(), owner=tags.owner, key=tag_key(name), name=name, created=now, updated=now
    )
    tags.session.add(row)
    await tags.session.flush()
    return row


async def _require_version(session: AsyncSession, row: TaughtTagRow, number: int) -> None:
    if await session.get(TaughtTagVersionRow, (row.id, number)) is None:
        text = f"The taught tag `{row.name}` has no version {number}"
        raise ProblemError(
            ProblemCode.INVALID_REQUEST,
            f"{text}; its `versions` lists those that are kept.",
            fields=(FieldProblem(field="body.version", message="no version of this number"),),
        )


async def _show(
    session: AsyncSession,
    rows: Sequence[TaughtTagRow],
    overviews: Mapping[str, Overview],
    *,
    with_histogram: bool,
) -> list[TaughtTag]:
    ids = [row.id for row in rows]
    answers = await count_answers(session, ids)
    examples = await max_examples(session, ids)
    return [
        taught_tag_to_api(
            row,
            await versions_of(session, row.id),
            answers=answers,
            examples=examples.get(row.id, 0),
            overview=overviews.get(row.id),
            with_histogram=with_histogram,
        )
        for row in rows
    ]
