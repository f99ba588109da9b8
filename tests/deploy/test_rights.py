"""The S3 policies: what services read and write is allowed, and on a real store nothing else is."""

import asyncio
from collections.abc import AsyncIterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from contracts.ids import ItemId, JobId, OwnerId, UploadId
from contracts.jobs import TaskName
from contracts.objects import MANIFEST, Bucket, artifact_key, previews_prefix, upload_key
from contracts.subjects import Subject
from deploy.rights.__main__ import give_rights
from deploy.rights.policies import policies
from kit.clock import new_id
from kit.objects.base import ObjectError
from kit.objects.minio import MinioStore, S3Address
from tests.support.servers import server_setting

TEXT = "text/plain"


class Keys:
    """Keys of an owner's objects, as services make them."""

    def __init__(self) -> None:
        self.owner, self.job = OwnerId(new_id()), JobId(new_id())
        self.subject = Subject.of_item(ItemId(new_id()))
        self.upload = upload_key(self.owner, UploadId(new_id()))

    def result(self, task: TaskName, name: str = MANIFEST) -> str:
        return artifact_key(self.owner, self.subject, task, self.job, 1, name)


def allows(service: str, action: str, bucket: Bucket, key: str) -> bool:
    """Return whether a statement of a service's policy names the action and matches the object."""
    return any(
        f"s3:{action}" in statement["Action"]
        and any(fnmatchcase(f"arn:aws:s3:::{bucket}/{key}", name) for name in statement["Resource"])
        for statement in policies()[service]["Statement"]
    )


@pytest.mark.parametrize("task", TaskName)
def test_a_worker_writes_below_the_folders_of_its_task_only(task: TaskName) -> None:
    keys = Keys()
    preview = previews_prefix(keys.owner, keys.subject, task, keys.job, 1) + "1.opus"
    for key in (keys.result(task), keys.result(task, "a/b.flac"), preview):
        assert allows(task, "PutObject", Bucket.DERIVED, key)
        assert allows(task, "GetObject", Bucket.DERIVED, key)
        assert not allows(task, "DeleteObject", Bucket.DERIVED, key)
    for other in set(TaskName) - {task}:
        assert not allows(task, "PutObject", Bucket.DERIVED, keys.result(other))
        assert not allows(task, "PutObject", Bucket.DERIVED, keys.result(other, f"{task}/x/1/y"))
        assert allows(task, "GetObject", Bucket.DERIVED, keys.result(other))
    assert not allows(task, "PutObject", Bucket.ORIGINALS, keys.upload)
    assert allows(task, "GetObject", Bucket.ORIGINALS, keys.upload) == (task is TaskName.INGEST)


def test_the_library_does_everything_and_the_gateway_reads_nothing() -> None:
    keys = Keys()
    places = ((Bucket.ORIGINALS, keys.upload), (Bucket.DERIVED, keys.result(TaskName.MIDI)))
    for action in ("GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload"):
        for bucket, key in places:
            assert allows("library", action, bucket, key)
            assert not allows("gateway", action, bucket, key)


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[dict[str, MinioStore]]:
    """The real store as each service reaches it with the rights of its policy."""
    address = S3Address.parse(server_setting("KIT_OBJECTS_URL"))
    addresses = await asyncio.to_thread(give_rights, address, tmp_path / "rights")
    opened = {name: MinioStore(own) for name, own in addresses.items()}
    opened["administrator"] = MinioStore(address)
    await opened["administrator"].ensure()
    yield opened
    for store in opened.values():
        await store.close()


@pytest.mark.cluster
async def test_a_real_store_refuses_what_no_policy_allows(
    stores: dict[str, MinioStore], tmp_path: Path
) -> None:
    keys = Keys()
    library, ingest, midi, gateway = (
        stores[name] for name in ("library", "ingest", "midi", "gateway")
    )
    for name, store in stores.items():
        assert await store.ready(), name
    await library.put_bytes(Bucket.ORIGINALS, keys.upload, b"a song", media_type=TEXT)
    result = keys.result(TaskName.INGEST)
    assert await ingest.get_bytes(Bucket.ORIGINALS, keys.upload) == b"a song"
    await ingest.put_bytes(Bucket.DERIVED, result, b"{}", media_type=TEXT)
    large = tmp_path / "large"
    large.write_bytes(bytes(20 << 20))
    await ingest.put_file(
        Bucket.DERIVED, keys.result(TaskName.INGEST, "large"), large, media_type=TEXT
    )
    assert await midi.get_bytes(Bucket.DERIVED, result) == b"{}"
    assert await midi.head(Bucket.DERIVED, keys.result(TaskName.MIDI, "absent")) is None
    refused = (
        midi.get_bytes(Bucket.ORIGINALS, keys.upload),
        midi.put_bytes(Bucket.DERIVED, result, b"forged", media_type=TEXT),
        midi.put_bytes(Bucket.ORIGINALS, keys.upload, b"forged", media_type=TEXT),
        midi.delete(Bucket.DERIVED, [result]),
        ingest.delete(Bucket.DERIVED, [result]),
        ingest.put_bytes(Bucket.ORIGINALS, keys.upload, b"forged", media_type=TEXT),
        gateway.get_bytes(Bucket.DERIVED, result),
        gateway.put_bytes(Bucket.DERIVED, result, b"forged", media_type=TEXT),
    )
    for call in refused:
        with pytest.raises(ObjectError, match=r"Access ?[Dd]enied"):
            await call
    assert await library.delete_prefix(Bucket.DERIVED, f"{keys.owner}/") == 2
    assert await library.delete_prefix(Bucket.ORIGINALS, f"{keys.owner}/") == 1
