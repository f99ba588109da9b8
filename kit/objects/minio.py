"""The object store on anything that speaks S3; the only file that knows its client.

The client is synchronous, so every call runs in a thread of a bounded pool. Only plain S3 calls are
used: no store's own extensions, no conditional writes.
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
from urllib.parse import parse_qs, unquote, urlsplit

import urllib3
from minio import Minio
from minio.datatypes import Part
from minio.deleteobjects import DeleteObject
from minio.error import MinioException, S3Error

from contracts.objects import Bucket
from kit.objects.base import (
    ObjectCorrupt,
    ObjectError,
    ObjectFacts,
    ObjectMissing,
    PartFacts,
    StoreFull,
    UploadFacts,
    UploadMissing,
    refused,
)
from kit.objects.disposition import attachment
from kit.objects.signing import presigned

Result = TypeVar("Result")

PART_SIZE = 16 << 20
SMALLEST_PART = 5 << 20
"""S3 takes no smaller part but the last."""
BLOCK = 1 << 20
THREADS = 16
PAGE = 1000
ATTEMPTS = urllib3.Retry(total=3, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504))
TIMES = urllib3.Timeout(connect=5, read=60)


@dataclass(frozen=True, slots=True)
class S3Address:
    """Where a store is and how it knows us."""

    endpoint: str
    secure: bool
    access_key: str
    secret_key: str
    region: str

    @classmethod
    def parse(cls, url: str) -> "S3Address":
        """Read `s3+https://KEY:SECRET@host[:port]?region=…`.

        Raises
        ------
        ValueError
            It is not like that.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("s3+http", "s3+https") or not parts.hostname:
            raise ValueError("an S3 store is given as s3+https://KEY:SECRET@host[:port]?region=…")
        if not parts.username or not parts.password:
            raise ValueError("the address of the S3 store lacks the access key or the secret key")
        endpoint = parts.netloc.rpartition("@")[2]
        region = parse_qs(parts.query).get("region", ["us-east-1"])[0]
        secure = parts.scheme == "s3+https"
        return cls(endpoint, secure, unquote(parts.username), unquote(parts.password), region)


