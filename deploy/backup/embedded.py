"""Back up and restore the data folder of an embedded server that does not run."""

import os
import shutil
from pathlib import Path

from deploy.backup.files import BackupError
from embedded.folder import check_database, open_folder
from kit.clock import new_id

LEFT_OUT = shutil.ignore_patterns("scratch", "server.log", "server.pid", ".lock")
DATABASES = ("library.db", "gateway.db")


def save_embedded(data: Path, folder: Path) -> str:
    """Copy a data folder into a new folder; return what was done.

    Raises
    ------
    BackupError
        The folder exists, or `data` is not a data folder.
    StartRefused
        The server runs.
    """
    _check(data)
    if folder.exists():
        raise BackupError(f"{folder} exists. Choose a folder that does not.")
    with open_folder(data):
        _copy(data, folder)
    return f"saved {data} to {folder}"


def restore_embedded(data: Path, folder: Path) -> str:
    """Copy a backup to a data folder that does not exist yet; return what was done.

    Raises
    ------
    BackupError
        The data folder exists, or `folder` holds no backup.
    StartRefused
        A database of the backup is damaged.
    """
    _check(folder)
    if data.exists() and any(data.iterdir()):
        raise BackupError(f"{data} is not empty. Move it away, then restore.")
    for name in DATABASES:
        check_database(folder / name)
    if data.exists():
        data.rmdir()
    _copy(folder, data)
    return f"restored {data} from {folder}"


def _check(folder: Path) -> None:
    missing = [name for name in (*DATABASES, "secrets.json") if not (folder / name).is_file()]
    if missing:
        raise BackupError(f"{folder} holds no data of a server: {', '.join(missing)} is missing.")


def _copy(source: Path, target: Path) -> None:
    """Copy a folder so that the copy is there whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.{new_id()}.part")
    try:
        shutil.copytree(source, draft, ignore=LEFT_OUT)
        draft.chmod(0o700)
        os.sync()
        draft.rename(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
