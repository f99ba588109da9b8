"""Recommendations as the API shows them."""

from collections.abc import Mapping

from contracts.ids import CollectionId, ItemId
from contracts.recommendations import Recommendation, RecommendationReason
from contracts.search import SearchHit
from kit.vectors.ids import unpack
from services.library.recommendations.candidates import KINDS, Candidates

_FOR_ACCOUNT = (
    "There is nothing to learn from yet. Mark sounds that you like as favourites, rate them 4 or "
    "5, export them, or add them to the tray or to a collection. Only tagged sounds count; samples "
    "are tagged by themselves after upload."
)
_FOR_COLLECTION = (
    "There is nothing to learn from in this collection. Add sounds to it. Only tagged sounds of "
    "your own count; samples are tagged by themselves after upload."
)


def advice_of(collection: str | None) -> str:
    """Return what to do to get recommendations for the account, or for a collection."""
    return _FOR_COLLECTION if collection else _FOR_ACCOUNT


def recommendations_to_api(
    candidates: Candidates, hits: Mapping[str, SearchHit], names: Mapping[str, str]
) -> tuple[Recommendation, ...]:
    """Return stored candidates as the API shows them.

    Parameters
    ----------
    hits
        What the search knows of their items.
    names
        Names of the liked sounds. A candidate is left out if one of the two sounds was hidden or
        deleted since it was stored.
    """
    items, examples, collections = (
        unpack(candidates[name]) for name in ("item", "example", "collection")
    )
    return tuple(
        Recommendation(
            hit=hits[item],
            reason=RecommendationReason(
                kind=KINDS[candidate["kind"]],
                item=ItemId(example),
                name=names[example],
                collection=CollectionId(collection) if candidate["collection"].any() else None,
                distance=round(float(candidate["distance"]), 4),
                alike=int(candidate["alike"]),
            ),
        )
        for candidate, item, example, collection in zip(
            candidates, items, examples, collections, strict=True
        )
        if item in hits and example in names
    )
