# Made from _async/events.py by make_sync.py: change that file.
"""Live events."""

import time
from collections.abc import Iterator
from types import NoneType

import httpx

from cratedig import http, types
from cratedig._sync.resource import Resource
from cratedig.operations import Operation
from cratedig.server_sent_events import EventParser


class Events(Resource):
    """Follow what happens to items, jobs and runs."""

    def stream(
        self,
        *,
        subject: str | None = None,
        item: str | None = None,
        job: str | None = None,
        run: str | None = None,
        after: str = "",
    ) -> Iterator[types.Event]:
        """Yield live events without end, resuming where a connection or a token ends.

        Parameters
        ----------
        subject
            Only events of this subject, as `<kind>:<id>`; `item` is short for `item:<id>`.
        after
            The `id` of an event, to continue after it, or `start` for all that are kept. Without
            it, only new events are yielded.
        """
        attempt = 0
        refreshed = False
        while True:
            credentials = self._connection.credentials
            operation = Operation(
                "GET",
                "/v1/events",
                NoneType,
                query={
                    "subject": subject,
                    "item": item,
                    "job": job,
                    "run": run,
                    "after": after or None,
                },
            )
            try:
                request = http.build_request(
                    self._connection.http, operation, credentials, timeout=http.STREAM_TIMEOUT
                )
                response = self._connection.http.send(request, stream=True)
                try:
                    if http.token_expired(response, operation, credentials) and not refreshed:
                        self._connection.refresh(credentials.access_token)
                        refreshed = True
                        continue
                    if response.is_error:
                        response.read()
                        raise http.error_of(response)
                    refreshed = False
                    parser = EventParser()
                    for line in response.iter_lines():
                        event = parser.feed(line)
                        if event is not None:
                            attempt, after = 0, event.id or after
                            yield event
                finally:
                    response.close()
            except (httpx.TransportError, *http.TRANSIENT) as error:
                attempt += 1
                if attempt == http.MAX_ATTEMPTS:
                    raise http.unreachable(credentials.url, error) from error
                time.sleep(http.backoff(attempt, error))

    def ticket(self) -> types.Ticket:
        """Return a ticket that opens one live stream within 30 seconds.

        It is for browsers, whose `EventSource` sends no credentials:
        `GET /v1/events?ticket=<ticket>`.
        """
        return self._connection.send(Operation("POST", "/v1/events/tickets", types.Ticket))
