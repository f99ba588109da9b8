"""Collections that are read by a link, without an account."""

from collections.abc import AsyncIterator
from pathlib import Path

from cratedig import files, http, types
from cratedig._async.resource import AsyncResource
from cratedig.operations import Operation


class AsyncSharedLinks(AsyncResource):
    """Read a collection of which somebody shared a link; no account is needed.

    `secret` is that of a link with the access `listen` or `download`.
    """

    async def get(self, secret: str) -> types.SharedCollection:
        """Show the collection of a link."""
        return await self._connection.send(
            Operation(
                "GET",
                "/v1/shared/{secret}",
                types.SharedCollection,
                {"secret": secret},
                anonymous=True,
            )
        )

    def items(
        self, secret: str, *, page_size: int | None = None
    ) -> AsyncIterator[types.SharedItem]:
        """Yield the items in the order of the collection; `page_size` are fetched at a time."""
        return self._connection.pages(
            Operation(
                "GET",
                "/v1/shared/{secret}/items",
                types.Page[types.SharedItem],
                {"secret": secret},
                query={"limit": page_size},
                anonymous=True,
            )
        )

    async def audio(self, secret: str, item: str) -> types.Download:
        """Return a signed URL of an item's audio, for some minutes."""
        return self._absolute(
            await self._connection.send(
                Operation(
                    "GET",
                    "/v1/shared/{secret}/items/{item}/audio",
                    types.Download,
                    {"secret": secret, "item": item},
                    anonymous=True,
                )
            )
        )

    async def download(self, secret: str, item: str) -> types.Download:
        """Return a signed URL of an item's file, for some minutes, if the link allows it."""
        return self._absolute(
            await self._connection.send(
                Operation(
                    "GET",
                    "/v1/shared/{secret}/items/{item}/download",
                    types.Download,
                    {"secret": secret, "item": item},
                    anonymous=True,
                )
            )
        )

    async def cover(self, secret: str) -> types.Download:
        """Return a signed URL of the image that is the collection's cover, for some minutes."""
        return self._absolute(
            await self._connection.send(
                Operation(
                    "GET",
                    "/v1/shared/{secret}/cover",
                    types.Download,
                    {"secret": secret},
                    anonymous=True,
                )
            )
        )

    async def save(self, secret: str, item: str, path: Path) -> Path:
        """Download an item's file into `path`, which appears once it is complete."""
        signed = await self.download(secret, item)
        partial = path.with_name(path.name + ".partial")
        try:
            async with self._connection.http.stream("GET", signed.url) as response:
                if response.is_error:
                    await response.aread()
                    raise http.error_of(response)
                with partial.open("wb") as file:
                    async for block in response.aiter_bytes(files.BLOCK):
                        file.write(block)
            return partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def _absolute(self, download: types.Download) -> types.Download:
        url = http.absolute(self._connection.credentials, download.url)
        return download.model_copy(update={"url": url})
