# Made from _async/artifacts.py by make_sync.py: change that file.
"""Artifacts: the stored files of items."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from cratedig import files, http, types
from cratedig._sync.resource import Resource
from cratedig.errors import DownloadCorruptError
from cratedig.operations import Operation


class Artifacts(Resource):
    """List, show and download files."""

    def list(self, item: str, *, page_size: int | None = None) -> Iterator[types.Artifact]:
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

    def get(self, artifact: str) -> types.Artifact:
        """Return a file's name, size, digest and media type."""
        return self._connection.send(
            Operation("GET", "/v1/artifacts/{artifact}", types.Artifact, {"artifact": artifact})
        )

    def url(self, artifact: str) -> types.Download:
        """Return a signed URL of a file, which needs no credentials, for some minutes."""
        download = self._connection.send(
            Operation(
                "GET",
                "/v1/artifacts/{artifact}/download",
                types.Download,
                {"artifact": artifact},
            )
        )
        url = http.absolute(self._connection.credentials, download.url)
        return download.model_copy(update={"url": url})

    def save(
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
            signed = self.url(artifact.id)
            try:
                self._fetch(signed.url, partial, artifact.size, on_progress)
                break
            except httpx.TransportError as broken:
                error = http.unreachable(http.origin(signed.url), broken)
                if attempt + 1 == http.MAX_ATTEMPTS:
                    raise error from broken
                time.sleep(http.backoff(attempt, error))
        _, sha256 = files.digest(partial)
        if sha256 != artifact.sha256:
            partial.unlink()
            raise DownloadCorruptError(
                f"{artifact.name} was damaged on its way: its SHA-256 is not the server's. "
                "Download it again."
            )
        partial.replace(path)
        return path

    def _fetch(self, url: str, partial: Path, size: int, on_progress: files.OnBytes) -> None:
        done = files.size_of(partial)
        if done >= size > 0:
            return
        headers = {"Range": f"bytes={done}-"} if done else {}
        with self._connection.http.stream("GET", url, headers=headers) as response:
            if response.is_error:
                response.read()
                raise http.error_of(response)
            done = done if response.status_code == 206 else 0
            with partial.open("ab" if done else "wb") as file:
                for block in response.iter_bytes(files.BLOCK):
                    file.write(block)
                    done += len(block)
                    on_progress(done, size)
