"""Webhooks of all accounts, with their states."""

from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.admin import MAX_WEBHOOKS, AdminWebhook
from contracts.ids import OwnerId, WebhookId
from contracts.webhooks import WebhookState
from services.library.webhooks.tables import WebhookRow


async def list_webhooks(session: AsyncSession) -> tuple[AdminWebhook, ...]:
    """Return webhooks, at most `MAX_WEBHOOKS`: those that fail first, then the newest."""
    query = (
        select(WebhookRow)
        .where(~col(WebhookRow.deleted))
        .order_by(
            col(WebhookRow.failing_since).is_(None),
            col(WebhookRow.created).desc(),
            col(WebhookRow.id),
        )
        .limit(MAX_WEBHOOKS)
    )
    return tuple(map(_to_api, await session.scalars(query)))


def _to_api(row: WebhookRow) -> AdminWebhook:
    return AdminWebhook(
        id=WebhookId(row.id),
        account=OwnerId(row.owner),
        host=urlsplit(row.url).hostname or "",
        state=WebhookState(row.state),
        reason=row.reason,
        failing_since=row.failing_since,
        created=row.created,
    )
