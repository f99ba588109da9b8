"""The object store in a folder, with atomic writes.

<root>/<bucket>/objects/<key>
<root>/<bucket>/uploads/<reference>/upload.json, <number>.<etag>.part
<root>/<bucket>/drafts/…           files being written; renamed when complete
"""

import asyncio
import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from starlette.types import ASGIApp

from contracts.objects import Bucket
from kit.clock import Clock, SystemClock, new_id
from kit.durable import DISK, Disk, make_folders, publish
from kit.objects.base import (
    DiskSpace,
    ObjectCorrupt,
    ObjectError,
    ObjectFacts,
    ObjectMissing,
    PartFacts,
    UploadFacts,
    UploadMissing,
    from_os_error,
)
from kit.objects.disposition import safe_filename
from kit.objects.serving import SignedUrlApp
from kit.objects.signing import Signer

Result = TypeVar("Result")

PREFIX = "/objects/"
"""Path below which the gateway serves signed URLs."""
PART_SIZE = 16 << 20
BLOCK = 1 << 20
THREADS = 8
_REFERENCE = re.compile(r"^[0-9a-f-]{36}$")
_PART = re.compile(r"^(\d{5})\.([0-9a-f]{32})\.part$")


class FileStore:
    """Objects in a folder of this machine.

    Parameters
    ----------
    root
        The folder; created if it is missing.
    signer
        Signs the URLs that `application` answers.
    part_size
        Bytes of a part of an upload.
    reserve
        Minimum free bytes of the disk for `ready`: running jobs and the databases on the same disk
        need some space.
    disk
        Syncs and renames files.
    """

    def __init__(
        self,
        root: Path,
        *,
        signer: Signer,
        part_size: int = PART_SIZE,
        reserve: int = 0,
        clock: Clock | None = None,
        disk: Disk = DISK,
    ) -> None:
        self.root = root
        self.signer = signer
        self.part_size = part_size
        self._reserve = reserve
        self._disk = disk
        self._clock = clock or SystemClock()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="objects")

    async def ensure(self) -> None:
        """Create the folders, and delete drafts older than a day, which killed processes left."""
        await self._do(self._ensure)

    async def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown(wait=False)

    async def ready(self) -> bool:
        """Return whether the folders exist, are writable and have `reserve` bytes free."""
        folders = [self.root / bucket / "objects" for bucket in Bucket]

        def look() -> bool:
            there = all(folder.is_dir() and os.access(folder, os.W_OK) for folder in folders)
            return there and shutil.disk_usage(self.root).free >= self._reserve

        return await self._do(look)

    async def disk_space(self) -> DiskSpace | None:
        """Return the space of the disk that the folder is on."""
        usage = await self._do(lambda: shutil.disk_usage(self.root))
        return DiskSpace(free=usage.free, capacity=usage.total)

    async def put_file(self, bucket: Bucket, key: str, path: Path, *, media_type: str) -> None:
        """Store a file atomically: readers see all of it or nothing."""

        def write(draft: Path) -> None:
            shutil.copyfile(path, draft)

        await self._do(lambda: self._store(bucket, key, write))

    async def put_bytes(self, bucket: Bucket, key: str, data: bytes, *, media_type: str) -> None:
        """Store a small object held in memory."""

        def write(draft: Path) -> None:
            draft.write_bytes(data)

        await self._do(lambda: self._store(bucket, key, write))

    async def get_file(self, bucket: Bucket, key: str, path: Path, *, sha256: str) -> None:
        """Fetch an object into a file and verify its digest."""
        source = self.path(bucket, key)

        def fetch() -> None:
            actual = hashlib.sha256()
            with _existing(source, key).open("rb") as reading, path.open("wb") as writing:
                while block := reading.read(BLOCK):
                    actual.update(block)
                    writing.write(block)
            if actual.hexdigest() != sha256:
                path.unlink()
                raise ObjectCorrupt(f"{bucket}/{key} has the SHA-256 {actual.hexdigest()}")

        await self._do(fetch)

    async def get_bytes(self, bucket: Bucket, key: str, *, limit: int = 1 << 24) -> bytes:
        """Fetch a small object; one larger than `limit` bytes is an `ObjectError`."""
        source = self.path(bucket, key)

        def fetch() -> bytes:
            with _existing(source, key).open("rb") as reading:
                data = reading.read(limit + 1)
            if len(data) > limit:
                raise ObjectError(f"{bucket}/{key} is larger than {limit} bytes")
            return data

        return await self._do(fetch)

    async def head(self, bucket: Bucket, key: str) -> ObjectFacts | None:
        """Return an object's facts; `None` if it does not exist."""
        path = self.path(bucket, key)
        return await self._do(lambda: facts_of(path, key) if path.is_file() else None)

    async def digest(self, bucket: Bucket, key: str) -> str:
        """Return the SHA-256 of an object's bytes, read in full, as hexadecimal."""
        source = self.path(bucket, key)

        def read() -> str:
            with _existing(source, key).open("rb") as reading:
                return hashlib.file_digest(reading, "sha256").hexdigest()

        return await self._do(read)

    async def walk(self, bucket: Bucket, prefix: str) -> AsyncIterator[ObjectFacts]:
        """Yield every object under a prefix, in the byte order of keys."""
        for facts in await self._do(lambda: list(self._walk(bucket, prefix))):
            yield facts

    async def delete(self, bucket: Bucket, keys: Iterable[str]) -> None:
        """Delete objects; a missing one is not an error."""
        paths = [self.path(bucket, key) for key in keys]

        def remove() -> None:
            for path in paths:
                # IsADirectoryError: the key is only a prefix of others, not an object.
                with contextlib.suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
                    path.unlink()
                self._prune(path.parent, self._objects(bucket))

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
        """Open a multipart upload and return its reference."""
        self.path(bucket, key)  # Raises for an unsafe key.
        reference = new_id()
        content = json.dumps({"key": key, "started": self._clock.now().isoformat()})

        def make() -> None:
            draft = self.draft(bucket)
            draft.write_text(content)
            target = self.root / bucket / "uploads" / reference / "upload.json"
            publish(draft, target, disk=self._disk)

        await self._do(make)
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
        claims = {"upload": reference, "number": str(number), "size": str(size)}
        self.path(bucket, key)
        return self.signer.sign("PUT", f"{PREFIX}{bucket}/{key}", claims=claims, lasting=lasting)

    async def parts(self, bucket: Bucket, key: str, reference: str) -> tuple[PartFacts, ...]:
        """Return the received parts, ordered by number. Raises `UploadMissing`."""
        folder = self.upload_folder(bucket, key, reference)
        return await self._do(lambda: tuple(facts for facts, _ in _parts(folder)))

    async def complete_upload(
        self, bucket: Bucket, key: str, reference: str, parts: Iterable[PartFacts]
    ) -> ObjectFacts:
        """Join parts, ordered by number, into the object. Raises `UploadMissing`."""
        chosen = tuple(parts)
        folder = self.upload_folder(bucket, key, reference)

        def join() -> ObjectFacts:
            received = dict(_parts(folder))
            numbers = [part.number for part in chosen]
            if not chosen or numbers != sorted(set(numbers)):
                raise ObjectError("an upload needs one or more parts, ordered by number")
            if changed := [part.number for part in chosen if part not in received]:
                raise ObjectError(f"these parts differ from those received: {changed[:20]}")

            def write(draft: Path) -> None:
                with draft.open("wb") as writing:
                    for part in chosen:
                        with received[part].open("rb") as reading:
                            shutil.copyfileobj(reading, writing, BLOCK)

            self._store(bucket, key, write)
            facts = facts_of(self.path(bucket, key), key)
            shutil.rmtree(folder, ignore_errors=True)
            return facts

        return await self._do(join)

    async def abort_upload(self, bucket: Bucket, key: str, reference: str) -> None:
        """Delete an upload and its parts; a missing one is not an error."""
        with contextlib.suppress(UploadMissing):
            folder = self.upload_folder(bucket, key, reference)
            await self._do(lambda: shutil.rmtree(folder, ignore_errors=True))

    async def uploads(self, bucket: Bucket, prefix: str) -> AsyncIterator[UploadFacts]:
        """Yield the open multipart uploads under a prefix."""

        def read() -> list[UploadFacts]:
            uploads = []
            for path in (self.root / bucket / "uploads").glob("*/upload.json"):
                with contextlib.suppress(
                    FileNotFoundError
                ):  # It was completed or aborted just now.
                    header = json.loads(path.read_text())
                    if header["key"].startswith(prefix):
                        started = datetime.fromisoformat(header["started"])
                        uploads.append(UploadFacts(header["key"], path.parent.name, started))
            return sorted(uploads, key=lambda facts: (facts.key, facts.reference))

        for facts in await self._do(read):
            yield facts

    def sign_get(
        self, bucket: Bucket, key: str, *, filename: str, media_type: str, lasting: timedelta
    ) -> str:
        """Return a URL, relative to the gateway's, that serves the object as an attachment."""
        self.path(bucket, key)
        claims = {"filename": safe_filename(filename), "type": media_type}
        return self.signer.sign("GET", f"{PREFIX}{bucket}/{key}", claims=claims, lasting=lasting)

    def application(self) -> ASGIApp:
        """Return the application that answers signed URLs, to be mounted at `/objects`."""
        return SignedUrlApp(self)

    def path(self, bucket: Bucket, key: str) -> Path:
        """Return the path of an object's file. Raises `ObjectError` for an unsafe key."""
        pieces = key.split("/")
        if any(not piece or piece in (".", "..") or "\0" in piece for piece in pieces):
            raise ObjectError(f"{key!r} is not a valid key")
        return self._objects(bucket).joinpath(*pieces)

    def upload_folder(self, bucket: Bucket, key: str, reference: str) -> Path:
        """Return the folder of an upload's parts. Raises `UploadMissing`."""
        folder = self.root / bucket / "uploads" / reference
        try:
            if not _REFERENCE.match(reference):
                raise ValueError
            header = json.loads((folder / "upload.json").read_text())
        except (FileNotFoundError, ValueError) as error:
            raise UploadMissing(f"there is no upload {reference!r}") from error
        if header["key"] != key:
            raise UploadMissing(f"the upload {reference!r} has another key")
        return folder

    def keep_part(self, folder: Path, draft: Path, *, number: int, etag: str) -> None:
        """Move a complete draft into an upload; it replaces an earlier part of the same number."""
        draft.replace(folder / f"{number:05d}.{etag}.part")
        # Two requests that end at once sort the files alike, so both keep the same one.
        for path in _versions(folder, number)[:-1]:
            path.unlink(missing_ok=True)

    def draft(self, bucket: Bucket) -> Path:
        """Return a new path for a file that is being written."""
        return self.root / bucket / "drafts" / new_id()

    def _objects(self, bucket: Bucket) -> Path:
        return self.root / bucket / "objects"

    def _ensure(self) -> None:
        for bucket in Bucket:
            for name in ("objects", "uploads", "drafts"):
                make_folders(self.root / bucket / name, disk=self._disk)
            for left in (self.root / bucket / "drafts").iterdir():
                if _age(left, self._clock) > timedelta(days=1):
                    left.unlink(missing_ok=True)

    def _store(self, bucket: Bucket, key: str, write: Callable[[Path], None]) -> None:
        """Write a draft, sync it, and rename it to the object's path."""
        target = self.path(bucket, key)
        draft = self.draft(bucket)
        try:
            write(draft)
            publish(draft, target, disk=self._disk)
        finally:
            draft.unlink(missing_ok=True)

    def _walk(self, bucket: Bucket, prefix: str) -> Iterator[ObjectFacts]:
        base = self._objects(bucket)
        if ".." in prefix.split("/"):
            raise ObjectError(f"{prefix!r} is not a valid prefix")

        def below(folder: Path, at: str) -> Iterator[ObjectFacts]:
            try:
                entries = [(file.name + "/" * file.is_dir(), file) for file in os.scandir(folder)]
            except (FileNotFoundError, NotADirectoryError):
                return
            # Sort folders with their slash: only then do keys come in byte order.
            for name, entry in sorted(entries, key=lambda pair: pair[0].encode()):
                key = at + name
                if name.endswith("/"):
                    if key.startswith(prefix) or prefix.startswith(key):
                        yield from below(Path(entry.path), key)
                elif key.startswith(prefix):
                    with contextlib.suppress(FileNotFoundError):
                        yield facts_of(Path(entry.path), key)

        yield from below(base, "")

    def _prune(self, folder: Path, base: Path) -> None:
        """Remove a folder and those above it up to `base`, as long as they are empty."""
        while folder != base:
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                return
            folder = folder.parent

    async def _do(self, work: Callable[[], Result]) -> Result:
        """Run file operations in a thread; an `OSError` becomes an `ObjectError`."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except OSError as error:
            raise from_os_error(error) from error
        except RuntimeError as error:
            raise ObjectError("the store is closed") from error


def facts_of(path: Path, key: str) -> ObjectFacts:
    """Return the metadata of an object's file."""
    stat = path.stat()
    etag = f"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}"
    return ObjectFacts(key, stat.st_size, etag, datetime.fromtimestamp(stat.st_mtime, UTC))


def _existing(path: Path, key: str) -> Path:
    if not path.is_file():
        raise ObjectMissing(f"there is no object {key}")
    return path


def _parts(folder: Path) -> list[tuple[PartFacts, Path]]:
    """Return the parts in an upload's folder; if a part was uploaded twice, the newest."""
    parts = {}
    for _, path, size in sorted(_part_files(folder, "*")):
        if match := _PART.match(path.name):
            parts[int(match[1])] = (PartFacts(int(match[1]), size, match[2]), path)
    return [parts[number] for number in sorted(parts)]


def _versions(folder: Path, number: int) -> list[Path]:
    """Return the files of one part, the newest last."""
    return [path for _, path, _ in sorted(_part_files(folder, f"{number:05d}"))]


def _part_files(folder: Path, number: str) -> Iterator[tuple[int, Path, int]]:
    """Yield the modification time, the path and the size of each file of a part."""
    for path in folder.glob(f"{number}.*.part"):
        with contextlib.suppress(FileNotFoundError):  # Replaced by a newer one.
            stat = path.stat()
            yield stat.st_mtime_ns, path, stat.st_size


def _age(path: Path, clock: Clock) -> timedelta:
    return clock.now() - datetime.fromtimestamp(path.stat().st_mtime, UTC)
