"""The feed of past events."""

from collections.abc import AsyncIterator

from cratedig import types
from cratedig._async.resource import AsyncResource
from cratedig.operations import Operation


class AsyncFeed(AsyncResource):
    """Read past events, oldest first, to keep a copy of the catalogue up to date."""

    async def get(
        self,
        *,
        after: str | None = None,
        subject: str | None = None,
        item: str | None = None,
        job: str | None = None,
        run: str | None = None,
        page_size: int | None = None,
    ) -> types.Feed:
        """Return one page of the feed.

        Parameters
        ----------
        after
            A `cursor` or `next` of the feed, the id of an event, or `start`. Without it the page is
            empty and its `next` is the end of the feed.
        """
        query = {
            "after": after,
            "subject": subject,
            "item": item,
            "job": job,
            "run": run,
            "limit": page_size,
        }
        return await self._connection.send(Operation("GET", "/v1/feed", types.Feed, query=query))

    async def list(
        self,
        *,
        after: str = "start",
        subject: str | None = None,
        item: str | None = None,
        job: str | None = None,
        run: str | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[types.FeedEntry]:
        """Yield events up to the present end of the feed; `after` is as for `get`."""
        more = True
        while more:
            page = await self.get(
                after=after, subject=subject, item=item, job=job, run=run, page_size=page_size
            )
            for entry in page.items:
                yield entry
            after, more = page.next, page.more
