"""Queue events for webhooks, in the transaction that notes that the bus took them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.topics import LIBRARY_EVENTS
from contracts.webhooks import DeliveryState, WebhookState
from kit.clock import new_id
from kit.database.engine import Database, database_of
from kit.database.notifications import notify_on_commit
from kit.database.upsert import insert_into
from services.library.events.tables import EventRow
from services.library.webhooks.tables import WebhookDeliveryRow, WebhookRow

DELIVERIES = "webhook deliveries"
"""Notified when there may be something to send."""


async def queue_events(session: AsyncSession, events: Sequence[EventRow]) -> None:
    """Queue events for the active webhooks of their owners; a listener of `EVENTS_PUBLISHED`."""
    of_owners: defaultdict[str, list[EventRow]] = defaultdict(list)
    for event in events:
        if event.topic == LIBRARY_EVENTS.name and event.owner is not None:
            of_owners[event.owner].append(event)
    if not of_owners:
        return
    query = (
        select(WebhookRow)
        .where(
            col(WebhookRow.owner).in_(sorted(of_owners)),
            col(WebhookRow.state) == WebhookState.ACTIVE.value,
        )
        .order_by(col(WebhookRow.id))
        # None of them is deleted before the rows that refer to it are there.
        .with_for_update(read=True, key_share=True)
    )
    rows = [
        row
        for webhook in await session.scalars(query)
        for row in delivery_rows(
            webhook, (event for event in of_owners[webhook.owner] if _is_for(webhook, event))
        )
    ]
    await insert_deliveries(session, rows)


def delivery_rows(webhook: WebhookRow, events: Iterable[EventRow]) -> list[dict[str, Any]]:
    """Return the rows with which a webhook gets some events."""
    return [
        {
            "id": new_id(),
            "webhook": webhook.id,
            "owner": webhook.owner,
            "event": event.id,
            "type": event.type,
            "state": DeliveryState.WAITING.value,
            "attempts": 0,
        }
        for event in events
    ]


def _is_for(webhook: WebhookRow, event: EventRow) -> bool:
    return not webhook.event_types or event.type in webhook.event_types


async def insert_deliveries(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of `delivery_rows`; an event that a webhook has already stays as it is."""
    if not rows:
        return
    database = database_of(session)
    statement = database.prepared("queue deliveries", lambda: _inserting(database))
    await session.execute(statement, list(rows))
    notify_on_commit(session, DELIVERIES)


def _inserting(database: Database) -> Any:
    table = WebhookDeliveryRow.metadata.tables["webhook_deliveries"]
    statement = insert_into(database, table).values(due=database.now(), created=database.now())
    return statement.on_conflict_do_nothing()
