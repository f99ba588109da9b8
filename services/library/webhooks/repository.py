"""The webhooks of one principal, and the deliveries of one of them."""

from typing import Any

from sqlalchemy import ColumnElement, Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.identity import Principal
from contracts.webhooks import DeliveryState
from kit.database.repository import OwnedRows
from services.library.access import Action
from services.library.repository import OwnerRepository
from services.library.webhooks.tables import WebhookDeliveryRow, WebhookRow


class Webhooks(OwnerRepository):
    """The webhooks of one principal, within one session."""

    def __init__(self, session: AsyncSession, principal: Principal) -> None:
        super().__init__(session, principal)
        self.rows = OwnedRows(session, WebhookRow, self.owner, shown=_not_deleted)
        self.deliveries = OwnedRows(session, WebhookDeliveryRow, self.owner)

    async def get(self, id_: str, action: Action, *, hold: bool = False) -> WebhookRow:
        """Return a webhook. Raises `ProblemError` of code `not_found`."""
        return self.allowed(await self.rows.get(id_, for_update=hold), action)

    def deliveries_of(
        self, webhook: WebhookRow, state: DeliveryState | None
    ) -> Select[WebhookDeliveryRow]:
        """Return a query of the deliveries of a webhook."""
        query = self.deliveries.select().where(col(WebhookDeliveryRow.webhook) == webhook.id)
        return query if state is None else query.where(col(WebhookDeliveryRow.state) == state.value)


def _not_deleted(table: Any, owner: Any) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = ~table.deleted
    return condition
