"""Files of jobs that are damaged, missing or find no room: said, and tried only where it helps."""

import errno
from pathlib import Path

import pytest

from contracts.items import ArtifactKind
from contracts.jobs import Claim, FailureKind
from contracts.objects import Bucket
from kit.durable import Disk
from kit.objects.base import ObjectCorrupt
from kit.objects.files import FileStore
from kit.objects.signing import Signer
from kit.worker.files import InputLost, fetch_inputs
from tests.worker.conftest import WorkerHarness, running_worker

SECRET = "a secret for tests, long enough by far"


class OnceWrong(FileStore):
    """The first time that a file is read, its bytes are damaged on their way."""

    reads = 0

    async def get_file(self, bucket: Bucket, key: str, path: Path, *, sha256: str) -> None:
        self.reads += 1
        if self.reads == 1:
            raise ObjectCorrupt("damaged on its way")
        await super().get_file(bucket, key, path, sha256=sha256)


class FillingDisk(Disk):
    """A disk that may be full."""

    full = False

    def sync(self, path: Path) -> None:
        if self.full and path.is_file():
            raise OSError(errno.ENOSPC, "No space left on device")
        super().sync(path)


def of_kind(claim: Claim, kind: ArtifactKind, name: str) -> Claim:
    """Return a claim whose input is of another kind."""
    (ref,) = claim.inputs
    return claim.model_copy(
        update={"inputs": (ref.model_copy(update={"kind": kind, "name": name}),)}
    )


async def test_damaged_audio_fails_at_once_and_says_which_file(harness: WorkerHarness) -> None:
    claim = await damaged(harness)
    event = await harness.outcome(claim)
    assert event.data.kind == FailureKind.REJECTED
    assert event.data.reason.code == "damaged_file"
    assert "canonical.flac, is damaged in the store" in event.data.reason.message
    assert "delete it and upload the file again" in event.data.reason.message
    assert claim.inputs[0].key in event.data.detail


async def damaged(harness: WorkerHarness) -> Claim:
    """Offer a job over a file whose bytes were changed in the store."""
    store = harness.platform.objects

    async def change(key: str) -> None:
        await store.put_bytes(Bucket.DERIVED, key, b"other bytes", media_type="audio/flac")

    return await harness.offer(before=change)


async def test_missing_audio_fails_at_once_and_says_which_file(harness: WorkerHarness) -> None:
    store = harness.platform.objects
    claim = await harness.offer(before=lambda key: store.delete(Bucket.DERIVED, [key]))
    event = await harness.outcome(claim)
    assert event.data.kind == FailureKind.REJECTED
    assert event.data.reason.code == "missing_file"
    assert "canonical.flac, is missing from the store" in event.data.reason.message


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        (ArtifactKind.ORIGINAL, "original.bin", "SHA-256 that was announced"),
        (ArtifactKind.CANONICAL, "canonical.flac", "delete it and upload the file again"),
        (ArtifactKind.NOTES, "notes.json", "Run the job that produced it again"),
    ],
)
async def test_what_to_do_depends_on_what_is_damaged(
    harness: WorkerHarness, tmp_path: Path, kind: ArtifactKind, name: str, message: str
) -> None:
    claim = await damaged(harness)
    await harness.outcome(claim)
    claim = of_kind(claim, kind, name)
    with pytest.raises(InputLost, match=message):
        await fetch_inputs(harness.platform.objects, claim, tmp_path)


async def test_bytes_that_were_damaged_on_their_way_are_read_again(tmp_path: Path) -> None:
    store = OnceWrong(tmp_path / "objects", signer=Signer(SECRET))
    async with running_worker(tmp_path, objects=store) as harness:
        event = await harness.outcome(await harness.offer(do="finish"))
    assert event.type == "job.completed"
    assert store.reads == 2


async def test_a_full_disk_is_a_passing_fault_of_its_own(tmp_path: Path) -> None:
    disk = FillingDisk()
    store = FileStore(tmp_path / "objects", signer=Signer(SECRET), disk=disk)

    async def fill(key: str) -> None:
        disk.full = True

    async with running_worker(tmp_path, objects=store) as harness:
        event = await harness.outcome(await harness.offer(before=fill, do="finish"))
        assert event.data.kind == FailureKind.RETRYABLE
        assert event.data.reason.code == "store_full"
        assert "storage of this server is full" in event.data.reason.message
        disk.full = False
        assert (await harness.outcome(await harness.offer(do="finish"))).type == "job.completed"
