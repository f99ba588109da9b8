"""Webhooks: events sent to an address of the account's owner, signed as Standard Webhooks says."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, model_validator

from contracts.base import Message, StrictModel
from contracts.ids import EventId, WebhookId
from contracts.music import Seconds
from contracts.topics import LIBRARY_EVENTS

MAX_URL = 500
MAX_ANSWER_BYTES = 1024
"""Bytes of an answer that are read and stored."""
MAX_REPLAYED = 1000
"""Events that one replay sends at most."""
CHALLENGE = "webhook.challenged"
"""Type of the event that asks an address to prove that it expects events."""
_TYPES = tuple(LIBRARY_EVENTS.events)


def _known(type_: str) -> str:
    if type_ not in _TYPES:
        raise ValueError("this is no type of an event; docs/events.md lists them")
    return type_


EventType = Annotated[
    str, AfterValidator(_known), Field(max_length=64, json_schema_extra={"enum": list(_TYPES)})
]
"""A type of the events on `library.events`, such as `item.added`."""
EventTypes = Annotated[
    tuple[EventType, ...],
    Field(max_length=len(_TYPES)),
    AfterValidator(lambda types: tuple(sorted(set(types)))),
]
"""Types of events; none means all."""
WebhookUrl = Annotated[str, StringConstraints(min_length=1, max_length=MAX_URL)]
"""A web address that begins with `https://`, on port 443 or 80."""
Description = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class WebhookState(StrEnum):
    """Whether a webhook gets events."""

    UNVERIFIED = "unverified"
    """Its address has not passed a test since it was set; nothing is sent to it."""
    ACTIVE = "active"
    DISABLED = "disabled"
    """Its owner disabled it, or its address failed for too long or does not want events; a test
    that passes ends this."""


class DeliveryState(StrEnum):
    """How far an event is on its way to a webhook."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """No attempt is left; replay it to send it again."""


class Webhook(Message):
    """A webhook."""

    id: WebhookId
    url: str
    event_types: tuple[str, ...]
    """Types of the events that it gets, sorted; empty for all."""
    description: str
    state: WebhookState
    reason: str | None = None
    """Why it is disabled."""
    failing_since: datetime | None = None
    """When the first of the attempts failed that all failed since the last success."""
    previous_secret_until: datetime | None = None
    """Until when events are signed with the previous secret too."""
    created: datetime
    updated: datetime


class WebhookWithSecret(Webhook):
    """A webhook with the secret that signs its events, which no other answer contains."""

    secret: str
    """`whsec_` and 32 random bytes in base64."""


class WebhookCreate(StrictModel):
    """Request body to create a webhook."""

    url: WebhookUrl
    event_types: EventTypes = ()
    description: Description = ""


class WebhookEdit(StrictModel):
    """Request body to change a webhook; absent fields stay as they are.

    A changed address gets nothing before it has passed a test.
    """

    url: WebhookUrl | None = None
    event_types: EventTypes | None = None
    description: Description | None = None
    state: Literal[WebhookState.DISABLED] | None = None
    """`disabled` ends sending until the webhook passes a test; no other state can be set."""


class WebhookChallenge(Message):
    """The payload of `webhook.challenged`: the answer must contain the same `challenge`."""

    challenge: str


class WebhookTest(Message):
    """What became of a test: a challenge was sent, and the answer had to contain it."""

    passed: bool
    reason: str | None = None
    """What was wrong with the answer, and what to do."""
    status: int | None = None
    """HTTP status of the answer; null if there was none."""
    answer: str | None = None
    """The first 1,024 bytes of the answer as text."""
    duration: Seconds
    webhook: Webhook
    """The webhook after the test: active if the test passed."""


class Delivery(Message):
    """An event on its way to a webhook, with its last attempt."""

    event: EventId
    """Also the `webhook-id` of each attempt."""
    type: str
    state: DeliveryState
    attempts: Annotated[int, Field(ge=0)]
    created: datetime
    due: datetime | None = None
    """When the next attempt starts."""
    attempted: datetime | None = None
    """When the last attempt ended."""
    status: int | None = None
    """HTTP status of the last answer; null if there was none."""
    duration: Seconds | None = None
    """Length of the last attempt."""
    reason: str | None = None
    """Why the last attempt failed."""
    answer: str | None = None
    """The first 1,024 bytes of the last answer as text."""


class WebhookReplay(StrictModel):
    """Request body to send events again: some of them, or those of a time."""

    events: Annotated[tuple[EventId, ...], Field(max_length=100)] = ()
    """Ids of events."""
    since: AwareDatetime | None = None
    """Send the events from this time on; the oldest first."""
    until: AwareDatetime | None = None
    """Only with `since`: send those before this time."""
    cursor: Annotated[str, StringConstraints(max_length=400)] | None = None
    """Only with `since`: `next` of the last answer, to go on after it."""

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        if bool(self.events) == (self.since is not None):
            raise ValueError("send either `events` or `since`")
        if self.until is not None and (self.since is None or self.until <= self.since):
            raise ValueError("`until` goes with an earlier `since`")
        if self.cursor is not None and self.since is None:
            raise ValueError("`cursor` goes with `since`")
        return self


class WebhookReplayed(Message):
    """How many events a replay sends."""

    count: Annotated[int, Field(ge=0)]
    next: str | None = None
    """Send it as `cursor` for the further events of the time; null if there are none."""
