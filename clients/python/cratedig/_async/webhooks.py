"""Webhooks, which send events to an address."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from types import NoneType
from typing import Any, Unpack

from cratedig import types
from cratedig._async.resource import AsyncResource
from cratedig.operations import Operation, idempotency_key


class AsyncWebhooks(AsyncResource):
    """Create, test, list, change and delete webhooks, and replay events."""

    def list(self, *, page_size: int | None = None) -> AsyncIterator[types.Webhook]:
        """Yield webhooks, newest first.

        Parameters
        ----------
        page_size
            How many are fetched at a time, at most 200.
        """
        return self._connection.pages(
            Operation("GET", "/v1/webhooks", types.Page[types.Webhook], query={"limit": page_size})
        )

    async def create(
        self, url: str, *, event_types: Sequence[str] = (), description: str = ""
    ) -> types.WebhookWithSecret:
        """Create a webhook; it gets nothing before `test` has passed.

        Parameters
        ----------
        url
            A web address that begins with `https://`.
        event_types
            Types of events, such as `job.succeeded`; none means all.
        """
        return await self._connection.send(
            Operation(
                "POST",
                "/v1/webhooks",
                types.WebhookWithSecret,
                body={"url": url, "event_types": [*event_types], "description": description},
                headers=idempotency_key(),
            )
        )

    async def get(self, webhook: str) -> types.Webhook:
        """Show a webhook."""
        return await self._connection.send(
            Operation("GET", "/v1/webhooks/{webhook}", types.Webhook, {"webhook": webhook})
        )

    async def update(self, webhook: str, **changes: Unpack[types.WebhookChanges]) -> types.Webhook:
        """Change address, types or description, or disable it; test it again to make it active."""
        return await self._connection.send(
            Operation(
                "PATCH",
                "/v1/webhooks/{webhook}",
                types.Webhook,
                {"webhook": webhook},
                body=dict(changes),
            )
        )

    async def delete(self, webhook: str) -> None:
        """Delete a webhook with its deliveries."""
        await self._connection.send(
            Operation("DELETE", "/v1/webhooks/{webhook}", NoneType, {"webhook": webhook})
        )

    async def test(self, webhook: str) -> types.WebhookTest:
        """Send a challenge to its address; the webhook becomes active if the answer contains it."""
        return await self._connection.send(
            Operation(
                "POST", "/v1/webhooks/{webhook}/test", types.WebhookTest, {"webhook": webhook}
            )
        )

    async def rotate_secret(self, webhook: str) -> types.WebhookWithSecret:
        """Give it another secret; events are signed with the previous one too for 24 hours."""
        return await self._connection.send(
            Operation(
                "POST",
                "/v1/webhooks/{webhook}/secret",
                types.WebhookWithSecret,
                {"webhook": webhook},
                headers=idempotency_key(),
            )
        )

    def deliveries(
        self,
        webhook: str,
        *,
        state: types.DeliveryState | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[types.Delivery]:
        """Yield the events that were queued for it, newest first, with their last attempts."""
        return self._connection.pages(
            Operation(
                "GET",
                "/v1/webhooks/{webhook}/deliveries",
                types.Page[types.Delivery],
                {"webhook": webhook},
                query={"state": state, "limit": page_size},
            )
        )

    async def replay(
        self,
        webhook: str,
        *,
        events: Sequence[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        cursor: str | None = None,
    ) -> types.WebhookReplayed:
        """Send events again, or those that it missed while it was not active.

        Parameters
        ----------
        events
            Ids of events, at most 100.
        since, until
            Instead of `events`: those of a time, at most 1,000.
        cursor
            `next` of the last answer, to go on after it.
        """
        body: dict[str, Any] = {"events": [*events]} if events else {}
        times = {"since": since, "until": until}
        body |= {name: time.isoformat() for name, time in times.items() if time is not None}
        if cursor is not None:
            body["cursor"] = cursor
        return await self._connection.send(
            Operation(
                "POST",
                "/v1/webhooks/{webhook}/replay",
                types.WebhookReplayed,
                {"webhook": webhook},
                body=body,
            )
        )
