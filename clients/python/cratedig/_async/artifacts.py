"""Artifacts: the stored files of items."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from cratedig import files, http, types
from cratedig._async.resource import AsyncResource
from cratedig.errors import DownloadCorruptError
from cratedig.operations import Operation


class AsyncArtifacts(AsyncResource):
    """List, show and download files."""

    def list(self, item: str, *, page_size: int | None = None) -> AsyncIterator[types.Artifact]:
        """Yield the files of an item, newest first; `page_size` of them are fetched at a time."""
        return self._connection.pages(
            Operation(
                "GET",
                "/v1/items/{item}/artifacts",
                types.Page[types.Artifact],
                {"item": item},
                query={"limit": page_size},
            )
        )

    async def get(self, artifact: str) -> types.Artifact:
        """Return a file's name, size, digest and media type."""
        return await self._connection.send(
            Operation("GET", "/v1/artifacts/{artifact}", types.Artifact, {"artifact": artifact})
        )

    async def url(self, artifact: str) -> types.Download:
        """Return a signed URL of a file, which needs no credentials, for some minutes."""
        download = await self._connection.send(
            Operation(
                "GET",
                "/v1/artifacts/{artifact}/download",
                types.Download,
                {"artifact": artifact},
            )
        )
        url = http.absolute(self._connection.credentials, download.url)
        return download.model_copy(update={"url": url})

    async def save(
        self,
        artifact: types.Artifact,
        path: Path,
        *,
        on_progress: files.OnBytes = files.no_progress,
    ) -> Path:
        """Download a file and check its digest.

        An interrupted download resumes: its bytes are in a file next to `path`, named `.partial`.

        Parameters
        ----------
        path
            The file to write; an existing one is replaced.
        on_progress
            Called with the received and the total number of bytes.

        Raises
        ------
        DownloadCorruptError
            The file does not match its SHA-256.
        """
        partial = path.with_name(path.name + ".partial")
        for attempt in range(http.MAX_ATTEMPTS):
            signed = await self.url(artifact.id)
            try:
                await self._fetch(signed.url, partial, artifact.size, on_progress)
                break
            except httpx.TransportError as broken:
                error = http.unreachable(http.origin(signed.url), broken)
                if attempt + 1 == http.MAX_ATTEMPTS:
                    raise error from broken
                await asyncio.sleep(http.backoff(attempt, error))
        _, sha256 = await asyncio.to_thread(files.digest, partial)
        if sha256 != artifact.sha256:
            partial.unlink()
            raise DownloadCorruptError(
                f"{artifact.name} was damaged on its way: its SHA-256 is not the server's. "
                "Download it again."
            )
        partial.replace(path)
        return path

    async def _fetch(self, url: str, partial: Path, size: int, on_progress: files.OnBytes) -> None:
        done = files.size_of(partial)
        if done >= size > 0:
            return
        headers = {"Range": f"bytes={done}-"} if done else {}
        async with self._connection.http.stream("GET", url, headers=headers) as response:
            if response.is_error:
                await response.aread()
                raise http.error_of(response)
            done = done if response.status_code == 206 else 0
            with partial.open("ab" if done else "wb") as file:
                async for block in response.aiter_bytes(files.BLOCK):
                    file.write(block)
                    done += len(block)
                    on_progress(done, size)
