"""Recommendations: sounds that fit what the user likes."""

from datetime import datetime
from typing import Literal

from cratedig.types.base import Answer
from cratedig.types.catalogue import Item
from cratedig.types.search import SearchHit

RecommendationState = Literal["ready", "computing", "nothing_to_learn_from"]
ReasonKind = Literal["favourite", "rating", "export", "tray", "collection"]


class RecommendationReason(Answer):
    """The liked sound that a recommended one is most like, and how it is known to be liked.

    `distance` is 1 − cosine, `alike` counts the liked sounds within 0.3; for the kind `collection`
    only those in `collection`.
    """

    kind: ReasonKind
    item: str
    name: str
    collection: str | None = None
    distance: float
    alike: int


class Recommendation(Answer):
    """A recommended sound and the reason."""

    hit: SearchHit
    reason: RecommendationReason


class DismissedRecommendation(Answer):
    """An item that is not recommended, because its owner dismissed it."""

    item: Item
    dismissed: datetime


class Recommendations(Answer):
    """Recommended sounds in the order in which to hear them.

    `examples` counts the liked sounds that they were computed from, `advice` says what to do if
    there is nothing to learn from, `outdated` that they are being computed again.
    """

    target: str
    state: RecommendationState
    items: tuple[Recommendation, ...] = ()
    examples: int = 0
    advice: str | None = None
    computed_at: datetime | None = None
    outdated: bool = False
