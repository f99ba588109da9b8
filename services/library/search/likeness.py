"""What sounds like some examples: items or query sounds, as a number of dials weigh them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.items import ItemKind
from contracts.similarity import MAX_EXAMPLES, SimilarityDials
from contracts.tagging import VectorSpace
from kit.arrays import F32
from kit.database.engine import Database
from kit.vectors.base import MAX_LIMIT, Space, WeightedVector, combine
from services.library.query_sounds.query_sounds import described_sounds
from services.library.search.aspects import (
    COMPARED,
    DIALLED,
    Gaps,
    MeasuredValues,
    Values,
    aspect_gaps,
    dialled_distances,
)
from services.library.search.columns import Columns, Mask
from services.library.search.limits import refusal
from services.library.search.ranking import Near
from services.library.search.repository import documents_of_items
from services.library.search.tables import SearchDocumentRow
from services.library.similarity.sound_vectors import SoundVectors

MAX_NEAR = MAX_LIMIT - MAX_EXAMPLES
"""Results of a search for what sounds like examples; of more items the nearest are ranked."""
MAX_MEASURED = 2000
"""Items that are ranked besides these, because they differ least in what dials count."""
DIGITS = 6
"""Decimals of a distance: the vectors' precision gives no more."""


@dataclass(frozen=True, slots=True)
class Example:
    """An item or query sound to be like, or unlike.

    Attributes
    ----------
    vector
        `[dimension]`, of the space.
    measured
        Its measured values by name.
    """

    id: str
    weight: float
    space: Space
    vector: F32
    measured: MeasuredValues


async def find_examples(
    database: Database, vectors: SoundVectors, owner: str, weights: Mapping[str, float]
) -> list[Example]:
    """Return those of an owner's items and query sounds that have a vector."""
    of_items = await vectors.vectors_of(owner, weights)
    examples = []
    async with database.session() as session:
        measured = {row.item: row for row in await documents_of_items(session, owner, weights)}
        for id_, sound in (await described_sounds(session, owner, weights)).items():
            examples.append(Example(id_, weights[id_], sound.space, sound.vector, sound.measured))
    for space, sounds in of_items.items():
        for id_, vector in sounds.items():
            document = measured.get(id_)
            values = {} if document is None else measured_values(document)
            examples.append(Example(id_, weights[id_], space, vector, values))
    if len({example.space for example in examples}) > 1:
        raise refusal(
            "body.like",
            "These sounds cannot be compared with each other: songs and samples have different "
            "vectors, and so have sounds that different versions of tagging described.",
        )
    return examples


def measured_values(document: SearchDocumentRow) -> dict[str, float | None]:
    """Return the measured values of a document by name."""
    return {name: getattr(document, name) for name in COMPARED}


async def nearest(
    vectors: SoundVectors,
    owner: str,
    columns: Columns,
    mask: Mask,
    examples: Sequence[Example],
    dials: SimilarityDials,
    *,
    limit: int = MAX_NEAR,
) -> Near:
    """Return the chosen documents that are nearest to examples, in no particular order.

    With dials for measured values the candidates are the `MAX_NEAR` with the nearest vectors and
    the `MAX_MEASURED` that differ least in these values; up to that many comparable documents the
    result is exact.

    Parameters
    ----------
    limit
        Results without dials for measured values.

    Raises
    ------
    ProblemError
        The weights cancel out, or no dial can be compared.
    """
    if not examples:
        return Near.nothing()
    measures = any(getattr(dials, aspect) for aspect in DIALLED)
    if not measures and not dials.timbre:
        raise refusal("dials", "All dials are at 0. Turn at least one up.")
    # Those of all documents need not be named, unless some of them are being deleted.
    everything = bool(np.array_equal(mask, columns.live))
    allowed = None if everything else await asyncio.to_thread(columns.items_of, mask)
    space = examples[0].space
    query = [WeightedVector(example.vector, example.weight) for example in examples]
    own = {example.id for example in examples}
    max_near = MAX_NEAR if measures else limit
    try:
        direction = combine(query, space.dimension)
        neighbours = await vectors.nearest_to(
            owner, space, query, without=own, limit=max_near, allowed=allowed
        )
    except ValueError:
        raise refusal(
            "body.like",
            "The weights of these sounds cancel out, so nothing can be like them. Change a weight.",
        ) from None
    places = await asyncio.to_thread(columns.places_of_items, [n.id for n in neighbours])
    distances = np.array([neighbour.distance for neighbour in neighbours], np.float64)
    known = places >= 0
    places, distances = places[known], np.round(distances[known], DIGITS)
    if not measures:
        return Near(columns.ids[places], distances, distances)
    of_examples = [(example.measured, example.weight) for example in examples]
    if len(neighbours) == MAX_NEAR:
        others = await asyncio.to_thread(
            _closest_by_measures, columns, mask, places, space, of_examples, dials
        )
        ids = await asyncio.to_thread(columns.items_at, others)
        of_ids = await vectors.vectors_in(owner, space, ids)
        has = np.array([id_ in of_ids and id_ not in own for id_ in ids], np.bool_)
        if has.any():
            stored = np.stack([of_ids[id_] for id_, is_ in zip(ids, has, strict=True) if is_])
            places = np.concatenate((places, others[has]))
            more = np.round(np.maximum(0.0, 1.0 - stored @ direction), DIGITS)
            distances = np.concatenate((distances, more))
    try:
        mean = await asyncio.to_thread(_dialled, columns, places, distances, of_examples, dials)
    except ValueError:
        raise refusal(
            "dials",
            "The sounds to be like do not have what these dials compare: a noise has no pitch, and "
            "a one-shot has no tempo. Turn another dial up.",
        ) from None
    return Near(columns.ids[places], np.round(mean, DIGITS), distances)


def _values(columns: Columns, places: NDArray[np.int64]) -> Values:
    return {name: columns.numbers[name][places] for name in COMPARED}


def _dialled(
    columns: Columns,
    places: NDArray[np.int64],
    distances: Gaps,
    examples: Sequence[tuple[MeasuredValues, float]],
    dials: SimilarityDials,
) -> Gaps:
    return dialled_distances(distances, aspect_gaps(_values(columns, places), examples), dials)


def _closest_by_measures(
    columns: Columns,
    mask: Mask,
    known: NDArray[np.int64],
    space: Space,
    examples: Sequence[tuple[MeasuredValues, float]],
    dials: SimilarityDials,
) -> NDArray[np.int64]:
    """Return the chosen documents besides those known that differ least in measured values."""
    code = columns.codes["kind"].find(ItemKind.SAMPLE)
    is_sample = columns.coded["kind"] == (-2 if code is None else code)
    chosen = mask & (is_sample if space.name == VectorSpace.SAMPLE else ~is_sample)
    chosen[known] = False
    places = np.flatnonzero(chosen)
    gaps = aspect_gaps(_values(columns, places), examples)
    only = dials.model_copy(update={"timbre": 0.0})
    try:
        different = dialled_distances(np.zeros(len(places)), gaps, only)
    except ValueError:
        return places[:0]
    if len(places) > MAX_MEASURED:
        places = places[np.argpartition(different, MAX_MEASURED)[:MAX_MEASURED]]
    return places
