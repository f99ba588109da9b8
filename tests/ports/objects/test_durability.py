"""What the folder store promises of the disk: synced in order, and plain words when it is full."""

import errno
from pathlib import Path

import httpx
import pytest

from contracts.objects import Bucket
from kit.durable import Disk, publish
from kit.objects.base import ObjectError, StoreFull
from kit.objects.files import FileStore
from kit.objects.signing import Signer
from tests.ports.objects.test_files import DERIVED, MINUTE, SECRET, client


class WatchedDisk(Disk):
    """A disk that keeps what was asked of it, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Path]] = []

    def sync(self, path: Path) -> None:
        self.calls.append(("sync", path))
        super().sync(path)

    def rename(self, draft: Path, target: Path) -> None:
        self.calls.append(("rename", target))
        super().rename(draft, target)


class FullDisk(Disk):
    """A disk without room: what was written is refused when it is synced."""

    def sync(self, path: Path) -> None:
        if path.is_file():
            raise OSError(errno.ENOSPC, "No space left on device")


async def open_store(folder: Path, disk: Disk) -> FileStore:
    store = FileStore(folder, signer=Signer(SECRET), disk=disk)
    await store.ensure()
    return store


async def test_an_object_is_synced_then_named_then_its_folders_are_synced(tmp_path: Path) -> None:
    disk = WatchedDisk()
    store = await open_store(tmp_path, disk)
    objects = tmp_path / "derived" / "objects"
    disk.calls.clear()
    await store.put_bytes(DERIVED, "a/b/c", b"1", media_type="text/plain")
    *synced, named, last = disk.calls
    (draft,) = {path for _, path in synced if path.name not in ("a", "objects")}
    assert draft.parent == tmp_path / "derived" / "drafts"
    # The file, and the folders that have a new folder in them, in any order among themselves.
    assert {path for _, path in synced} == {draft, objects / "a", objects}
    assert named == ("rename", objects / "a" / "b" / "c")
    assert last == ("sync", objects / "a" / "b")
    disk.calls.clear()
    await store.put_bytes(DERIVED, "a/b/d", b"2", media_type="text/plain")
    assert disk.calls[1:] == [
        ("rename", objects / "a" / "b" / "d"),
        ("sync", objects / "a" / "b"),
    ], "folders that were there before are durable already"


async def test_the_folders_of_a_new_store_are_durable(tmp_path: Path) -> None:
    disk = WatchedDisk()
    await open_store(tmp_path / "new" / "store", disk)
    synced = {path for _, path in disk.calls}
    assert {tmp_path, tmp_path / "new", tmp_path / "new" / "store"} <= synced
    assert {tmp_path / "new" / "store" / bucket for bucket in Bucket} <= synced


async def test_a_joined_upload_is_durable_before_its_parts_go(tmp_path: Path) -> None:
    disk = WatchedDisk()
    store = await open_store(tmp_path, disk)
    reference = await store.start_upload(DERIVED, "u", media_type="audio/flac")
    folder = tmp_path / "derived" / "uploads" / reference
    assert ("sync", folder) in disk.calls
    url = store.sign_part(DERIVED, "u", reference, number=1, size=3, lasting=MINUTE)
    async with client(store) as http:
        assert (await http.put(url, content=b"abc")).status_code == 200
    parts = await store.parts(DERIVED, "u", reference)
    disk.calls.clear()
    await store.complete_upload(DERIVED, "u", reference, parts)
    assert disk.calls[-1] == ("sync", tmp_path / "derived" / "objects")


def test_a_file_in_a_folder_that_goes_meanwhile_is_still_placed(tmp_path: Path) -> None:
    class Hasty(Disk):
        """Somebody clears an empty folder away once, just before the rename."""

        def rename(self, draft: Path, target: Path) -> None:
            if not (tmp_path / "cleared").exists():
                (tmp_path / "cleared").touch()
                target.parent.rmdir()
            super().rename(draft, target)

    draft, target = tmp_path / "draft", tmp_path / "folder" / "file"
    draft.write_bytes(b"x")
    publish(draft, target, disk=Hasty())
    assert target.read_bytes() == b"x"
    with pytest.raises(FileNotFoundError):
        publish(draft, target)


async def test_a_full_disk_has_its_own_error_and_leaves_no_file(tmp_path: Path) -> None:
    store = await open_store(tmp_path, FullDisk())
    with pytest.raises(StoreFull, match="disk is full"):
        await store.put_bytes(DERIVED, "a", b"x", media_type="text/plain")
    assert await store.head(DERIVED, "a") is None
    assert list((tmp_path / "derived" / "drafts").iterdir()) == []


async def test_a_part_on_a_full_disk_is_refused_in_words(tmp_path: Path) -> None:
    class Full(FileStore):
        def draft(self, bucket: Bucket) -> Path:
            # Whatever is written there meets a full device.
            path = super().draft(bucket)
            path.symlink_to("/dev/full")
            return path

    store = await open_store(tmp_path, Disk())
    reference = await store.start_upload(DERIVED, "u", media_type="audio/flac")
    full = Full(tmp_path, signer=Signer(SECRET))
    url = full.sign_part(DERIVED, "u", reference, number=1, size=3, lasting=MINUTE)
    transport = httpx.ASGITransport(app=full.application())
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
        answer = await http.put(url, content=b"abc")
    assert (answer.status_code, answer.json()["code"]) == (507, "store_full")
    assert "free space" in answer.json()["detail"]
    assert answer.headers["retry-after"] == "60"
    assert await store.parts(DERIVED, "u", reference) == ()
    assert list((tmp_path / "derived" / "drafts").iterdir()) == []


async def test_another_failure_of_the_disk_is_no_lack_of_room(tmp_path: Path) -> None:
    store = await open_store(tmp_path, Disk())
    (tmp_path / "derived" / "objects" / "a").write_bytes(b"a file where a folder should be")
    with pytest.raises(ObjectError) as raised:
        await store.put_bytes(DERIVED, "a/b", b"x", media_type="text/plain")
    assert not isinstance(raised.value, StoreFull)
