"""`/webhooks`: events sent to an address, signed."""

from typing import Annotated

from fastapi import APIRouter, Body

from contracts.ids import WebhookId
from contracts.webhooks import (
    Delivery,
    DeliveryState,
    Webhook,
    WebhookCreate,
    WebhookEdit,
    WebhookReplay,
    WebhookReplayed,
    WebhookTest,
    WebhookWithSecret,
)
from kit.http.etags import READABLE, WRITABLE, IfMatch
from kit.http.pagination import Page, Paging
from kit.http.routes import GuardedRoute
from services.library.access import Action
from services.library.idempotency import Key, once
from services.library.repository import page
from services.library.routes.context import REFUSED, Context, Reader, Writer
from services.library.webhooks.repository import Webhooks
from services.library.webhooks.views import delivery_to_api, webhook_to_api, with_secret
from services.library.webhooks.webhooks import (
    create_webhook,
    delete_webhook,
    edit_webhook,
    replay_events,
    reveal_secret,
    rotate_secret,
)

_URL = "https://example.org/cratedig"
_CREATE = {
    "Finished jobs": {"value": {"url": _URL, "event_types": ["job.failed", "job.succeeded"]}},
    "Everything": {"value": {"url": _URL}},
}
_EDIT = {
    "Failed jobs": {"value": {"event_types": ["job.failed"]}},
    "Disable": {"value": {"state": "disabled"}},
}
_REPLAY = {
    "An event": {"value": {"events": ["0197f3a2-5b1c-7d2e-8f30-1a2b3c4d5e6f"]}},
    "Since a time": {"value": {"since": "2026-11-30T12:00:00Z"}},
}


def webhook_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(
        route_class=GuardedRoute, prefix="/webhooks", tags=["events"], responses=REFUSED
    )

    @router.get("")
    async def list_(principal: Reader, paging: Paging) -> Page[Webhook]:
        """List your webhooks, newest first."""
        async with server.database.session() as session:
            rows = Webhooks(session, principal).rows
            listed, following = await page(rows, rows.select(), paging)
        return Page(items=tuple(map(webhook_to_api, listed)), next=following)

    @router.post("", status_code=201)
    async def create(
        principal: Writer,
        request: Annotated[WebhookCreate, Body(openapi_examples=_CREATE)],
        key: Key = None,
    ) -> WebhookWithSecret:
        """Create a webhook; only this answer contains its secret.

        It gets nothing before its address has passed `POST /v1/webhooks/{webhook}/test`.
        """
        server.webhooks.client.check(request.url)
        async with server.database.transaction() as session:
            repository = Webhooks(session, principal)

            async def act() -> tuple[str, int]:
                row = await create_webhook(
                    repository,
                    request,
                    server.webhooks.secrets,
                    max_webhooks=server.settings.owner_webhooks,
                )
                return row.id, 201

            id_, _ = await once(
                session, act, owner=principal.owner, route="POST /webhooks", key=key, body=request
            )
            row = await repository.get(id_, Action.WRITE)
            return with_secret(row, reveal_secret(row, server.webhooks.secrets))

    @router.get("/{webhook}", responses=READABLE)
    async def get(principal: Reader, webhook: WebhookId) -> Webhook:
        """Return a webhook."""
        async with server.database.session() as session:
            return webhook_to_api(await Webhooks(session, principal).get(webhook, Action.READ))

    @router.patch("/{webhook}", responses=WRITABLE)
    async def edit(
        principal: Writer,
        webhook: WebhookId,
        request: Annotated[WebhookEdit, Body(openapi_examples=_EDIT)],
        precondition: IfMatch,
    ) -> Webhook:
        """Change address, types or description, or disable it; absent fields stay as they are.

        A changed address, and a webhook that was disabled, gets nothing before it has passed a
        test.
        """
        if request.url is not None:
            server.webhooks.client.check(request.url)
        async with server.database.transaction() as session:
            repository = Webhooks(session, principal)
            row = await repository.get(webhook, Action.WRITE, hold=True)
            precondition.check(webhook_to_api(row))
            await edit_webhook(repository, row, request)
            return webhook_to_api(row)

    @router.delete("/{webhook}", status_code=204, responses=WRITABLE)
    async def delete(principal: Writer, webhook: WebhookId, precondition: IfMatch) -> None:
        """Delete a webhook with its deliveries; nothing more is sent to it."""
        async with server.database.transaction() as session:
            repository = Webhooks(session, principal)
            row = await repository.get(webhook, Action.WRITE, hold=True)
            precondition.check(webhook_to_api(row))
            await delete_webhook(repository, row)

    @router.post("/{webhook}/test")
    async def test(principal: Writer, webhook: WebhookId) -> WebhookTest:
        """Send `webhook.challenged` to its address, and show what it answered.

        The webhook becomes active if the answer contains the challenge.
        """
        return await server.webhooks.run(principal, webhook)

    @router.post("/{webhook}/secret")
    async def rotate(principal: Writer, webhook: WebhookId, key: Key = None) -> WebhookWithSecret:
        """Give it another secret; only this answer contains it.

        For 24 hours events are signed with the previous secret too.
        """
        async with server.database.transaction() as session:
            repository = Webhooks(session, principal)

            async def act() -> tuple[str, int]:
                row = await rotate_secret(repository, webhook, server.webhooks.secrets)
                return row.id, 200

            id_, _ = await once(
                session, act, owner=principal.owner, route=f"POST /webhooks/{webhook}/secret",
                key=key,
            )  # fmt: skip
            row = await repository.get(id_, Action.WRITE)
            return with_secret(row, reveal_secret(row, server.webhooks.secrets))

    @router.get("/{webhook}/deliveries")
    async def list_deliveries(
        principal: Reader, webhook: WebhookId, paging: Paging, state: DeliveryState | None = None
    ) -> Page[Delivery]:
        """List the events that were queued for it, newest first, with their last attempts."""
        async with server.database.session() as session:
            repository = Webhooks(session, principal)
            row = await repository.get(webhook, Action.READ)
            query = repository.deliveries_of(row, state)
            listed, following = await page(repository.deliveries, query, paging)
        return Page(items=tuple(map(delivery_to_api, listed)), next=following)

    @router.post("/{webhook}/replay")
    async def replay(
        principal: Writer,
        webhook: WebhookId,
        request: Annotated[WebhookReplay, Body(openapi_examples=_REPLAY)],
    ) -> WebhookReplayed:
        """Send events again, or those that it missed while it was not active.

        Each keeps its id. One request sends at most 1,000 events.
        """
        async with server.database.transaction() as session:
            return await replay_events(
                Webhooks(session, principal),
                webhook,
                request,
                retention=server.settings.feed_retention,
            )

    return router
