"""The object store port: the subset of S3's semantics that every S3 store has."""

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
    """The store failed; a retry may succeed."""


class ObjectMissing(ObjectError):
    """The object does not exist."""


class ObjectCorrupt(ObjectError):
    """An object's bytes do not match its digest."""


class UploadMissing(ObjectError):
    """The multipart upload does not exist, or was completed or aborted."""


class StoreFull(ObjectError, StorageFull):
    """The store is full; a retry helps only after space was freed."""


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


def from_os_error(error: OSError) -> ObjectError:
    """Convert a file system's error: `StoreFull` if the disk is full, else `ObjectError`."""
    if error.errno in _NO_ROOM:
        return StoreFull(f"the disk is full: {error}")
    return ObjectError(f"files could not be read or written: {error}")


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """An object's metadata."""

    key: str
    size: int
    etag: str
    modified: datetime
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class PartFacts:
    """A received part of a multipart upload."""

    number: int
    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """Bytes of the disk that a store is on."""

    free: int
    capacity: int


@dataclass(frozen=True, slots=True)
class UploadFacts:
    """An open multipart upload."""

    key: str
    reference: str
    started: datetime


class ObjectStore(Protocol):
    """Stores objects by bucket and key; the server makes all keys.

    Every coroutine and iterator may raise `ObjectError`.
    """

    part_size: int
    """Bytes of each part of a multipart upload except the last."""

    async def ensure(self) -> None:
        """Create the buckets that do not exist."""
        ...

    async def close(self) -> None:
        """Close connections and threads."""
        ...

    async def ready(self) -> bool:
        """Return whether the store is reachable and accepts objects."""
        ...

    async def disk_space(self) -> DiskSpace | None:
        """Return the space of the store's disk; `None` if the store has a server of its own."""
        ...

    async def put_file(self, bucket: Bucket, key: str, path: Path, *, media_type: str) -> None:
        """Store a file atomically: readers see all of it or nothing."""
        ...

    async def put_bytes(self, bucket: Bucket, key: str, data: bytes, *, media_type: str) -> None:
        """Store a small object held in memory."""
        ...

    async def get_file(self, bucket: Bucket, key: str, path: Path, *, sha256: str) -> None:
        """Fetch an object into a file and verify its digest.

        Raises
        ------
        ObjectMissing
            The object does not exist.
        ObjectCorrupt
            Its SHA-256 is not `sha256`; no file is left.
        """
        ...

    async def get_bytes(self, bucket: Bucket, key: str, *, limit: int = 1 << 24) -> bytes:
        """Fetch a small object; one larger than `limit` bytes is an `ObjectError`."""
        ...

    async def head(self, bucket: Bucket, key: str) -> ObjectFacts | None:
        """Return an object's facts; `None` if it does not exist."""
        ...

    async def digest(self, bucket: Bucket, key: str) -> str:
        """Return the SHA-256 of an object's bytes, read in full, as hexadecimal."""
        ...

    def walk(self, bucket: Bucket, prefix: str) -> AsyncIterator[ObjectFacts]:
        """Yield every object under a prefix, in the byte order of keys."""
        ...

    async def delete(self, bucket: Bucket, keys: Iterable[str]) -> None:
        """Delete objects; a missing one is not an error."""
        ...

    async def delete_prefix(self, bucket: Bucket, prefix: str) -> int:
        """Delete all objects and multipart uploads under a prefix; return how many."""
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
        """Return a URL that accepts a PUT of one part of exactly `size` bytes, until it expires."""
        ...

    async def parts(self, bucket: Bucket, key: str, reference: str) -> tuple[PartFacts, ...]:
        """Return the received parts, ordered by number. Raises `UploadMissing`."""
        ...

    async def complete_upload(
        self, bucket: Bucket, key: str, reference: str, parts: Iterable[PartFacts]
    ) -> ObjectFacts:
        """Join parts, ordered by number, into the object. Raises `UploadMissing`."""
        ...

    async def abort_upload(self, bucket: Bucket, key: str, reference: str) -> None:
        """Delete an upload and its parts; a missing one is not an error."""
        ...

    def uploads(self, bucket: Bucket, prefix: str) -> AsyncIterator[UploadFacts]:
        """Yield the open multipart uploads under a prefix."""
        ...

    def sign_get(
        self, bucket: Bucket, key: str, *, filename: str, media_type: str, lasting: timedelta
    ) -> str:
        """Return a URL that serves the object as an attachment, with ranges, until it expires.

        A relative URL is relative to the gateway's address.
        """
        ...

    def application(self) -> ASGIApp | None:
        """Return the application that answers signed URLs; `None` if the store has a server."""
        ...
