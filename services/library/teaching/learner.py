"""Learning: from a tag's answers and its owner's vectors to a new model version.

Vectors are read and the model is fitted outside of any transaction, in a thread. The version is
stored only if the answers are still those that it learnt from; otherwise it learns again.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.teaching import NEEDED_EXAMPLES, TagAnswer, TagScore
from kit.arrays import F64
from kit.database.engine import Database, database_of
from kit.vectors.base import OwnedVectors, Space
from kit.vectors.ids import Ids, pack, rows_of
from services.library.jobs.locks import hold_owner
from services.library.teaching.events import emit_tag_proposed
from services.library.teaching.learning import (
    MAX_LEARNT,
    Examples,
    Learnt,
    best_threshold,
    learn,
)
from services.library.teaching.repository import count_answers, decided_items, newest_answers
from services.library.teaching.scoring import (
    Crate,
    Models,
    read_models,
    score_crate,
    write_models,
)
from services.library.teaching.tables import TaughtTagRow, TaughtTagVersionRow

log = logging.getLogger(__name__)

MAX_VERSIONS = 50
"""Versions of a taught tag that are kept, the newest, and the one in use."""
_TRIES = 5


@dataclass(frozen=True, slots=True)
class _Task:
    """What a version is learnt from."""

    revision: int
    answers: dict[TagAnswer, dict[Space, list[str]]]
    imported: Models
    counts: tuple[int, int]
    """Answers yes and no."""
    excluded: list[str]
    """Items that are not proposed."""
    threshold: float | None
    """The owner's choice."""
    applies_until: datetime | None


@dataclass(frozen=True, slots=True)
class _Version:
    models: Models
    threshold: float
    score: TagScore | None
    proposed: int = 0
    """Items that it proposes."""


async def learn_tag(database: Database, id_: str, owner: str, crate: Crate) -> None:
    """Learn a tag's answers that no version has learnt from yet, if there are enough.

    Parameters
    ----------
    crate
        The owner's vectors, read after the answers were stored.
    """
    for _ in range(_TRIES):
        async with database.session() as session:
            row = await session.get(TaughtTagRow, id_)
            if row is None or not row.pending:
                return
            task = await _read_task(session, row)
        version = await asyncio.to_thread(_learn, task, crate)
        async with database.transaction() as session:
            await hold_owner(session, owner)
            row = await session.get(TaughtTagRow, id_, populate_existing=True)
            if row is None:
                return
            if row.revision == task.revision:
                await _store(session, row, task, version)
                return
    log.warning("the taught tag %s is answered faster than it learns", id_)


async def _read_task(session: AsyncSession, row: TaughtTagRow) -> _Task:
    counts = await count_answers(session, [row.id])
    return _Task(
        row.revision,
        {
            answer: await newest_answers(session, row.id, answer, limit=MAX_LEARNT)
            for answer in (TagAnswer.YES, TagAnswer.NO)
        },
        read_models(row.imported or ()),
        (counts.get((row.id, TagAnswer.YES), 0), counts.get((row.id, TagAnswer.NO), 0)),
        await decided_items(session, row),
        row.threshold,
        row.applies_until,
    )


def _learn(task: _Task, crate: Crate) -> _Version | None:
    """Return the next version; `None` if no space has enough answers or an imported model."""
    models: dict[Space, F64] = {}
    learnt: list[Learnt] = []
    answered = {
        answer: {space: pack(items) for space, items in of_space.items()}
        for answer, of_space in task.answers.items()
    }
    for space in {*crate, *task.imported}:
        imported = task.imported.get(space)
        yes, no = (answered[a].get(space, pack(())) for a in (TagAnswer.YES, TagAnswer.NO))
        examples = _examples(crate[space], yes, no, imported) if space in crate else None
        if examples is not None and len(examples.yes) >= NEEDED_EXAMPLES:
            learnt.append(learn(examples))
            models[space] = learnt[-1].coefficients
        elif imported is not None:
            models[space] = imported
    if not models:
        return None
    scores = score_crate(crate, models)
    if len(learnt) == len(models) == 1:
        threshold = learnt[0].threshold
    else:
        threshold = best_threshold(scores.values)
    measured = [model.score for model in learnt if model.score is not None]
    shown = task.threshold if task.threshold is not None else threshold
    proposed = scores.without(pack(task.excluded), added_until=task.applies_until)
    proposed &= scores.values >= shown
    return _Version(
        models,
        threshold,
        measured[0] if len(measured) == 1 else None,
        int(np.count_nonzero(proposed)),
    )


def _examples(owned: OwnedVectors, yes: Ids, no: Ids, imported: F64 | None) -> Examples:
    rows = [places[places >= 0] for places in (rows_of(owned.ids, yes), rows_of(owned.ids, no))]
    others = np.ones(len(owned.ids), np.bool_)
    others[np.concatenate(rows)] = False
    return Examples(owned.vectors[rows[0]], owned.vectors[rows[1]], owned.vectors, others, imported)


async def _store(
    session: AsyncSession, row: TaughtTagRow, task: _Task, version: _Version | None
) -> None:
    row.pending = False
    if version is None:
        row.version = None
        return
    row.last_version += 1
    row.version = row.last_version
    session.add(
        TaughtTagVersionRow(
            tag=row.id,
            number=row.last_version,
            yes=task.counts[0],
            no=task.counts[1],
            threshold=version.threshold,
            models=[model.model_dump(mode="json") for model in write_models(version.models)],
            score=version.score.model_dump() if version.score else None,
            created=await database_of(session).time(session),
        )
    )
    await session.flush()
    await session.execute(
        delete(TaughtTagVersionRow)
        .where(
            col(TaughtTagVersionRow.tag) == row.id,
            col(TaughtTagVersionRow.number) <= row.last_version - MAX_VERSIONS,
        )
        .execution_options(synchronize_session=False)
    )
    await emit_tag_proposed(session, row, count=version.proposed, new=0)
