"""The object store on any S3 server; the only module that imports the S3 client.

The client is synchronous, so every call runs in a bounded thread pool. It uses only basic S3 calls:
no vendor extensions and no conditional writes.
"""

import asyncio
import contextlib
import hashlib
import io
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, quote, unquote, urlsplit

import urllib3
from minio import Minio
from minio.datatypes import Part
from minio.deleteobjects import DeleteObject
from minio.error import MinioException, S3Error

from contracts.objects import Bucket
from kit.objects.base import (
    DiskSpace,
    ObjectCorrupt,
    ObjectError,
    ObjectFacts,
    ObjectMissing,
    PartFacts,
    StoreFull,
    UploadFacts,
    UploadMissing,
    from_os_error,
)
from kit.objects.disposition import attachment
from kit.objects.signing import presigned

Result = TypeVar("Result")

PART_SIZE = 16 << 20
MIN_PART = 5 << 20
"""S3's minimum size of a part except the last."""
BLOCK = 1 << 20
THREADS = 16
PAGE = 1000
ATTEMPTS = urllib3.Retry(total=3, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504))
TIMES = urllib3.Timeout(connect=5, read=60)


@dataclass(frozen=True, slots=True)
class S3Address:
    """Endpoint, region and credentials of an S3 store."""

    endpoint: str
    secure: bool
    access_key: str
    secret_key: str
    region: str

    @classmethod
    def parse(cls, url: str) -> "S3Address":
        """Parse `s3+https://KEY:SECRET@host[:port]?region=…`.

        Raises
        ------
        ValueError
            The address is malformed or lacks the keys.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("s3+http", "s3+https") or not parts.hostname:
            raise ValueError("an S3 address must be s3+https://KEY:SECRET@host[:port]?region=…")
        if not parts.username or not parts.password:
            raise ValueError("the address of the S3 store lacks the access key or the secret key")
        endpoint = parts.netloc.rpartition("@")[2]
        region = parse_qs(parts.query).get("region", ["us-east-1"])[0]
        secure = parts.scheme == "s3+https"
        return cls(endpoint, secure, unquote(parts.username), unquote(parts.password), region)

    def url(self) -> str:
        """Return the address that `parse` reads."""
        scheme = "s3+https" if self.secure else "s3+http"
        keys = f"{quote(self.access_key, safe='')}:{quote(self.secret_key, safe='')}"
        return f"{scheme}://{keys}@{self.endpoint}?region={self.region}"


class MinioStore:
    """Objects in an S3 store.

    Parameters
    ----------
    address
        The store as services reach it.
    public_url
        `http(s)://host[:port]` as browsers reach it, if that differs; used in signed URLs.
    part_size
        Bytes of a part of an upload, at least 5 MiB.
    """

    def __init__(
        self, address: S3Address, *, public_url: str = "", part_size: int = PART_SIZE
    ) -> None:
        if part_size < MIN_PART:
            raise ValueError(f"the parts of an S3 upload must have {MIN_PART} bytes or more")
        self.part_size = part_size
        self._pool = urllib3.PoolManager(maxsize=THREADS, timeout=TIMES, retries=ATTEMPTS)
        self._client = _client(address, self._pool)
        self._signing, self._outside = self._client, address
        if public_url:
            public = urlsplit(public_url)
            if public.scheme not in ("http", "https") or public.path.strip("/"):
                raise ValueError(
                    "KIT_OBJECTS_PUBLIC_URL must be http(s)://host[:port] without a path"
                )
            self._outside = replace(
                address, endpoint=public.netloc, secure=public.scheme == "https"
            )
            self._signing = _client(self._outside, self._pool)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="s3")

    async def ensure(self) -> None:
        """Create the buckets that do not exist; new ones are private."""
        for bucket in Bucket:
            if not await self._do(partial(self._client.bucket_exists, bucket.value)):
                with contextlib.suppress(_Exists):
                    await self._do(partial(self._client.make_bucket, bucket.value))

    async def close(self) -> None:
        """Close connections and threads."""
        self._threads.shutdown(wait=False)
        self._pool.clear()

    async def ready(self) -> bool:
        """Return whether the store answers and the buckets exist."""
        try:
            async with asyncio.timeout(3):
                for bucket in Bucket:
                    if not await self._do(partial(self._client.bucket_exists, bucket.value)):
                        return False
        except (ObjectError, TimeoutError):
            return False
        return True

    async def disk_space(self) -> DiskSpace | None:
        """Return nothing: S3 tells no sizes of disks."""
        return None

    async def put_file(self, bucket: Bucket, key: str, path: Path, *, media_type: str) -> None:
        """Store a file atomically: readers see all of it or nothing."""
        await self._do(
            lambda: self._client.fput_object(
                *(bucket.value, key, str(path)),
                content_type=media_type,
                part_size=self.part_size,
                num_parallel_uploads=2,
            )
        )

    async def put_bytes(self, bucket: Bucket, key: str, data: bytes, *, media_type: str) -> None:
        """Store a small object held in memory."""
        await self._do(
            lambda: self._client.put_object(
                bucket.value, key, io.BytesIO(data), len(data), content_type=media_type
            )
        )

    async def get_file(self, bucket: Bucket, key: str, path: Path, *, sha256: str) -> None:
        """Fetch an object into a file and verify its digest."""

        def fetch() -> None:
            actual = hashlib.sha256()
            try:
                with path.open("wb") as writing:
                    for block in self._stream(bucket, key):
                        actual.update(block)
                        writing.write(block)
                if actual.hexdigest() != sha256:
                    raise ObjectCorrupt(f"{bucket}/{key} has the SHA-256 {actual.hexdigest()}")
            except BaseException:
                path.unlink(missing_ok=True)
                raise

        await self._do(fetch)

    async def get_bytes(self, bucket: Bucket, key: str, *, limit: int = 1 << 24) -> bytes:
        """Fetch a small object; one larger than `limit` bytes is an `ObjectError`."""

        def fetch() -> bytes:
            data = bytearray()
            for block in self._stream(bucket, key):
                data += block
                if len(data) > limit:
                    raise ObjectError(f"{bucket}/{key} is larger than {limit} bytes")
            return bytes(data)

        return await self._do(fetch)

    async def head(self, bucket: Bucket, key: str) -> ObjectFacts | None:
        """Return an object's facts; `None` if it does not exist."""
        try:
            stat = await self._do(lambda: self._client.stat_object(bucket.value, key))
        except ObjectMissing:
            return None
        return _facts(stat)

    async def digest(self, bucket: Bucket, key: str) -> str:
        """Return the SHA-256 of an object's bytes, read in full, as hexadecimal."""

        def read() -> str:
            digest = hashlib.sha256()
            for block in self._stream(bucket, key):
                digest.update(block)
            return digest.hexdigest()

        return await self._do(read)

    async def walk(self, bucket: Bucket, prefix: str) -> AsyncIterator[ObjectFacts]:
        """Yield every object under a prefix, in the byte order of keys."""
        listed = self._client.list_objects(bucket.value, prefix=prefix, recursive=True)
        while page := await self._do(lambda: list(islice(listed, PAGE))):
            for entry in page:
                yield _facts(entry)

    async def delete(self, bucket: Bucket, keys: Iterable[str]) -> None:
        """Delete objects; a missing one is not an error."""
        targets = [DeleteObject(key) for key in keys]

        def remove() -> None:
            for start in range(0, len(targets), PAGE):
                page = targets[start : start + PAGE]
                for error in self._client.remove_objects(bucket.value, page):
                    raise ObjectError(f"{bucket}/{error.name} was not removed: {error.message}")

        await self._do(remove)

    async def delete_prefix(self, bucket: Bucket, prefix: str) -> int:
        """Delete all objects and multipart uploads under a prefix; return how many."""
        keys = [facts.key async for facts in self.walk(bucket, prefix)]
        open_uploads = [facts async for facts in self.uploads(bucket, prefix)]
        await self.delete(bucket, keys)
        for upload in open_uploads:
            await self.abort_upload(bucket, upload.key, upload.reference)
        return len(keys) + len(open_uploads)

    async def start_upload(self, bucket: Bucket, key: str, *, media_type: str) -> str:
        """Open a multipart upload and return the store's reference to it."""
        headers = {"Content-Type": media_type}
        reference: str = await self._do(
            lambda: self._client._create_multipart_upload(bucket.value, key, headers)
        )
        return reference

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
        url = self._signing._base_url.build(
            method="PUT",
            region=self._outside.region,
            bucket_name=bucket.value,
            object_name=key,
            query_params={"uploadId": reference, "partNumber": str(number)},
        )
        return presigned(
            "PUT",
            url,
            access_key=self._outside.access_key,
            secret_key=self._outside.secret_key,
            region=self._outside.region,
            # Sign the length too, or the store would accept up to 5 GiB whatever was announced.
            headers={"content-length": str(size)},
            at=datetime.now(UTC),
            lasting=lasting,
        )

    async def parts(self, bucket: Bucket, key: str, reference: str) -> tuple[PartFacts, ...]:
        """Return the received parts, ordered by number. Raises `UploadMissing`."""

        def read() -> tuple[PartFacts, ...]:
            parts: list[PartFacts] = []
            marker = None
            while True:
                page = self._client._list_parts(
                    bucket.value, key, reference, part_number_marker=marker
                )
                parts += [PartFacts(part.part_number, part.size, part.etag) for part in page.parts]
                if not page.is_truncated:
                    return tuple(sorted(parts, key=lambda part: part.number))
                marker = str(page.next_part_number_marker)

        return await self._do(read)

    async def complete_upload(
        self, bucket: Bucket, key: str, reference: str, parts: Iterable[PartFacts]
    ) -> ObjectFacts:
        """Join parts, ordered by number, into the object. Raises `UploadMissing`."""
        chosen = tuple(parts)
        received = set(await self.parts(bucket, key, reference))
        numbers = [part.number for part in chosen]
        if not chosen or numbers != sorted(set(numbers)):
            raise ObjectError("an upload needs one or more parts, ordered by number")
        if changed := [part.number for part in chosen if part not in received]:
            raise ObjectError(f"these parts differ from those received: {changed[:20]}")
        await self._do(
            lambda: self._client._complete_multipart_upload(
                *(bucket.value, key, reference),
                [Part(part.number, part.etag) for part in chosen],
            )
        )
        facts = await self.head(bucket, key)
        if facts is None:
            raise ObjectMissing(f"{bucket}/{key} was deleted right after it was completed")
        return facts

    async def abort_upload(self, bucket: Bucket, key: str, reference: str) -> None:
        """Delete an upload and its parts; a missing one is not an error."""
        with contextlib.suppress(UploadMissing):
            await self._do(
                lambda: self._client._abort_multipart_upload(bucket.value, key, reference)
            )

    async def uploads(self, bucket: Bucket, prefix: str) -> AsyncIterator[UploadFacts]:
        """Yield the open multipart uploads under a prefix."""
        key_marker = upload_marker = None
        while True:
            page = await self._do(
                partial(
                    self._client._list_multipart_uploads,
                    bucket.value,
                    prefix=prefix,
                    key_marker=key_marker,
                    upload_id_marker=upload_marker,
                )
            )
            for upload in page.uploads:
                started = upload.initiated_time or datetime.now(UTC)
                yield UploadFacts(upload.object_name, upload.upload_id, started)
            if not page.is_truncated:
                return
            key_marker, upload_marker = page.next_key_marker, page.next_upload_id_marker

    def sign_get(
        self, bucket: Bucket, key: str, *, filename: str, media_type: str, lasting: timedelta
    ) -> str:
        """Return a URL of the store that serves the object as an attachment."""
        url: str = self._signing.get_presigned_url(
            *("GET", bucket.value, key),
            expires=lasting,
            response_headers={
                "response-content-disposition": attachment(filename),
                "response-content-type": media_type,
            },
        )
        return url

    def application(self) -> None:
        """Return `None`: the store answers its signed URLs itself."""
        return

    def _stream(self, bucket: Bucket, key: str) -> Iterator[bytes]:
        response = self._client.get_object(bucket.value, key)
        try:
            yield from response.stream(BLOCK)
        finally:
            response.close()
            response.release_conn()

    async def _do(self, work: Callable[[], Result]) -> Result:
        """Run a call in a thread; convert its errors to the port's."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except S3Error as error:
            raise _ERRORS.get(error.code, ObjectError)(f"{error.code}: {error.message}") from error
        except urllib3.exceptions.HTTPError as error:
            raise ObjectError(f"the store failed: {error!r}") from error
        except OSError as error:
            raise from_os_error(error) from error
        except (MinioException, ValueError) as error:
            raise ObjectError(f"the store failed: {error!r}") from error
        except RuntimeError as error:
            raise ObjectError("the store is closed") from error


class _Exists(ObjectError):
    """Another process has just created the bucket."""


_ERRORS: dict[str, type[ObjectError]] = {
    "NoSuchKey": ObjectMissing,
    "NoSuchUpload": UploadMissing,
    "BucketAlreadyOwnedByYou": _Exists,
    "XMinioStorageFull": StoreFull,
}


def _client(address: S3Address, pool: urllib3.PoolManager) -> Minio:
    return Minio(
        address.endpoint,
        access_key=address.access_key,
        secret_key=address.secret_key,
        secure=address.secure,
        # Set, or the client would ask the store for it, and signing would wait for the network.
        region=address.region,
        http_client=pool,
    )


def _facts(entry: Any) -> ObjectFacts:
    return ObjectFacts(
        key=entry.object_name,
        size=entry.size,
        etag=(entry.etag or "").strip('"'),
        modified=entry.last_modified,
        media_type=entry.content_type or "",
    )
