"""`/events`: live streams of events over SSE, and tickets for them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from contracts.identity import Principal, Scope, StreamTicket
from contracts.ids import JobId, RunId
from gateway.api_keys import ApiKeys
from gateway.live import Filter, Live, Stream
from kit.auth.dependencies import authenticated, bearer, require
from kit.http.routes import GuardedRoute, guard
from kit.http.subjects import SubjectFilter

MEDIA_TYPE = "text/event-stream"


def event_routes(live: Live, keys: ApiKeys) -> APIRouter:
    """Return the routes."""
    router = APIRouter(route_class=GuardedRoute, prefix="/events", tags=["events"])

    @guard
    async def by_ticket(
        request: Request,
        # Only for OpenAPI: a guard gets nothing but the request.
        _: Annotated[
            str | None,
            Query(
                alias="ticket",
                description="A ticket from `POST /v1/events/tickets`, for browsers.",
            ),
        ] = None,
    ) -> None:
        ticket = request.query_params.get("ticket")
        # This is called twice, and a ticket opens one stream.
        is_known = getattr(request.state, "caller", None) is not None
        if ticket is not None and not is_known and await bearer(request) is None:
            request.state.caller = await authenticated(keys.by_ticket, ticket)

    @router.get(
        "",
        dependencies=[Depends(by_ticket)],
        response_class=EventStream,
        responses={200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}},
    )
    async def listen(
        principal: Annotated[Principal, require(Scope.READ)],
        subject: SubjectFilter,
        job: JobId | None = None,
        run: RunId | None = None,
        after: Annotated[
            str | None,
            Query(
                max_length=400, description="The same as the header Last-Event-ID, for browsers."
            ),
        ] = None,
        last_event_id: Annotated[str | None, Header(max_length=400)] = None,
    ) -> Response:
        """Stream the events of the account's items, jobs and runs.

        To resume after an event, send its `id` as the header Last-Event-ID, up to seven days later.
        `job.progressed`, the progress of a running job, has no id. The last event, `close`, has the
        reason why the stream ends.
        """
        filter_ = Filter(subject=subject, job=job, run=run)
        stream, first = await live.open(principal, filter_, after=last_event_id or after)
        return EventStream(live.events(stream, first), stream=stream, live=live)

    @router.post("/tickets", status_code=201)
    async def make_ticket(principal: Annotated[Principal, require(Scope.READ)]) -> StreamTicket:
        """Create a ticket that opens one live stream within 30 seconds: `GET /v1/events?ticket=`.

        A browser's EventSource cannot send a token as a header, and a token must not be in a URL.
        """
        return await keys.make_ticket(principal)

    return router


class EventStream(Response):
    """A response that streams events until the client disconnects or falls too far behind."""

    media_type = MEDIA_TYPE

    def __init__(
        self,
        content: AsyncIterator[bytes] | None = None,
        status_code: int = 200,
        *,
        stream: Stream | None = None,
        live: Live | None = None,
    ) -> None:
        super().__init__(None, status_code, {"X-Accel-Buffering": "no"}, MEDIA_TYPE)
        del self.headers["content-length"]
        self._events = content
        self._stream = stream
        self._live = live

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Send events until the stream ends."""
        assert self._events is not None
        assert self._stream is not None
        assert self._live is not None
        sending = asyncio.create_task(self._send(self._events, send))
        others = [
            asyncio.create_task(_gone(receive)),
            asyncio.create_task(self._stream.overrun.wait()),
        ]
        try:
            await asyncio.wait({sending, *others}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            self._live.close(self._stream)
            for task in (sending, *others):
                task.cancel()
            await asyncio.gather(sending, *others, return_exceptions=True)

    async def _send(self, events: AsyncIterator[bytes], send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        async for event in events:
            await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    """Wait until the client disconnects."""
    while (await receive())["type"] != "http.disconnect":
        pass
