"""Taught tags: custom tags that learn from answers."""

from datetime import datetime
from typing import Literal, TypedDict

from cratedig.types.base import Answer, Page
from cratedig.types.search import SearchHit

TagAnswer = Literal["yes", "no", "skip"]
"""Whether an item has a tag; `skip` decides nothing."""


class TagScore(Answer):
    """How well a version predicts answers that it was not taught, each from 0 to 1."""

    precision: float
    recall: float
    f1: float


class TaughtTagVersion(Answer):
    """The state of a model after so many answers `yes` and `no`; `score` by cross-validation."""

    number: int
    created_at: datetime
    yes: int
    no: int
    threshold: float
    score: TagScore | None = None


class TaughtTag(Answer):
    """A custom tag that learns.

    `state` is `needs_examples` or `ready`; `needed` yes-answers are missing. It proposes items with
    at least the confidence `threshold`. `histogram` counts items by confidence in 50 bins.
    """

    name: str
    state: str
    yes: int
    no: int
    needed: int
    threshold: float | None = None
    threshold_chosen: bool = False
    proposed: int = 0
    applies_to_new: bool = True
    version: int | None = None
    versions: tuple[TaughtTagVersion, ...] = ()
    histogram: tuple[int, ...] | None = None


class TaughtTags(Answer):
    """All taught tags of the account."""

    items: tuple[TaughtTag, ...]


class TaughtTagChanges(TypedDict, total=False):
    """Changes of a taught tag. Absent keys stay as they are."""

    threshold: float | None
    """`None` for the threshold of the version."""
    version: int
    """A version to go back to."""
    applies_to_new: bool


class AnsweredItem(Answer):
    """An item with the answer that was given."""

    hit: SearchHit
    answer: TagAnswer
    answered_at: datetime


class TagQuestion(Answer):
    """An item of which the model knows least."""

    hit: SearchHit
    confidence: float


class TagQuestions(Answer):
    """The most doubtful items, varied."""

    items: tuple[TagQuestion, ...]


class TagProposal(Answer):
    """An item that a taught tag proposes."""

    hit: SearchHit
    confidence: float


class TagProposals(Page[TagProposal]):
    """A page of proposals, the surest first; `total` counts all."""

    total: int


class ProposalsConfirmed(Answer):
    """How many proposals were confirmed, and how many are left."""

    confirmed: int
    remaining: int


class LinearModel(Answer):
    """A model over the vectors of one space: confidence = σ(weights · x + bias)."""

    space: str
    space_version: str
    weights: tuple[float, ...]
    bias: float


class TaughtTagFile(Answer):
    """A taught tag to share."""

    format: str
    format_version: int
    name: str
    version: int
    threshold: float
    models: tuple[LinearModel, ...]