class MinioStore:
    """Objects in an S3 store.

    Parameters
    ----------
    address
        Where services reach it.
    public_url
        Where browsers reach it, when it differs: signed URLs name it.
    """

    def __init__(
        self, address: S3Address, *, public_url: str = "", part_size: int = PART_SIZE
    ) -> None:
        if part_size < SMALLEST_PART:
            raise ValueError(f"S3 takes no parts below {SMALLEST_PART} bytes")
        self.part_size = part_size
        self._pool = urllib3.PoolManager(maxsize=THREADS, timeout=TIMES, retries=ATTEMPTS)
        self._client = _client(address, self._pool)
        self._signing, self._outside = self._client, address
        if public_url:
            public = urlsplit(public_url)
            if public.scheme not in ("http", "https") or public.path.strip("/"):
                raise ValueError("KIT_OBJECTS_PUBLIC_URL is http(s)://host[:port] without a path")
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
        """Let go of connections and threads."""
        self._threads.shutdown(wait=False)
        self._pool.clear()

    async def ready(self) -> bool:
        """Return whether the store answers and the buckets are there."""
        try:
            async with asyncio.timeout(3):
                for bucket in Bucket:
                    if not await self._do(partial(self._client.bucket_exists, bucket.value)):
                        return False
        except (ObjectError, TimeoutError):
            return False
        return True

    async def put_file(self, bucket: Bucket, key: str, path: Path, *, media_type: str) -> None:
        """Store a file; readers see all of it or nothing."""
        await self._do(
            lambda: self._client.fput_object(
                *(bucket.value, key, str(path)),
                content_type=media_type,
                part_size=self.part_size,
                num_parallel_uploads=2,
            )
        )

    async def put_bytes(self, bucket: Bucket, key: str, data: bytes, *, media_type: str) -> None:
        """Store a few bytes."""
        await self._do(
            lambda: self._client.put_object(
                bucket.value, key, io.BytesIO(data), len(data), content_type=media_type
            )
        )

    async def get_file(self, bucket: Bucket, key: str, path: Path, *, sha256: str) -> None:
        """Fetch an object into a file and check its digest."""

        def fetch() -> None:
            found = hashlib.sha256()
            try:
                with path.open("wb") as writing:
                    for block in self._stream(bucket, key):
                        found.update(block)
                        writing.write(block)
                if found.hexdigest() != sha256:
                    raise ObjectCorrupt(f"{bucket}/{key} has the digest {found.hexdigest()}")
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
        """Return what is known of an object, or `None`."""
        try:
            found = await self._do(lambda: self._client.stat_object(bucket.value, key))
        except ObjectMissing:
            return None
        return _facts(found)

    async def digest(self, bucket: Bucket, key: str) -> str:
        """Return the SHA-256 of an object's bytes, read in full, as hexadecimal."""

        def read() -> str:
            found = hashlib.sha256()
            for block in self._stream(bucket, key):
                found.update(block)
            return found.hexdigest()

        return await self._do(read)

    async def walk(self, bucket: Bucket, prefix: str) -> AsyncIterator[ObjectFacts]:
        """Yield every object under a prefix, in key order."""
        found = self._client.list_objects(bucket.value, prefix=prefix, recursive=True)
        while page := await self._do(lambda: list(islice(found, PAGE))):
            for one in page:
                yield _facts(one)

    async def delete(self, bucket: Bucket, keys: Iterable[str]) -> None:
        """Remove objects; one that is not there is no error."""
        wanted = [DeleteObject(key) for key in keys]

        def remove() -> None:
            for start in range(0, len(wanted), PAGE):
                page = wanted[start : start + PAGE]
                for error in self._client.remove_objects(bucket.value, page):
                    raise ObjectError(f"{bucket}/{error.name} was not removed: {error.message}")

        await self._do(remove)

    async def delete_prefix(self, bucket: Bucket, prefix: str) -> int:
        """Remove everything under a prefix, multipart uploads included; return how many."""
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
        """Return a URL that takes a PUT of one part, of exactly this size, until it expires."""
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
            # The store would take 5 GiB whatever was announced, were the length not signed too.
            headers={"content-length": str(size)},
            at=datetime.now(UTC),
            lasting=lasting,
        )

    async def parts(self, bucket: Bucket, key: str, reference: str) -> tuple[PartFacts, ...]:
        """Return the parts that have arrived, by number."""

        def read() -> tuple[PartFacts, ...]:
            found: list[PartFacts] = []
            marker = None
            while True:
                page = self._client._list_parts(
                    bucket.value, key, reference, part_number_marker=marker
                )
                found += [PartFacts(one.part_number, one.size, one.etag) for one in page.parts]
                if not page.is_truncated:
                    return tuple(sorted(found, key=lambda one: one.number))
                marker = str(page.next_part_number_marker)

        return await self._do(read)

    async def complete_upload(
        self, bucket: Bucket, key: str, reference: str, parts: Iterable[PartFacts]
    ) -> ObjectFacts:
        """Join the parts into the object."""
        wanted = tuple(parts)
        there = set(await self.parts(bucket, key, reference))
        if not wanted or [one.number for one in wanted] != sorted({one.number for one in wanted}):
            raise ObjectError("the parts of an upload are one or more, in order of number")
        if absent := [part.number for part in wanted if part not in there]:
            raise ObjectError(f"these parts are not as they arrived: {absent[:20]}")
        await self._do(
            lambda: self._client._complete_multipart_upload(
                *(bucket.value, key, reference),
                [Part(one.number, one.etag) for one in wanted],
            )
        )
        facts = await self.head(bucket, key)
        if facts is None:
            raise ObjectMissing(f"{bucket}/{key} was removed as soon as it was complete")
        return facts

    async def abort_upload(self, bucket: Bucket, key: str, reference: str) -> None:
        """Drop an upload and its parts; one that is gone is no error."""
        with contextlib.suppress(UploadMissing):
            await self._do(
                lambda: self._client._abort_multipart_upload(bucket.value, key, reference)
            )

    async def uploads(self, bucket: Bucket, prefix: str) -> AsyncIterator[UploadFacts]:
        """Yield the multipart uploads under way below a prefix."""
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
            for one in page.uploads:
                started = one.initiated_time or datetime.now(UTC)
                yield UploadFacts(one.object_name, one.upload_id, started)
            if not page.is_truncated:
                return
            key_marker, upload_marker = page.next_key_marker, page.next_upload_id_marker

    def sign_get(
        self, bucket: Bucket, key: str, *, filename: str, media_type: str, lasting: timedelta
    ) -> str:
        """Return a URL of the store that gives the object as an attachment."""
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
        """Return nothing: the store answers its signed URLs itself."""
        return

    def _stream(self, bucket: Bucket, key: str) -> Iterator[bytes]:
        response = self._client.get_object(bucket.value, key)
        try:
            yield from response.stream(BLOCK)
        finally:
            response.close()
            response.release_conn()

    async def _do(self, work: Callable[[], Result]) -> Result:
        """Run a call in a thread; what goes wrong becomes one of the port's errors."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except S3Error as error:
            raise _ERRORS.get(error.code, ObjectError)(f"{error.code}: {error.message}") from error
        except urllib3.exceptions.HTTPError as error:
            raise ObjectError(f"the store failed: {error!r}") from error
        except OSError as error:
            raise refused(error) from error
        except (MinioException, ValueError) as error:
            raise ObjectError(f"the store failed: {error!r}") from error
        except RuntimeError as error:
            raise ObjectError("the store is closed") from error


class _Exists(ObjectError):
    """The bucket was made by somebody else meanwhile."""


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
        # Told, not asked: signing must not wait for the network.
        region=address.region,
        http_client=pool,
    )


def _facts(found: Any) -> ObjectFacts:
    return ObjectFacts(
        key=found.object_name,
        size=found.size,
        etag=(found.etag or "").strip('"'),
        modified=found.last_modified,
        media_type=found.content_type or "",
    )
