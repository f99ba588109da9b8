"""Write files that survive a power failure, by syncing both the files and their folders.

A rename alone survives a crash of the process. But until its folder is synced, a power failure may
undo it after a database has already referred to the file.
"""

import contextlib
import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


class Disk:
    """File system operations, so that a test can check their order."""

    def sync(self, path: Path) -> None:
        """Make a file's bytes, or a folder's entries, durable."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            # Some network file systems can sync files but not folders.
            if error.errno != errno.EINVAL or not path.is_dir():
                raise
        finally:
            os.close(descriptor)

    def rename(self, draft: Path, target: Path) -> None:
        """Rename a file; it replaces an existing target."""
        draft.replace(target)


DISK = Disk()
_THREADS = ThreadPoolExecutor(8, thread_name_prefix="sync")


def publish(draft: Path, target: Path, *, disk: Disk = DISK) -> None:
    """Move a complete file to its target durably; create the folders that are missing.

    Parameters
    ----------
    draft
        The complete file, on the same file system.
    target
        The final path; an existing file is replaced atomically.
    disk
        Performs the syncs and the rename.
    """
    while True:
        try:
            _sync_together([draft, *_make_missing(target.parent)], disk)
            disk.rename(draft, target)
            break
        except FileNotFoundError:
            if not draft.exists():
                raise
            # A concurrent delete removed the folder while it was still empty: try again.
    # The folder may be gone already if the file was deleted right after the rename.
    with contextlib.suppress(FileNotFoundError):
        disk.sync(target.parent)


def make_folders(folder: Path, *, disk: Disk = DISK) -> None:
    """Create a folder and its missing parents durably."""
    _sync_together(_make_missing(folder), disk)


def _make_missing(folder: Path) -> list[Path]:
    """Create missing folders; return the folders that got a new entry, the deepest first."""
    if folder.is_dir():
        return []
    above = _make_missing(folder.parent)
    folder.mkdir(exist_ok=True)
    return [folder.parent, *above]


def _sync_together(paths: list[Path], disk: Disk) -> None:
    """Sync paths concurrently: a file system commits several syncs in one go."""
    waiting = [_THREADS.submit(disk.sync, path) for path in paths[1:]]
    for path in paths[:1]:
        disk.sync(path)
    for sync in waiting:
        sync.result()
