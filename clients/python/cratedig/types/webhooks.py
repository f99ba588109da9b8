"""Webhooks and the events that are sent to them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypedDict

from cratedig.types.base import Answer

WebhookState = Literal["unverified", "active", "disabled"]
DeliveryState = Literal["waiting", "sending", "delivered", "failed"]


class Webhook(Answer):
    """A webhook; `event_types` is empty if it gets events of all types."""

    id: str
    url: str
    event_types: tuple[str, ...]
    description: str
    state: WebhookState
    reason: str | None = None
    failing_since: datetime | None = None
    previous_secret_until: datetime | None = None
    created: datetime
    updated: datetime


class WebhookWithSecret(Webhook):
    """A webhook with the secret that signs its events."""

    secret: str


class WebhookTest(Answer):
    """What became of a test; `reason` says what was wrong with the answer."""

    passed: bool
    reason: str | None = None
    status: int | None = None
    answer: str | None = None
    duration: float
    webhook: Webhook


class Delivery(Answer):
    """An event on its way to a webhook, with its last attempt; `due` is when the next starts."""

    event: str
    type: str
    state: DeliveryState
    attempts: int
    created: datetime
    due: datetime | None = None
    attempted: datetime | None = None
    status: int | None = None
    duration: float | None = None
    reason: str | None = None
    answer: str | None = None


class WebhookReplayed(Answer):
    """How many events a replay sends; `next` is the `cursor` of the further ones."""

    count: int
    next: str | None = None


class WebhookChanges(TypedDict, total=False):
    """Changes of a webhook. Absent keys stay as they are."""

    url: str
    event_types: Sequence[str]
    description: str
    state: Literal["disabled"]
