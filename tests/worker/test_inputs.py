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
from tests.worker.conftest import Bench, at_work

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


async def test_damaged_audio_fails_at_once_and_says_which_file(bench: Bench) -> None:
    claim = await damaged(bench)
    event = await bench.ending(claim)
    assert event.data.kind == FailureKind.REJECTED
    assert event.data.reason.code == "damaged_file"
    assert "canonical.flac, is damaged in the store" in event.data.reason.message
    assert "delete it and upload the file again" in event.data.reason.message
    assert claim.inputs[0].key in event.data.detail


async def damaged(bench: Bench) -> Claim:
    """Offer a job over a file whose bytes were changed in the store."""
    store = bench.platform.objects

    async def change(key: str) -> None:
        await store.put_bytes(Bucket.DERIVED, key, b"other bytes", media_type="audio/flac")

    return await bench.offer(before=change)


async def test_missing_audio_fails_at_once_and_says_which_file(bench: Bench) -> None:
    store = bench.platform.objects
    claim = await bench.offer(before=lambda key: store.delete(Bucket.DERIVED, [key]))
    event = await bench.ending(claim)
    assert event.data.kind == FailureKind.REJECTED
    assert event.data.reason.code == "missing_file"
    assert "canonical.flac, is missing from the store" in event.data.reason.message


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        (ArtifactKind.ORIGINAL, "original.bin", "SHA-256 that was announced"),
        (ArtifactKind.CANONICAL, "canonical.flac", "delete it and upload the file again"),
        (ArtifactKind.NOTES, "notes.json", "Run the job that produced it again"),
    ],
)
async def test_what_to_do_depends_on_what_is_damaged(
    bench: Bench, tmp_path: Path, kind: ArtifactKind, name: str, said: str
) -> None:
    claim = await damaged(bench)
    await bench.ending(claim)
    claim = of_kind(claim, kind, name)
    with pytest.raises(InputLost, match=said):
        await fetch_inputs(bench.platform.objects, claim, tmp_path)


async def test_bytes_that_were_damaged_on_their_way_are_read_again(tmp_path: Path) -> None:
    store = OnceWrong(tmp_path / "objects", signer=Signer(SECRET))
    async with at_work(tmp_path, objects=store) as bench:
        event = await bench.ending(await bench.offer(do="finish"))
    assert event.type == "job.completed"
    assert store.reads == 2


async def test_a_full_disk_is_a_passing_fault_of_its_own(tmp_path: Path) -> None:
    disk = FillingDisk()
    store = FileStore(tmp_path / "objects", signer=Signer(SECRET), disk=disk)

    async def fill(key: str) -> None:
        disk.full = True

    async with at_work(tmp_path, objects=store) as bench:
        event = await bench.ending(await bench.offer(before=fill, do="finish"))
        assert event.data.kind == FailureKind.RETRYABLE
        assert event.data.reason.code == "store_full"
        assert "storage of this server is full" in event.data.reason.message
        disk.full = False
        assert (await bench.ending(await bench.offer(do="finish"))).type == "job.completed"
