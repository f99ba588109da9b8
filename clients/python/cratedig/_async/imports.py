"""Imports: sounds from packs, addresses and providers."""

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from cratedig import files, types
from cratedig._async.polling import wait_until_ended
from cratedig._async.resource import AsyncResource
from cratedig._async.uploads import AsyncUploads
from cratedig.errors import CratedigError
from cratedig.operations import Operation, idempotency_key


class AsyncImports(AsyncResource):
    """Import packs, links, podcasts and more; each file becomes an item."""

    async def pack(
        self,
        path: Path,
        *,
        collection: str | None = None,
        kind: types.ItemKind | None = None,
        tags: Sequence[str] = (),
        on_progress: files.OnBytes = files.no_progress,
    ) -> types.Import:
        """Upload a ZIP archive and import it; the import goes on when this returns.

        Parameters
        ----------
        on_progress
            Called with the sent and the total number of bytes.

        Raises
        ------
        APIStatusError
            The server does not accept it.
        CratedigError
            The archive is in the catalogue as an item.
        """
        upload = await AsyncUploads(self._connection).send(path, on_progress=on_progress)
        if upload.item is not None:
            raise CratedigError(
                f"The item {upload.item} has the bytes of {path.name}. Delete that item, then "
                "import the pack again."
            )
        return await self.create("pack", upload.id, collection=collection, kind=kind, tags=tags)

    async def create(
        self,
        provider: str,
        reference: str,
        *,
        key: str | None = None,
        max_files: int | None = None,
        collection: str | None = None,
        kind: types.ItemKind | None = None,
        tags: Sequence[str] = (),
    ) -> types.Import:
        """Import what a reference means for a provider.

        Parameters
        ----------
        key
            An API key of the provider; the server does not store it.
        max_files
            At most so many files of a podcast or another list.
        """
        body: dict[str, Any] = {"provider": provider, "reference": reference, "tags": list(tags)}
        optional = {"key": key, "max_files": max_files, "collection": collection, "kind": kind}
        body |= {name: value for name, value in optional.items() if value is not None}
        return await self._connection.send(
            Operation("POST", "/v1/imports", types.Import, body=body, headers=idempotency_key())
        )

    def list(self, *, page_size: int | None = None) -> AsyncIterator[types.Import]:
        """Yield imports, newest first."""
        return self._connection.pages(
            Operation("GET", "/v1/imports", types.Page[types.Import], query={"limit": page_size})
        )

    async def get(self, import_id: str) -> types.Import:
        """Show an import and how far it is."""
        return await self._connection.send(
            Operation("GET", "/v1/imports/{import_id}", types.Import, {"import_id": import_id})
        )

    def files(
        self,
        import_id: str,
        *,
        state: types.ImportFileState | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[types.ImportFile]:
        """Yield the files of an import in their order, with what became of each."""
        return self._connection.pages(
            Operation(
                "GET",
                "/v1/imports/{import_id}/files",
                types.Page[types.ImportFile],
                {"import_id": import_id},
                query={"state": state, "limit": page_size},
            )
        )

    async def cancel(self, import_id: str) -> types.Import:
        """Cancel an import; the items that it made stay."""
        return await self._connection.send(
            Operation(
                "POST", "/v1/imports/{import_id}/cancel", types.Import, {"import_id": import_id}
            )
        )

    async def providers(self) -> tuple[types.ImportProvider, ...]:
        """Return the providers of the server, besides `pack`."""
        page = await self._connection.send(
            Operation("GET", "/v1/imports/providers", types.Page[types.ImportProvider])
        )
        return page.items

    async def wait(
        self,
        import_id: str,
        *,
        timeout: float | None = None,
        on_progress: Callable[[types.Import], None] = lambda import_: None,
    ) -> types.Import:
        """Wait until an import has ended.

        Parameters
        ----------
        timeout
            Seconds to wait at most.
        on_progress
            Called with the import again and again while it goes on.

        Raises
        ------
        WaitTimeoutError
            It has not ended in time; it goes on.
        """
        return await wait_until_ended(lambda: self.get(import_id), on_progress, timeout)
