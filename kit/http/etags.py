"""Entity tags of resources: conditional reads and writes (RFC 9110, section 13).

A resource's tag is a hash of what the API shows of it to the caller. A route declares `READABLE` or
`WRITABLE` among its responses, and `GuardedRoute` then adds the tag to its response and answers 304
to `If-None-Match`. A write takes `Precondition` and checks it in its transaction, once the resource
is locked.
"""

import base64
import hashlib
import json
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from contracts.problems import ProblemCode
from kit.http.errors import PROBLEM_CONTENT, ProblemError

MAX_TAGGED = 1 << 18
"""A longer body gets no tag: to hash it would hold up the event loop."""
READABLE: dict[int | str, dict[str, Any]] = {
    304: {"description": "Not modified: the resource still has the `ETag` in `If-None-Match`."}
}
WRITABLE: dict[int | str, dict[str, Any]] = {
    412: {
        "description": "The resource has another `ETag` than the one in `If-Match`.",
        "content": PROBLEM_CONTENT,
    }
}


class Precondition:
    """The condition of a write, if the request has one.

    Parameters
    ----------
    if_match
        The header `If-Match`.
    """

    def __init__(self, if_match: str | None) -> None:
        self._if_match = if_match

    def __bool__(self) -> bool:
        return self._if_match is not None

    def check(self, resource: BaseModel) -> None:
        """Check that a locked resource is the one that the caller read.

        Raises
        ------
        ProblemError
            Of code `precondition_failed`: it changed in between.
        """
        if self._if_match is None or _names(self._if_match, etag_of(resource), weak=False):
            return
        raise ProblemError(
            ProblemCode.PRECONDITION_FAILED,
            "This changed after you read it. Read it again and send its new `ETag` in `If-Match`.",
        )


ALWAYS = Precondition(None)
"""The condition of a write that has none."""


def _precondition(request: Request) -> Precondition:
    return Precondition(request.headers.get("if-match"))


IfMatch = Annotated[Precondition, Depends(_precondition)]


def etag_of(resource: BaseModel) -> str:
    """Return the entity tag of a resource as the API shows it."""
    return _hash(resource.model_dump(mode="json", by_alias=True))


def tagged(request: Request, response: Response) -> Response:
    """Return a JSON response with its entity tag, or 304 if the caller has it already.

    A response that brings a tag of its own, as of binary data, stays as it is.
    """
    body = bytes(response.body)
    is_taggable = response.status_code in (200, 201) and 0 < len(body) <= MAX_TAGGED
    if not is_taggable or "etag" in response.headers:
        return response
    etag = _hash(json.loads(body))
    if_none_match = request.headers.get("if-none-match")
    is_read = request.method in ("GET", "HEAD")
    if is_read and if_none_match is not None and _names(if_none_match, etag, weak=True):
        return Response(status_code=304, headers={"ETag": etag})
    response.headers["ETag"] = etag
    return response


def _names(header: str, etag: str, *, weak: bool) -> bool:
    """Return whether a list of tags has one, or any if it is `*`; `W/` matters unless `weak`."""
    if header.strip() == "*":
        return True
    tags = (tag.strip() for tag in header.split(","))
    return etag in {tag.removeprefix("W/") if weak else tag for tag in tags}


def _hash(shown: Any) -> str:
    text = json.dumps(shown, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).digest()[:15]
    return f'"{base64.urlsafe_b64encode(digest).decode()}"'
