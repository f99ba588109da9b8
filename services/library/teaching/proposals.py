"""What taught tags propose: computed from the models and the vectors whenever somebody looks.

Nothing is stored for a proposal. A confidence is a product of an item's vector and a model, so a
tag proposes what arrives later without further work, and another version at once.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.teaching import TagAnswer
from kit.arrays import F32, F64
from kit.database.engine import Database
from kit.database.plans import unindexed
from kit.http.cursors import invalid_cursor
from kit.http.list_cursor import ListQuery, decode_list_cursor, encode_list_cursor
from kit.vectors.ids import Ids, Rows, pack, unpack
from services.library.similarity.sound_vectors import SoundVectors
from services.library.tags.item_tags import tag_key
from services.library.tags.tables import ItemTagRow
from services.library.teaching.learning import confidences, histogram
from services.library.teaching.repository import (
    decided_items,
    hidden_items,
    skipped_items,
    version_in_use,
    versions_in_use,
)
from services.library.teaching.scoring import (
    Crate,
    Models,
    Scores,
    read_models,
    score_crate,
)
from services.library.teaching.tables import TagAnswerRow, TaughtTagRow, TaughtTagVersionRow

_POOL = 20
"""Candidates for each question, the most doubtful ones."""
_MAX_POOL = 1000
_SCALE = 1_000_000
"""Confidences are compared in millionths, which cursors hold as integers."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An item and the confidence that it has a tag."""

    item: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Overview:
    """What a tag's model says of the whole crate."""

    proposed: int
    histogram: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TagView:
    """A taught tag in use: its models, and what it does not propose.

    Attributes
    ----------
    excluded
        Items with an answer or the tag, and hidden ones.
    skipped
        Items whose question was skipped lately.
    """

    models: Models
    threshold: float
    applies_until: datetime | None
    excluded: Ids
    skipped: Ids

    def proposed(self, crate: Crate) -> Scores:
        """Return the proposals, the surest first; items of the same confidence by their ids."""
        scores = score_crate(crate, self.models)
        mask = scores.without(self.excluded, added_until=self.applies_until)
        chosen = np.flatnonzero(mask & (scores.values >= self.threshold))
        ids, values = scores.ids[chosen], scores.values[chosen]
        order = np.lexsort((np.ascontiguousarray(ids).view("S16")[:, 0], -_millionths(values)))
        return Scores(ids[order], values[order])

    def overview(self, crate: Crate) -> Overview:
        """Return how many items are proposed, and the histogram of all confidences."""
        scores = score_crate(crate, self.models)
        mask = scores.without(self.excluded, added_until=self.applies_until)
        proposed = int(np.count_nonzero(mask & (scores.values >= self.threshold)))
        return Overview(proposed, tuple(histogram(scores.values).tolist()))

    def questions(self, crate: Crate, limit: int) -> list[Proposal]:
        """Return the most doubtful items that are unlike each other, the most doubtful first."""
        pool: list[tuple[float, str, float, F32]] = []
        boundary = _logit(np.array([self.threshold]))[0]
        for space, coefficients in self.models.items():
            if space not in crate:
                continue
            owned = crate[space]
            scores = Scores(owned.ids, confidences(coefficients, owned.vectors))
            mask = scores.without(np.concatenate((self.excluded, self.skipped)))
            doubt = np.abs(_logit(scores.values.astype(np.float64)) - boundary)
            doubt[~mask] = np.inf
            rows = _smallest(doubt, min(limit * _POOL, _MAX_POOL))
            for row, id_ in zip(rows.tolist(), unpack(owned.ids[rows]), strict=True):
                value = float(scores.values[row])
                pool.append((float(doubt[row]), id_, value, owned.vectors[row]))
        pool.sort(key=lambda candidate: candidate[:2])
        chosen = _varied([c[0] for c in pool], [c[3] for c in pool], limit)
        return [Proposal(pool[at][1], pool[at][2]) for at in chosen]


class Proposals:
    """Reads what taught tags propose.

    Parameters
    ----------
    database
        The library's database.
    vectors
        The vectors of items.
    """

    def __init__(self, database: Database, vectors: SoundVectors) -> None:
        self._database = database
        self._vectors = vectors

    async def of_items(
        self, owner: str, items: Collection[str]
    ) -> Mapping[str, Sequence[tuple[str, float]]]:
        """Return the tags that are proposed for some of an owner's items, with confidences.

        The caller holds no connection: this takes one after the other.
        """
        if not items:
            return {}
        async with self._database.session() as session:
            tags = await versions_in_use(session, owner)
            if not tags:
                return {}
            excluded = await _decided_among(session, owner, [row for row, _ in tags], items)
        vectors = await self._vectors.vectors_of(owner, items)
        proposed: dict[str, list[tuple[str, float]]] = {}
        for row, version in tags:
            threshold = threshold_of(row, version)
            for space, coefficients in read_models(version.models).items():
                named = vectors.get(space, {})
                if not named:
                    continue
                ids = pack(list(named))
                scores = Scores(ids, confidences(coefficients, np.stack(list(named.values()))))
                mask = scores.without(ids[:0], added_until=row.applies_until)
                for item, value, open_ in zip(named, scores.values, mask, strict=True):
                    if open_ and value >= threshold and (row.id, item) not in excluded:
                        proposed.setdefault(item, []).append((row.name, float(value)))
        return {item: sorted(tags, key=lambda tag: -tag[1]) for item, tags in proposed.items()}

    async def items_of(self, owner: str, name: str) -> list[str]:
        """Return the items for which a tag is proposed, the surest first."""
        async with self._database.session() as session:
            query = select(TaughtTagRow).where(
                col(TaughtTagRow.owner) == owner, col(TaughtTagRow.key) == tag_key(name)
            )
            row = (await session.scalars(query)).one_or_none()
            view = await read_view(session, row) if row is not None else None
        if view is None:
            return []
        crate = await self._vectors.read_all(owner)
        return await asyncio.to_thread(lambda: unpack(view.proposed(crate).ids))


