"""Recommendations: sounds of the caller that fit what the caller likes, each with the reason."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.base import Message, pattern_string
from contracts.ids import CollectionId, ItemId
from contracts.items import Item
from contracts.search import Distance, SearchHit

MAX_RECOMMENDED = 200
"""Recommendations of one request."""
MAX_STORED = 500
"""Recommendations that are stored for an account or a collection; filters choose among these."""

MAX_DISTANCE = 0.5
"""How far a recommended sound is at most from the liked sound that it is nearest to: 1 − cosine."""

RecommendationTarget = Annotated[
    str,
    pattern_string(
        r"^(account|collection:([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|favourites|tray))$",
        "send `account`, or `collection:` and the id of a collection of yours or that you edit, "
        "`favourites` or `tray`",
    ),
]
"""What recommendations should fit: all that the caller likes, or one collection, an own one or one
that the caller may edit."""


class RecommendationState(StrEnum):
    """Whether there are recommendations."""

    READY = "ready"
    COMPUTING = "computing"
    """They are computed for the first time; `recommendations.updated` follows."""
    NOTHING_TO_LEARN_FROM = "nothing_to_learn_from"
    """No liked sound is known, or none is tagged yet; `advice` says what to do."""


class ReasonKind(StrEnum):
    """How it is known that the caller likes the sound that a recommendation is like."""

    FAVOURITE = "favourite"
    """It has the favourite mark."""
    RATING = "rating"
    """It is rated 4 or 5."""
    EXPORT = "export"
    """It was exported."""
    TRAY = "tray"
    """It is in the tray."""
    COLLECTION = "collection"
    """It is in a collection."""


class RecommendationReason(Message):
    """Why an item is recommended: the liked sound that it is most like."""

    kind: ReasonKind
    item: ItemId
    """The liked sound."""
    name: str
    """The name of the liked sound."""
    collection: CollectionId | None = None
    """For the kind `collection`: the collection that holds the liked sound."""
    distance: Distance
    """From the recommended item to the liked sound."""
    alike: Annotated[int, Field(ge=0)]
    """Liked sounds within a distance of 0.3; for the kind `collection` only those of it."""


class Recommendation(Message):
    """An item that fits what the caller likes."""

    hit: SearchHit
    reason: RecommendationReason


class DismissedRecommendation(Message):
    """An item that its owner does not want to see recommended."""

    item: Item
    dismissed: datetime


class Recommendations(Message):
    """Recommended items of the caller in the order in which to hear them: fitting, and varied.

    None is farther than `MAX_DISTANCE` from the liked sound that it is nearest to. Among them are
    no favourites, rated or hidden items, dismissed recommendations, or items of the collection that
    they are for; for the account, none of the tray or of any own collection either, except those
    that imports made.
    """

    target: RecommendationTarget
    state: RecommendationState
    items: tuple[Recommendation, ...] = ()
    examples: Annotated[int, Field(ge=0)] = 0
    """Liked sounds that they were computed from."""
    advice: str | None = None
    """What to do to get recommendations, if there is nothing to learn from."""
    computed_at: datetime | None = None
    outdated: bool = False
    """Whether something changed since: they are being computed again."""
