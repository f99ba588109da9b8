# Made from _async/feed.py by make_sync.py: change that file.
"""The feed of past events."""

from collections.abc import Iterator

from cratedig import types
from cratedig._sync.resource import Resource
from cratedig.operations import Operation


class Feed(Resource):
    """Read past events, oldest first, to keep a copy of the catalogue up to date."""

    def get(
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
        return self._connection.send(Operation("GET", "/v1/feed", types.Feed, query=query))

    def list(
        self,
        *,
        after: str = "start",
        subject: str | None = None,
        item: str | None = None,
        job: str | None = None,
        run: str | None = None,
        page_size: int | None = None,
    ) -> Iterator[types.FeedEntry]:
        """Yield events up to the present end of the feed; `after` is as for `get`."""
        more = True
        while more:
            page = self.get(
                after=after, subject=subject, item=item, job=job, run=run, page_size=page_size
            )
            yield from page.items
            after, more = page.next, page.more
