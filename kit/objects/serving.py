"""Serve the signed URLs of a folder store: GET an object, PUT one part of an upload."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from contracts.music import Seconds
from contracts.objects import Bucket
from contracts.problems import ProblemCode
from kit.http.errors import ProblemError, not_found, problem_response, store_full
from kit.objects.base import ObjectFacts, StoreFull, UploadMissing, from_os_error
from kit.objects.disposition import attachment
from kit.objects.ranges import satisfiable
from kit.objects.signing import BadSignature, Signer

log = logging.getLogger(__name__)

MAX_RANGES = 8
"""A request for more ranges gets the whole object, as RFC 9110 allows (S22)."""
BLOCK_TIMEOUT: Seconds = 60.0
"""Maximum time between two blocks of an upload."""
SAFETY = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-transform",
}
"""Keep browsers from running an uploaded file as a page of this server."""


class Folder(Protocol):
    """The part of a folder store that `SignedUrlApp` needs."""

    signer: Signer
    """Checks the URLs."""

    async def head(self, bucket: Bucket, key: str) -> ObjectFacts | None:
        """Return an object's facts; `None` if it does not exist."""
        ...

    def path(self, bucket: Bucket, key: str) -> Path:
        """Return the path of an object's file."""
        ...

    def upload_folder(self, bucket: Bucket, key: str, reference: str) -> Path:
        """Return the folder of an upload's parts. Raises `UploadMissing`."""
        ...

    def draft(self, bucket: Bucket) -> Path:
        """Return a new path for a file that is being written."""
        ...

    def keep_part(self, folder: Path, draft: Path, *, number: int, etag: str) -> None:
        """Move a complete draft into an upload; it replaces an earlier part of the same number."""
        ...


class SignedUrlApp:
    """Answers signed URLs from a folder store.

    Parameters
    ----------
    block_within
        Maximum seconds between two blocks of an upload.
    """

    def __init__(self, store: Folder, *, block_within: Seconds = BLOCK_TIMEOUT) -> None:
        self._store = store
        self._block_within = block_within
        self._newest: dict[tuple[str, int], object] = {}
        """By upload and part number, a token of the latest request that sends the part."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            raise RuntimeError(f"signed URLs are not for {scope['type']}")
        request = Request(scope, receive)
        response: Response
        try:
            if request.method in ("GET", "HEAD"):
                response = await self._get(request)
            elif request.method == "PUT":
                response = await self._put(request)
            else:
                raise ProblemError(ProblemCode.METHOD_NOT_ALLOWED, "Use GET, HEAD or PUT.")
        except ProblemError as error:
            response = problem_response(error)
        except StoreFull as error:
            log.warning("a part could not be stored: %s", error)
            response = problem_response(store_full())
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    def _signed(self, request: Request, method: str) -> tuple[Bucket, str, dict[str, str]]:
        """Return bucket, key and claims of a signed URL. Raises `ProblemError`."""
        # The scope has the whole path even if the application is mounted below a prefix.
        path = request.scope["path"]
        try:
            query = request.query_params
            if len(query) != len(query.multi_items()):
                raise BadSignature("a query parameter of this URL is repeated")
            claims = self._store.signer.check(method, path, query)
            _, _, bucket, key = path.split("/", 3)
            return Bucket(bucket), key, claims
        except BadSignature as error:
            raise ProblemError(ProblemCode.FORBIDDEN, f"Access denied: {error}.") from error
        except ValueError as error:
            raise not_found() from error

    async def _get(self, request: Request) -> Response:
        bucket, key, claims = self._signed(request, "GET")
        facts = await self._store.head(bucket, key)
        if facts is None:
            raise not_found()
        path = self._store.path(bucket, key)
        etag = f'"{facts.etag}"'
        headers = SAFETY | {"ETag": etag, "Content-Disposition": attachment(claims["filename"])}
        if _matches(Headers(scope=request.scope).get("if-none-match"), etag):
            return Response(status_code=304, headers=headers)
        fields = MutableHeaders(scope=request.scope)
        # RFC 9110 defines ranges for GET only; HEAD describes the whole object.
        header = fields.get("range") if request.method == "GET" else None
        ranges = satisfiable(header, facts.size, max_ranges=MAX_RANGES)
        # Pass on only satisfiable ranges; the response evaluates If-Range itself.
        del fields["range"]
        if ranges:
            fields["range"] = "bytes=" + ",".join(f"{first}-{last}" for first, last in ranges)
        elif ranges is not None and "if-range" not in fields:
            refusal = problem_response(
                ProblemError(
                    ProblemCode.RANGE_NOT_SATISFIABLE,
                    f"The requested range is outside this object, which has {facts.size} bytes.",
                )
            )
            refusal.headers["Content-Range"] = f"bytes */{facts.size}"
            return refusal
        return _Download(path, headers=headers, media_type=claims["type"])

    async def _put(self, request: Request) -> Response:
        bucket, key, claims = self._signed(request, "PUT")
        size, number = int(claims["size"]), int(claims["number"])
        draft = self._store.draft(bucket)
        digest = hashlib.md5(usedforsecurity=False)  # S3 uses the MD5 of a part as its ETag.
        arrived = 0
        # If several requests send the same part at once, only the latest goes on. So the drafts of
        # an upload never take more disk space than the upload was granted.
        part, mine = (claims["upload"], number), object()
        self._newest[part] = mine
        try:
            folder = self._store.upload_folder(bucket, key, claims["upload"])
            with await asyncio.to_thread(draft.open, "wb") as file:
                async for block in _steadily(request.stream(), self._block_within):
                    if self._newest.get(part) is not mine:
                        raise ProblemError(
                            ProblemCode.CONFLICT,
                            "A later request sends the same part, so this one was cancelled.",
                        )
                    arrived += len(block)
                    if arrived > size:
                        raise ProblemError(
                            ProblemCode.TOO_LARGE,
                            f"This part must have {size} bytes; more were sent.",
                        )
                    digest.update(block)
                    await asyncio.to_thread(file.write, block)
            if arrived < size:
                raise ProblemError(
                    ProblemCode.INVALID_REQUEST,
                    f"This part must have {size} bytes, but {arrived} were sent. Send it again.",
                )
            etag = digest.hexdigest()
            keep = partial(self._store.keep_part, folder, draft, number=number, etag=etag)
            await asyncio.to_thread(keep)
        except TimeoutError as error:
            raise ProblemError(
                ProblemCode.TOO_SLOW,
                f"No data arrived for {self._block_within:g} s. Send this part again.",
            ) from error
        except (UploadMissing, FileNotFoundError) as error:
            raise ProblemError(ProblemCode.GONE, "This upload was completed or aborted.") from error
        except OSError as error:
            raise from_os_error(error) from error
        finally:
            if self._newest.get(part) is mine:
                del self._newest[part]
            await asyncio.to_thread(draft.unlink, missing_ok=True)
        return Response(headers={"ETag": f'"{etag}"'})


async def _steadily(blocks: AsyncIterator[bytes], within: Seconds) -> AsyncIterator[bytes]:
    """Yield blocks. Raises `TimeoutError` if the next one takes longer than `within` seconds."""
    while True:
        try:
            async with asyncio.timeout(within):
                block = await anext(blocks)
        except StopAsyncIteration:
            return
        yield block


class _Download(FileResponse):
    max_ranges = MAX_RANGES


def _matches(if_none_match: str | None, etag: str) -> bool:
    """Return whether an `If-None-Match` header names the current ETag."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags
