"""Taught tags: custom tags whose models learn from their owner's answers and propose items."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from contracts.base import Message, StrictModel
from contracts.ids import ItemId
from contracts.music import Confidence, Share
from contracts.search import SearchHit
from contracts.tags import TagName

NEEDED_EXAMPLES = 5
"""Yes-answers from which on a tag's model can learn."""
MAX_ANSWERS_OF_A_CALL = 500
"""Answers, or confirmed proposals, that one request names at most."""
MAX_CONFIRMED = 2000
"""Proposals that one request to confirm all of them confirms at most."""
MAX_QUESTIONS = 200
"""Questions of one request."""
HISTOGRAM_BINS = 50
"""Bins of a histogram of confidences, each 0.02 wide."""
MAX_MODELS = 8
"""Spaces of vectors that one model file covers."""
MAX_COMPONENTS = 2000
"""Components of a vector."""
ItemCount = Annotated[int, Field(ge=0)]
_SpaceName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
_Weight = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]


class TaughtTagState(StrEnum):
    """Whether a taught tag has learnt enough to propose items."""

    NEEDS_EXAMPLES = "needs_examples"
    """Fewer than five items with a vector have a yes-answer."""
    READY = "ready"


class TagAnswer(StrEnum):
    """Whether an item has a tag."""

    YES = "yes"
    """The item has the tag."""
    NO = "no"
    """The item does not have the tag, and is never proposed again."""
    SKIP = "skip"
    """Not decided; the question is not asked again for a day."""


class TagScore(Message):
    """How well a version predicts answers that it was not taught, by cross-validation.

    The answers are split into five parts; each is predicted by a model taught with the other four.
    """

    precision: Share
    """Share of the items predicted to have the tag whose answer is yes."""
    recall: Share
    """Share of the items with the answer yes that are predicted to have the tag."""
    f1: Share
    """Harmonic mean of precision and recall."""


class TaughtTagVersion(Message):
    """The state of a taught tag's model after some answers."""

    number: Annotated[int, Field(ge=1)]
    created_at: datetime
    yes: ItemCount
    """Yes-answers that it learnt from."""
    no: ItemCount
    """No-answers that it learnt from."""
    threshold: Share
    """The threshold with the highest expected F1 over the owner's items."""
    score: TagScore | None = None
    """Null with fewer than five answers of either kind."""


class TaughtTag(Message):
    """A custom tag whose model learns from its owner's answers."""

    name: str
    state: TaughtTagState
    yes: ItemCount
    no: ItemCount
    needed: Annotated[int, Field(ge=0, le=NEEDED_EXAMPLES)]
    """Yes-answers for items with a vector that are still missing of five."""
    threshold: Share | None = None
    """Items with at least this confidence are proposed; null before the first version."""
    threshold_chosen: bool = False
    """Whether the owner chose the threshold; otherwise it is that of the version."""
    proposed: ItemCount = 0
    """Items at or above the threshold that have neither an answer nor the tag."""
    applies_to_new: bool = True
    """Whether sounds that arrive later are proposed."""
    version: Annotated[int, Field(ge=1)] | None = None
    """The number of the version in use."""
    versions: tuple[TaughtTagVersion, ...] = ()
    """The newest 50 versions, the newest first."""
    histogram: tuple[ItemCount, ...] | None = None
    """How many of the owner's items have a confidence in each of 50 bins from 0 to 1; null before
    the first version, and in lists of taught tags."""


class TaughtTags(Message):
    """An owner's taught tags in alphabetical order."""

    items: tuple[TaughtTag, ...]


class TaughtTagEdit(StrictModel):
    """Request body to change a taught tag; absent fields stay as they are."""

    threshold: Share | None = None
    """Null for the threshold of the version."""
    version: Annotated[int, Field(ge=1)] | None = None
    """The number of a version to go back to. Answers and tags stay; the next answer makes a new
    version of all of them."""
    applies_to_new: bool | None = None


class ItemAnswer(StrictModel):
    """The answer to whether an item has a tag."""

    item: ItemId
    answer: TagAnswer | None
    """Null takes an earlier answer back."""


class TagAnswers(StrictModel):
    """Request body to answer whether items have a tag."""

    answers: Annotated[
        tuple[ItemAnswer, ...], Field(min_length=1, max_length=MAX_ANSWERS_OF_A_CALL)
    ]

    @model_validator(mode="after")
    def _each_item_once(self) -> Self:
        if len({answer.item for answer in self.answers}) < len(self.answers):
            raise ValueError("name each item once")
        return self


class AnsweredItem(Message):
    """An item with the owner's answer."""

    hit: SearchHit
    answer: TagAnswer
    answered_at: datetime


class TagQuestion(Message):
    """An item of which the model knows least whether it has the tag."""

    hit: SearchHit
    confidence: Confidence


class TagQuestions(Message):
    """The most doubtful items, varied, the most doubtful first."""

    items: tuple[TagQuestion, ...]


class TagProposal(Message):
    """An item that a taught tag proposes, until its owner confirms it or says no."""

    hit: SearchHit
    confidence: Confidence


class TagProposals(Message):
    """A page of proposals, the surest first."""

    items: tuple[TagProposal, ...]
    total: ItemCount
    """Number of proposals."""
    next: str | None = None
    """The `cursor` of the following page."""


class ProposalsConfirm(StrictModel):
    """Request body to confirm proposals: named ones, or all."""

    items: (
        Annotated[tuple[ItemId, ...], Field(min_length=1, max_length=MAX_ANSWERS_OF_A_CALL)] | None
    ) = None
    """Items that are not proposed are ignored; the others count as answered with yes."""
    all: Literal[True] | None = None
    """Put the tag on the surest proposals, at most 2000 with one request. As nobody has listened
    to each of them, the model does not learn from these."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.items is None) == (self.all is None):
            raise ValueError("send `items` or `all`, not both")
        return self


class ProposalsConfirmed(Message):
    """How many proposals were confirmed."""

    confirmed: ItemCount
    remaining: ItemCount
    """Proposals that are left, by the model that was in use before."""


class LinearModel(StrictModel):
    """A logistic regression over the vectors of one space: confidence = σ(weights · x + bias)."""

    space: _SpaceName
    space_version: _SpaceName
    weights: Annotated[tuple[_Weight, ...], Field(min_length=1, max_length=MAX_COMPONENTS)]
    """`[components]`, for vectors of unit length."""
    bias: _Weight


class TaughtTagFile(StrictModel):
    """A taught tag to share: its model, without items and answers."""

    format: Literal["cratedig-taught-tag"] = "cratedig-taught-tag"
    format_version: Literal[1] = 1
    name: TagName
    version: Annotated[int, Field(ge=1)]
    """The number of the version that was shared."""
    threshold: Share
    models: Annotated[tuple[LinearModel, ...], Field(min_length=1, max_length=MAX_MODELS)]

    @model_validator(mode="after")
    def _each_space_once(self) -> Self:
        if len({(m.space, m.space_version) for m in self.models}) < len(self.models):
            raise ValueError("name each space once")
        return self
