"""Copy objects from a store into a backup, and back."""

from pathlib import Path

from contracts.objects import Bucket
from deploy.backup.files import BackupError, Index, SavedObject, object_path, read_manifest
from deploy.bounded import AT_ONCE, for_each
from kit.objects.base import ObjectFacts, ObjectMissing, ObjectStore


async def save_objects(store: ObjectStore, folder: Path, index: Index) -> Index:
    """Copy the objects of a store that a backup does not have yet; return all that it holds now.

    Parameters
    ----------
    index
        What this backup holds so far. It stays, even if the store has deleted it meanwhile.

    Raises
    ------
    BackupError
    ObjectError
    """
    try:
        older = read_manifest(folder)
    except BackupError:
        older = {}
    saved = dict(index)

    async def copy(source: tuple[Bucket, ObjectFacts]) -> None:
        bucket, facts = source
        known = saved.get((bucket, facts.key)) or older.get((bucket, facts.key))
        if known is None or not _same(known, facts, folder):
            known = await _fetch(store, folder, bucket, facts)
        if known is not None:
            saved[bucket, facts.key] = known

    for bucket in Bucket:
        batch: list[tuple[Bucket, ObjectFacts]] = []
        async for facts in store.walk(bucket, ""):
            batch.append((bucket, facts))
            if len(batch) == 100 * AT_ONCE:
                await for_each(batch, copy)
                batch.clear()
        await for_each(batch, copy)
    return saved


async def restore_objects(store: ObjectStore, folder: Path, index: Index) -> None:
    """Put the objects of a backup into a store; those that it has already stay.

    Raises
    ------
    BackupError
        A file of the backup is missing.
    ObjectError
    """

    async def put(saved: SavedObject) -> None:
        path = saved.path(folder)
        if not path.is_file() or path.stat().st_size != saved.size:
            raise BackupError(f"{path} is missing or damaged; the backup cannot be restored.")
        facts = await store.head(saved.bucket, saved.key)
        if facts is None or facts.size != saved.size:
            await store.put_file(saved.bucket, saved.key, path, media_type=saved.media_type)
        if await store.digest(saved.bucket, saved.key) != saved.sha256:
            raise BackupError(f"{path} is damaged: its SHA-256 is not that of the manifest.")

    await for_each(index.values(), put)


def _same(known: SavedObject, facts: ObjectFacts, folder: Path) -> bool:
    path = known.path(folder)
    unchanged = (known.size, known.etag) == (facts.size, facts.etag)
    return unchanged and path.is_file() and path.stat().st_size == known.size


async def _fetch(
    store: ObjectStore, folder: Path, bucket: Bucket, facts: ObjectFacts
) -> SavedObject | None:
    """Copy an object; return `None` if it was deleted meanwhile."""
    path = object_path(folder, bucket, facts.key)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        head = await store.head(bucket, facts.key)
        sha256 = await store.digest(bucket, facts.key)
        await store.get_file(bucket, facts.key, path, sha256=sha256)
    except ObjectMissing:
        return None
    if head is None:
        return None
    return SavedObject(bucket, facts.key, head.size, sha256, facts.etag, head.media_type)
