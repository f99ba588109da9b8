# Made from _async/uploads.py by make_sync.py: change that file.
"""Uploads: files in parts, which can be resumed."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType
from typing import Any

import httpx

from cratedig import files, http, types
from cratedig._sync.resource import Resource
from cratedig.operations import Operation, idempotency_key


class Uploads(Resource):
    """Upload files. `file` does all of it; the others are its steps."""

    def file(
        self,
        path: Path,
        *,
        kind: types.ItemKind | None = None,
        stem: types.Stem | None = None,
        metadata: Mapping[str, str] | None = None,
        on_progress: files.OnBytes = files.no_progress,
        on_created: Callable[[types.Upload], None] = lambda upload: None,
        resume: str | None = None,
    ) -> types.Upload:
        """Upload a file; return the upload with its item and the job that ingests it.

        Parameters
        ----------
        path
            The file.
        kind
            What it is. Without it its length decides.
        stem
            The part of a song that it holds. It is then treated as a separated stem.
        on_progress
            Called with the sent and the total number of bytes.
        on_created
            Called with the upload before the first byte is sent; its `id` resumes it.
        resume
            Id of an upload of the same file that was interrupted.

        Raises
        ------
        APIStatusError
            The server does not accept the file.
        """
        upload = self.send(
            path,
            kind=kind,
            stem=stem,
            metadata=metadata,
            on_progress=on_progress,
            on_created=on_created,
            resume=resume,
        )
        return self.complete(upload.id) if upload.state == "open" else upload

    def send(
        self,
        path: Path,
        *,
        kind: types.ItemKind | None = None,
        stem: types.Stem | None = None,
        metadata: Mapping[str, str] | None = None,
        on_progress: files.OnBytes = files.no_progress,
        on_created: Callable[[types.Upload], None] = lambda upload: None,
        resume: str | None = None,
    ) -> types.Upload:
        """Send every part of a file without completing the upload; see `file`."""
        size, sha256 = files.digest(path)
        if resume is None:
            upload = self.create(path.name, size, sha256, kind=kind, stem=stem, metadata=metadata)
        else:
            upload = self.get(resume)
        on_created(upload)
        while upload.state == "open" and upload.missing:
            done = sum(part.size for part in upload.received)
            on_progress(done, size)
            for part in upload.missing:
                self._put(path, part)
                done += part.size
                on_progress(done, size)
            upload = self.get(upload.id)
        on_progress(size, size)
        return upload

    def create(
        self,
        name: str,
        size: int,
        sha256: str,
        *,
        kind: types.ItemKind | None = None,
        stem: types.Stem | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> types.Upload:
        """Announce a file of `size` bytes; the answer has the URLs of its parts."""
        body: dict[str, Any] = {"name": name, "size": size, "sha256": sha256}
        if kind is not None:
            body["kind"] = kind
        if stem is not None:
            body["stem"] = stem
        if metadata:
            body["metadata"] = dict(metadata)
        return self._connection.send(
            Operation("POST", "/v1/uploads", types.Upload, body=body, headers=idempotency_key())
        )

    def get(self, upload: str) -> types.Upload:
        """Return an upload with its received parts and the URLs of the missing ones."""
        return self._connection.send(
            Operation("GET", "/v1/uploads/{upload}", types.Upload, {"upload": upload})
        )

    def complete(self, upload: str) -> types.Upload:
        """Complete an upload after sending every part."""
        return self._connection.send(
            Operation(
                "POST",
                "/v1/uploads/{upload}/complete",
                types.Upload,
                {"upload": upload},
                headers=idempotency_key(),
            )
        )

    def abort(self, upload: str) -> None:
        """Abort an upload and delete its parts."""
        self._connection.send(
            Operation("DELETE", "/v1/uploads/{upload}", NoneType, {"upload": upload})
        )

    def _put(self, path: Path, part: types.UploadPart) -> None:
        """Send one part, again where the connection breaks."""
        url = http.absolute(self._connection.credentials, part.url)
        for attempt in range(http.MAX_ATTEMPTS):
            try:
                content = files.read_part(path, part.offset, part.size)
                response = self._connection.http.put(url, content=content)
                if response.is_success:
                    return
                error: Exception = http.error_of(response)
            except httpx.TransportError as broken:
                error = http.unreachable(http.origin(url), broken)
            if attempt + 1 == http.MAX_ATTEMPTS:
                raise error
            time.sleep(http.backoff(attempt, error))
        raise AssertionError("unreachable")
