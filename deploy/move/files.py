"""Copies the files of a folder store into an S3 store."""

from collections.abc import Callable

from contracts.objects import Bucket
from deploy.bounded import for_each
from kit.objects.base import ObjectFacts, ObjectStore
from kit.objects.files import FileStore


async def copy_files(
    source: FileStore, target: ObjectStore, *, on_progress: Callable[[int, int], None]
) -> tuple[int, int]:
    """Copy every file that the target lacks or has in another size.

    Parameters
    ----------
    on_progress
        Called after each file with how many are in the target, and their bytes.

    Returns
    -------
    tuple
        The number of files and their bytes.

    Raises
    ------
    ObjectError
        A store failed; what was copied stays, and another call goes on.
    """
    await target.ensure()
    count = size = 0

    async def copy(file: tuple[Bucket, ObjectFacts]) -> None:
        nonlocal count, size
        bucket, facts = file
        there = await target.head(bucket, facts.key)
        if there is None or there.size != facts.size:
            path = source.path(bucket, facts.key)
            # Signed addresses name the type of a file, the store need not know it.
            await target.put_file(bucket, facts.key, path, media_type="application/octet-stream")
        count, size = count + 1, size + facts.size
        on_progress(count, size)

    for bucket in Bucket:
        await for_each([(bucket, facts) async for facts in source.walk(bucket, "")], copy)
    return count, size
