"""Webhooks and their deliveries as the API shows them."""

from contracts.ids import EventId, WebhookId
from contracts.webhooks import Delivery, DeliveryState, Webhook, WebhookState, WebhookWithSecret
from services.library.webhooks.tables import WebhookDeliveryRow, WebhookRow


def webhook_to_api(row: WebhookRow) -> Webhook:
    """Return a webhook as the API shows it."""
    return Webhook(
        id=WebhookId(row.id),
        url=row.url,
        event_types=tuple(row.event_types),
        description=row.description,
        state=WebhookState(row.state),
        reason=row.reason,
        failing_since=row.failing_since,
        previous_secret_until=row.previous_until,
        created=row.created,
        updated=row.updated,
    )


def with_secret(row: WebhookRow, secret: str) -> WebhookWithSecret:
    """Return a webhook with its secret."""
    return WebhookWithSecret(**webhook_to_api(row).model_dump(), secret=secret)


def delivery_to_api(row: WebhookDeliveryRow) -> Delivery:
    """Return a delivery as the API shows it."""
    state = DeliveryState(row.state)
    return Delivery(
        event=EventId(row.event),
        type=row.type,
        state=state,
        attempts=row.attempts,
        created=row.created,
        due=row.due if state is DeliveryState.WAITING else None,
        attempted=row.attempted,
        status=row.status,
        duration=row.duration,
        reason=row.reason,
        answer=row.answer,
    )
