"""What the outcome of an attempt means for a delivery and for its webhook."""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import Counter

from contracts.music import Seconds
from contracts.webhooks import DeliveryState, WebhookState
from services.library.webhooks.client import WebhookAnswer
from services.library.webhooks.tables import WebhookDeliveryRow, WebhookRow

log = logging.getLogger(__name__)

SCHEDULE = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24)))
)
"""Pauses after failed attempts, as Standard Webhooks recommends: ten attempts in about 76 hours."""
JITTER = 0.2
"""A pause is up to a fifth longer, so that the events of an outage do not come back together."""
DISABLE_AFTER = timedelta(days=3)
"""A webhook whose attempts all failed for so long is disabled."""
GONE = 410
ATTEMPTS = Counter("library_webhook_attempts_total", "Attempts to send an event.", ("outcome",))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOutcome:
    """The outcome of an attempt."""

    answer: WebhookAnswer | None
    duration: Seconds
    reason: str | None
    """Why it failed; `None` if the event was taken."""


def answered(answer: WebhookAnswer, duration: Seconds) -> DeliveryOutcome:
    """Return the outcome of an attempt that was answered."""
    reason = None
    if 300 <= answer.status < 400:
        reason = f"The server redirects (HTTP status {answer.status}), which is not followed."
    elif not answer.good:
        reason = f"The server answered with HTTP status {answer.status}."
    return DeliveryOutcome(answer=answer, duration=duration, reason=reason)


def apply_outcome(
    webhook: WebhookRow,
    delivery: WebhookDeliveryRow,
    outcome: DeliveryOutcome,
    now: datetime,
    *,
    fraction: Callable[[], float] = random.random,
) -> None:
    """Write the outcome of an attempt to the locked rows.

    Parameters
    ----------
    now
        The database's time.
    fraction
        Returns a random number from 0 to 1, for the jitter.
    """
    answer = outcome.answer
    delivery.attempts += 1
    delivery.attempted, delivery.duration = now, outcome.duration
    delivery.reason = outcome.reason
    delivery.status = answer.status if answer is not None else None
    delivery.answer = answer.text if answer is not None else None
    if outcome.reason is None:
        ATTEMPTS.labels("delivered").inc()
        delivery.state, delivery.due = DeliveryState.DELIVERED.value, None
        webhook.failing_since = None
        return
    ATTEMPTS.labels("failed").inc()
    webhook.failing_since = webhook.failing_since or now
    if delivery.attempts > len(SCHEDULE):
        delivery.state, delivery.due = DeliveryState.FAILED.value, None
    else:
        pause = SCHEDULE[delivery.attempts - 1] * (1 + JITTER * fraction())
        if answer is not None:
            pause = max(pause, min(timedelta(seconds=answer.retry_after), SCHEDULE[-1]))
        delivery.state, delivery.due = DeliveryState.WAITING.value, now + pause
    if answer is not None and answer.status == GONE:
        _disable(webhook, "The server answered 410 Gone: it wants no more events.")
    elif now - webhook.failing_since >= DISABLE_AFTER:
        days = DISABLE_AFTER.days
        _disable(webhook, f"Every attempt failed for {days} days. The last one: {outcome.reason}")


def _disable(webhook: WebhookRow, reason: str) -> None:
    """Disable a webhook, unless its address was changed since the attempt started."""
    if webhook.state == WebhookState.ACTIVE:
        webhook.state, webhook.reason = WebhookState.DISABLED.value, reason
        log.warning("webhook %s is disabled: %s", webhook.id, reason)
