"""Answers the signed URLs of a folder store: GET of an object, PUT of one part of an upload."""

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
from kit.objects.base import ObjectFacts, StoreFull, UploadMissing, refused
from kit.objects.disposition import attachment
from kit.objects.ranges import satisfiable
from kit.objects.signing import BadSignature, Signer

log = logging.getLogger(__name__)

MAX_RANGES = 8
"""A request for more ranges gets the whole object, as RFC 9110 allows (S22)."""
BLOCK_WITHIN: Seconds = 60.0
"""How long an upload may stand still."""
SAFETY = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-transform",
}
"""Nothing that a user uploaded may run as a page of ours."""


class Folder(Protocol):
    """What of a folder store is served."""

    signer: Signer
    """Signed the URLs."""

    async def head(self, bucket: Bucket, key: str) -> ObjectFacts | None:
        """Return what is known of an object, or `None`."""
        ...

    def path(self, bucket: Bucket, key: str) -> Path:
        """Return where an object lies."""
        ...

    def upload_folder(self, bucket: Bucket, key: str, reference: str) -> Path:
        """Return where an upload's parts lie. Raises `UploadMissing`."""
        ...

    def draft(self, bucket: Bucket) -> Path:
        """Return a new name for a file that is being written."""
        ...

    def keep_part(self, folder: Path, draft: Path, *, number: int, etag: str) -> None:
        """Make a finished draft a part of an upload, in place of any earlier one of its number."""
        ...


class SignedUrlApp:
    """An ASGI application over a folder store."""

    def __init__(self, store: Folder, *, block_within: Seconds = BLOCK_WITHIN) -> None:
        self._store = store
        self._block_within = block_within
        self._newest: dict[tuple[str, int], object] = {}
        """The latest request for each part that is being sent."""

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
                raise ProblemError(
                    ProblemCode.METHOD_NOT_ALLOWED, "This address takes GET, HEAD or PUT."
                )
        except ProblemError as error:
            response = problem_response(error)
        except StoreFull as error:
            log.warning("a part was not taken: %s", error)
            response = problem_response(store_full())
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    def _signed(self, request: Request, method: str) -> tuple[Bucket, str, dict[str, str]]:
        """Return bucket, key and claims of a signed URL, or refuse it."""
        # Mounted or not, the whole path is in the scope.
        path = request.scope["path"]
        try:
            query = request.query_params
            if len(query) != len(query.multi_items()):
                raise BadSignature("a part of the address is there twice")
            claims = self._store.signer.check(method, path, query)
            _, _, bucket, key = path.split("/", 3)
            return Bucket(bucket), key, claims
        except BadSignature as error:
            raise ProblemError(ProblemCode.FORBIDDEN, f"This does not work: {error}.") from error
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
        # Only GET has ranges; a HEAD tells what the whole would be.
        asked = fields.get("range") if request.method == "GET" else None
        ranges = satisfiable(asked, facts.size, most=MAX_RANGES)
        # The response gets what is sound and can be given; it judges If-Range by itself.
        del fields["range"]
        if ranges:
            fields["range"] = "bytes=" + ",".join(f"{first}-{last}" for first, last in ranges)
        elif ranges is not None and "if-range" not in fields:
            refusal = problem_response(
                ProblemError(
                    ProblemCode.RANGE_NOT_SATISFIABLE,
                    f"This object has {facts.size} bytes, and none of those that were asked for.",
                )
            )
            refusal.headers["Content-Range"] = f"bytes */{facts.size}"
            return refusal
        return _Download(path, headers=headers, media_type=claims["type"])

    async def _put(self, request: Request) -> Response:
        bucket, key, claims = self._signed(request, "PUT")
        size, number = int(claims["size"]), int(claims["number"])
        draft = self._store.draft(bucket)
        digest = hashlib.md5(usedforsecurity=False)  # What S3 gives as a part's ETag.
        arrived = 0
        # Of requests that send one part at once only the latest goes on: what is on its way of an
        # upload is never more than the upload.
        part, mine = (claims["upload"], number), object()
        self._newest[part] = mine
        try:
            folder = self._store.upload_folder(bucket, key, claims["upload"])
            with await asyncio.to_thread(draft.open, "wb") as file:
                async for block in _steadily(request.stream(), self._block_within):
                    if self._newest.get(part) is not mine:
                        raise ProblemError(
                            ProblemCode.CONFLICT,
                            "A later request sends this part again, so this one was dropped.",
                        )
                    arrived += len(block)
                    if arrived > size:
                        raise ProblemError(
                            ProblemCode.TOO_LARGE, f"This part has {size} bytes; more were sent."
                        )
                    digest.update(block)
                    await asyncio.to_thread(file.write, block)
            if arrived < size:
                raise ProblemError(
                    ProblemCode.INVALID_REQUEST,
                    f"This part has {size} bytes, but {arrived} were sent: send it again.",
                )
            etag = digest.hexdigest()
            keep = partial(self._store.keep_part, folder, draft, number=number, etag=etag)
            await asyncio.to_thread(keep)
        except TimeoutError as error:
            raise ProblemError(
                ProblemCode.TOO_SLOW,
                f"Nothing came for {self._block_within:g} s: send this part again.",
            ) from error
        except (UploadMissing, FileNotFoundError) as error:
            raise ProblemError(ProblemCode.GONE, "This upload has ended.") from error
        except OSError as error:
            raise refused(error) from error
        finally:
            if self._newest.get(part) is mine:
                del self._newest[part]
            await asyncio.to_thread(draft.unlink, missing_ok=True)
        return Response(headers={"ETag": f'"{etag}"'})


async def _steadily(blocks: AsyncIterator[bytes], within: Seconds) -> AsyncIterator[bytes]:
    """Yield blocks; raise `TimeoutError` where one does not come in time."""
    while True:
        try:
            async with asyncio.timeout(within):
                block = await anext(blocks)
        except StopAsyncIteration:
            return
        yield block


class _Download(FileResponse):
    max_ranges = MAX_RANGES


def _matches(wanted: str | None, etag: str) -> bool:
    """Return whether an `If-None-Match` names what we have."""
    if wanted is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in wanted.split(",")]
    return "*" in tags or etag in tags
