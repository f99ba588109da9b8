"""The object store port: plain S3 semantics, no more than every store has."""

import errno
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from starlette.types import ASGIApp

from contracts.objects import Bucket
from kit.unavailable import DependencyUnavailable, StorageFull


class ObjectError(DependencyUnavailable):
    """The store could not do what was asked; trying again may help."""


class ObjectMissing(ObjectError):
    """There is no such object."""


class ObjectCorrupt(ObjectError):
    """An object's bytes are not those that its digest promises."""


class UploadMissing(ObjectError):
    """There is no such multipart upload, or it was completed or aborted."""


class StoreFull(ObjectError, StorageFull):
    """There is no room left; only room that is made helps, not another try at once."""


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


def refused(error: OSError) -> ObjectError:
    """Return the port's error for what a file system refused."""
    if error.errno in _NO_ROOM:
        return StoreFull(f"no room is left for files: {error}")
    return ObjectError(f"files could not be read or written: {error}")


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What the store knows of an object."""

    key: str
    size: int
    etag: str
    modified: datetime
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class PartFacts:
    """One part that a multipart upload holds."""

    number: int
    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class UploadFacts:
    """A multipart upload under way."""

    key: str
    reference: str
    started: datetime


class ObjectStore(Protocol):
    """The port. Keys are server-made; every method may raise `ObjectError`."""

    part_size: int
    """Bytes in each part of a multipart upload but the last."""

    async def ensure(self) -> None:
        """Create the buckets that do not exist."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...

    async def ready(self) -> bool:
        """Return whether the store can be reached now."""
        ...

    async def put_file(self, bucket: Bucket, key: str, path: Path, *, media_type: str) -> None:
        """Store a file; readers see all of it or nothing."""
        ...

    async def put_bytes(self, bucket: Bucket, key: str, data: bytes, *, media_type: str) -> None:
        """Store a few bytes."""
        ...

    async def get_file(self, bucket: Bucket, key: str, path: Path, *, sha256: str) -> None:
        """Fetch an object into a file and check its digest.

        Raises
        ------
        ObjectMissing, ObjectCorrupt
        """
        ...

    async def get_bytes(self, bucket: Bucket, key: str, *, limit: int = 1 << 24) -> bytes:
        """Fetch a small object; one larger than `limit` bytes is an `ObjectError`."""
        ...

    async def head(self, bucket: Bucket, key: str) -> ObjectFacts | None:
        """Return what is known of an object, or `None`."""
        ...

    async def digest(self, bucket: Bucket, key: str) -> str:
        """Return the SHA-256 of an object's bytes, read in full, as hexadecimal."""
        ...

    def walk(self, bucket: Bucket, prefix: str) -> AsyncIterator[ObjectFacts]:
        """Yield every object under a prefix, in key order."""
        ...

    async def delete(self, bucket: Bucket, keys: Iterable[str]) -> None:
        """Remove objects; one that is not there is no error."""
        ...

    async def delete_prefix(self, bucket: Bucket, prefix: str) -> int:
        """Remove everything under a prefix, multipart uploads included; return how many."""
        ...

    async def start_upload(self, bucket: Bucket, key: str, *, media_type: str) -> str:
        """Open a multipart upload and return the store's reference to it."""
        ...

    def sign_part(
        self,
        bucket: Bucket,
        key: str,
        reference: str,
        *,
        number: int,
        size: int,
        lasting: timedelta,
    ) -> str:
        """Return a URL that takes a PUT of one part, of exactly this size, until it expires."""
        ...

    async def parts(self, bucket: Bucket, key: str, reference: str) -> tuple[PartFacts, ...]:
        """Return the parts that have arrived, by number. Raises `UploadMissing`."""
        ...

    async def complete_upload(
        self, bucket: Bucket, key: str, reference: str, parts: Iterable[PartFacts]
    ) -> ObjectFacts:
        """Join the parts into the object. Raises `UploadMissing`."""
        ...

    async def abort_upload(self, bucket: Bucket, key: str, reference: str) -> None:
        """Drop an upload and its parts; one that is gone is no error."""
        ...

    def uploads(self, bucket: Bucket, prefix: str) -> AsyncIterator[UploadFacts]:
        """Yield the multipart uploads under way below a prefix."""
        ...

    def sign_get(
        self, bucket: Bucket, key: str, *, filename: str, media_type: str, lasting: timedelta
    ) -> str:
        """Return a URL that gives the object as an attachment, ranges included, until it expires.

        A relative URL is meant below the gateway's own address.
        """
        ...

    def application(self) -> ASGIApp | None:
        """Return the application that answers signed URLs, where the store has no server."""
        ...