async def read_view(session: AsyncSession, row: TaughtTagRow) -> TagView | None:
    """Return a taught tag in use; `None` if it has no version."""
    version = await version_in_use(session, row)
    if version is None:
        return None
    return TagView(
        read_models(version.models),
        threshold_of(row, version),
        row.applies_until,
        pack([*await decided_items(session, row), *await hidden_items(session, row.owner)]),
        pack(await skipped_items(session, row)),
    )


def threshold_of(row: TaughtTagRow, version: TaughtTagVersionRow) -> float:
    """Return the confidence from which on a tag proposes items: the owner's, or the version's."""
    return row.threshold if row.threshold is not None else version.threshold


def page_of(proposed: Scores, request: ListQuery) -> tuple[list[Proposal], str | None]:
    """Return a page of proposals, and the cursor of the next page.

    Raises
    ------
    ProblemError
        The cursor is malformed.
    """
    start = 0
    if request.cursor is not None:
        value, item = decode_list_cursor(request.cursor, (int, str))
        try:
            last = pack([str(item)]).tobytes()
        except ValueError:
            raise invalid_cursor() from None
        millionths = _millionths(proposed.values)
        start = int(np.searchsorted(-millionths, -int(value), side="left"))
        end = int(np.searchsorted(-millionths, -int(value), side="right"))
        while start < end and proposed.ids[start].tobytes() <= last:
            start += 1
    stop = start + request.limit
    listed = [
        Proposal(item, float(value))
        for item, value in zip(
            unpack(proposed.ids[start:stop]), proposed.values[start:stop], strict=True
        )
    ]
    if stop >= len(proposed.ids):
        return listed, None
    place = int(_millionths(proposed.values[stop - 1 : stop])[0])
    return listed, encode_list_cursor((place, listed[-1].item))


async def _decided_among(
    session: AsyncSession, owner: str, tags: Sequence[TaughtTagRow], items: Collection[str]
) -> set[tuple[str, str]]:
    """Return which tags and items are not proposed, because of an answer or the tag itself."""
    answer, tagged = TagAnswerRow, ItemTagRow
    answered = select(col(answer.tag), col(answer.item)).where(
        col(answer.item).in_(items),
        col(answer.tag).in_([row.id for row in tags]),
        col(answer.answer) != TagAnswer.SKIP,
    )
    by_key = {row.key: row.id for row in tags}
    has_tag = select(col(tagged.key), col(tagged.item)).where(
        col(tagged.item).in_(items),
        unindexed(col(tagged.owner)) == owner,
        col(tagged.key).in_(by_key),
    )
    excluded = {(tag, item) for tag, item in (await session.execute(answered)).all()}
    return excluded | {(by_key[key], item) for key, item in (await session.execute(has_tag)).all()}


def _varied(doubts: Sequence[float], vectors: Sequence[F32], limit: int) -> list[int]:
    """Return positions of candidates, chosen one by one: doubtful, and unlike those before.

    Maximal marginal relevance: J. Carbonell and J. Goldstein, "The use of MMR", SIGIR 1998.

    Parameters
    ----------
    doubts
        Distance from the threshold in logits, rising.
    vectors
        Of unit length; those of different lengths are of different spaces.
    """
    if not doubts:
        return []
    sizes = np.array([len(vector) for vector in vectors])
    matrix = np.zeros((len(vectors), int(sizes.max())), np.float32)
    for row, vector in zip(matrix, vectors, strict=True):
        row[: len(vector)] = vector
    costs = np.array(doubts) / max(doubts[-1], 1e-9)
    chosen: list[int] = []
    while len(chosen) < min(limit, len(doubts)):
        at = int(np.argmin(costs))
        chosen.append(at)
        alike = np.maximum(matrix @ matrix[at], 0.0)
        costs += np.where(sizes == sizes[at], alike, 0.0) / limit
        costs[at] = np.inf
    return chosen


def _smallest(values: F64, limit: int) -> Rows:
    all_ = len(values) <= limit
    rows = np.arange(len(values)) if all_ else np.argpartition(values, limit)[:limit]
    return np.asarray(rows[np.isfinite(values[rows])], np.int64)


def _logit(values: F64) -> F64:
    clipped = np.clip(values, 1e-6, 1 - 1e-6)
    result: F64 = np.log(clipped / (1 - clipped))
    return result


def _millionths(values: F32) -> Rows:
    return np.asarray(np.round(values.astype(np.float64) * _SCALE), np.int64)
