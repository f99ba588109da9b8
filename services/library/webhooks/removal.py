"""Remove deleted webhooks and their deliveries, in transactions of bounded size."""

from sqlalchemy import delete, select
from sqlmodel import col

from kit.database.engine import Database
from services.library.webhooks.tables import WebhookDeliveryRow, WebhookRow

ROWS = 1000
"""Deliveries that one transaction removes."""
WEBHOOKS = 100
"""Deleted webhooks that one call looks at."""


async def remove_deleted_webhooks(database: Database) -> None:
    """Remove webhooks that were deleted, each once its deliveries are gone."""
    query = select(col(WebhookRow.id)).where(col(WebhookRow.deleted)).limit(WEBHOOKS)
    async with database.session() as session:
        ids = list(await session.scalars(query))
    for id_ in ids:
        which = col(WebhookDeliveryRow.webhook) == id_
        some = select(col(WebhookDeliveryRow.id)).where(which).limit(ROWS)
        statement = (
            delete(WebhookDeliveryRow)
            .where(col(WebhookDeliveryRow.id).in_(some))
            .returning(col(WebhookDeliveryRow.id))
            .execution_options(synchronize_session=False)
        )
        removed = ROWS
        while removed >= ROWS:
            async with database.transaction() as session:
                removed = len((await session.execute(statement)).all())
        async with database.transaction() as session:
            await session.execute(delete(WebhookRow).where(col(WebhookRow.id) == id_))
