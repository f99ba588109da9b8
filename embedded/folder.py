"""The data folder of the embedded server: its lock, permissions, secrets and databases."""

import fcntl
import json
import logging
import secrets
import sqlite3
import stat
import time
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ValidationError

from contracts.music import Seconds
from kit.durable import publish
from kit.process import StartRefused

log = logging.getLogger(__name__)

CHECKED_WITHIN: Seconds = 5.0
"""Time limit of the integrity check of a database; a large one is checked in part."""
_EACH = 10_000
"""SQLite instructions between two checks of the time limit."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Secrets(BaseModel):
    """The secrets of this server."""

    internal: str
    signing: str


def open_folder(data: Path) -> IO[str]:
    """Create the data folder if needed and lock it until the process ends.

    Raises
    ------
    StartRefused
        Another server uses the folder, or it is not writable.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (data / ".lock").open("w")
    except OSError as error:
        raise StartRefused(
            f"the data folder {data} is not writable: {error.strerror}. "
            "Correct that, or set CRATEDIG_DATA to another folder."
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise StartRefused(
            f"another Cratedig already runs on {data}. Stop it first (make stop), "
            "or set CRATEDIG_DATA to another folder."
        ) from None
    return file


def keep_to_oneself(data: Path) -> None:
    """Remove the permissions of other users on the folder and everything below it.

    Earlier versions created folders that all users could read. If the folder itself is private,
    its content is not checked again.
    """
    if not data.stat().st_mode & _OTHERS:
        return
    changed = 0
    try:
        for path in (*data.rglob("*"), data):
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode) and mode & _OTHERS:
                path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
                changed += 1
    except OSError as error:
        log.warning("other users of this machine may be able to read %s: %s", data, error)
    else:
        log.warning(
            "removed the permissions of other users on %s (%s files and folders)",
            data,
            changed,
        )


def own_secrets(path: Path) -> Secrets:
    """Read this server's secrets, or create them at its first start. Raises `StartRefused`."""
    try:
        if path.is_file():
            return Secrets.model_validate_json(path.read_text(encoding="utf-8"))
        created = Secrets(internal=secrets.token_urlsafe(48), signing=secrets.token_urlsafe(48))
        new = path.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(created.model_dump()), encoding="utf-8")
        publish(new, path)
    except (ValidationError, UnicodeDecodeError) as error:
        raise StartRefused(
            f"{path} is damaged. Restore it from a backup; or delete it, and every user must log "
            "in again."
        ) from error
    except OSError as error:
        raise StartRefused(f"{path} cannot be read or written: {error.strerror}") from error
    return created


def check_database(path: Path, *, within: Seconds = CHECKED_WITHIN) -> bool:
    """Run SQLite's quick check on a database; return whether it finished within the time limit.

    Raises
    ------
    StartRefused
        The file is damaged or no database, so that writing to it could damage it further.
    """
    if not path.exists():
        return True
    deadline = time.monotonic() + within
    try:
        connection = sqlite3.connect(path)
        try:
            connection.set_progress_handler(lambda: time.monotonic() > deadline, _EACH)
            problems = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            log.info("%s is large: its integrity check stopped after %g s", path.name, within)
            return False
        raise StartRefused(f"{path} cannot be opened: {error}.") from error
    except sqlite3.DatabaseError as error:
        problems = [str(error)]
    if problems != ["ok"]:
        detail = " ".join(problems)[:200]
        raise StartRefused(
            f"{path} is damaged ({detail}). Restore the data folder from a backup, or recover what "
            f"is readable: sqlite3 {path.name} .recover | sqlite3 new.db"
        )
    return True
