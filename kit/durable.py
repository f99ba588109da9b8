"""Files that survive a loss of power: synced themselves, and so are the folders that name them.

A rename is safe against a crash of the process, but until the folder is synced too, a loss of power
may undo it after the file was already spoken of in a database.
"""

import contextlib
import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


class Disk:
    """What is asked of the file system, so that a test can watch the order of it."""

    def sync(self, path: Path) -> None:
        """Make a file's bytes, or a folder's entries, durable."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            # Some network file systems sync files but know no such thing for folders.
            if error.errno != errno.EINVAL or not path.is_dir():
                raise
        finally:
            os.close(descriptor)

    def rename(self, draft: Path, target: Path) -> None:
        """Give a file its place; whoever had it is replaced."""
        draft.replace(target)


DISK = Disk()
_THREADS = ThreadPoolExecutor(8, thread_name_prefix="sync")


def publish(draft: Path, target: Path, *, disk: Disk = DISK) -> None:
    """Put a finished file in its place, durably, with every folder above it that is missing.

    Parameters
    ----------
    draft
        The finished file, on the same file system.
    target
        Where it belongs; what lies there is replaced as a whole.
    disk
        Does the syncing and the renaming.
    """
    while True:
        try:
            _sync_together([draft, *_make_missing(target.parent)], disk)
            disk.rename(draft, target)
            break
        except FileNotFoundError:
            if not draft.exists():
                raise
            # A folder was empty and removed just now by somebody else: once more.
    # One that is gone by now was removed with all that was in it.
    with contextlib.suppress(FileNotFoundError):
        disk.sync(target.parent)


def make_folders(folder: Path, *, disk: Disk = DISK) -> None:
    """Make a folder and what is missing above it, durably."""
    _sync_together(_make_missing(folder), disk)


def _make_missing(folder: Path) -> list[Path]:
    """Make folders that are missing; return those that have a new entry, the deepest first."""
    if folder.is_dir():
        return []
    above = _make_missing(folder.parent)
    folder.mkdir(exist_ok=True)
    return [folder.parent, *above]


def _sync_together(paths: list[Path], disk: Disk) -> None:
    """Sync several places at once: a file system writes them out in one go, not one by one."""
    waiting = [_THREADS.submit(disk.sync, path) for path in paths[1:]]
    for path in paths[:1]:
        disk.sync(path)
    for one in waiting:
        one.result()
