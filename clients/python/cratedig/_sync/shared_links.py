# Made from _async/shared_links.py by make_sync.py: change that file.
"""Collections that are read by a link, without an account."""

from collections.abc import Iterator
from pathlib import Path

from cratedig import files, http, types
from cratedig._sync.resource import Resource
from cratedig.operations import Operation


class SharedLinks(Resource):
    """Read a collection of which somebody shared a link; no account is needed.

    `secret` is that of a link with the access `listen` or `download`.
    """

    def get(self, secret: str) -> types.SharedCollection:
        """Show the collection of a link."""
        return self._connection.send(
            Operation(
                "GET",
                "/v1/shared/{secret}",
                types.SharedCollection,
                {"secret": secret},
                anonymous=True,
            )
        )

    def items(self, secret: str, *, page_size: int | None = None) -> Iterator[types.SharedItem]:
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

    def audio(self, secret: str, item: str) -> types.Download:
        """Return a signed URL of an item's audio, for some minutes."""
        return self._absolute(
            self._connection.send(
                Operation(
                    "GET",
                    "/v1/shared/{secret}/items/{item}/audio",
                    types.Download,
                    {"secret": secret, "item": item},
                    anonymous=True,
                )
            )
        )

    def download(self, secret: str, item: str) -> types.Download:
        """Return a signed URL of an item's file, for some minutes, if the link allows it."""
        return self._absolute(
            self._connection.send(
                Operation(
                    "GET",
                    "/v1/shared/{secret}/items/{item}/download",
                    types.Download,
                    {"secret": secret, "item": item},
                    anonymous=True,
                )
            )
        )

    def cover(self, secret: str) -> types.Download:
        """Return a signed URL of the image that is the collection's cover, for some minutes."""
        return self._absolute(
            self._connection.send(
                Operation(
                    "GET",
                    "/v1/shared/{secret}/cover",
                    types.Download,
                    {"secret": secret},
                    anonymous=True,
                )
            )
        )

    def save(self, secret: str, item: str, path: Path) -> Path:
        """Download an item's file into `path`, which appears once it is complete."""
        signed = self.download(secret, item)
        partial = path.with_name(path.name + ".partial")
        try:
            with self._connection.http.stream("GET", signed.url) as response:
                if response.is_error:
                    response.read()
                    raise http.error_of(response)
                with partial.open("wb") as file:
                    for block in response.iter_bytes(files.BLOCK):
                        file.write(block)
            return partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def _absolute(self, download: types.Download) -> types.Download:
        url = http.absolute(self._connection.credentials, download.url)
        return download.model_copy(update={"url": url})
