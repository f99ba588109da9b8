"""The data folder of the embedded server: its lock, its rights, its secrets, its databases."""

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
"""How long the look at one database may take; a large one is looked at in part."""
_EACH = 10_000
"""Steps of SQLite between two looks at the clock."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Secrets(BaseModel):
    """What this server alone knows."""

    internal: str
    signing: str


def open_folder(data: Path) -> IO[str]:
    """Make the data folder, or take it over for this process; the lock goes with the process.

    Raises
    ------
    StartRefused
        Another server runs on it, or it cannot be written to.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (data / ".lock").open("w")
    except OSError as error:
        raise StartRefused(
            f"the data folder {data} cannot be written to: {error.strerror}. "
            "Mend that, or set CRATEDIG_DATA to another folder."
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
    """Take away every right of other users to the folder and to all below it.

    Folders of earlier versions were readable by all. Once the folder is closed, nothing below it
    is looked at again.
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
        log.warning("other users of this machine may read %s: %s", data, error)
    else:
        log.warning(
            "other users of this machine could read %s; now they cannot (%s files and folders)",
            data,
            changed,
        )


def own_secrets(path: Path) -> Secrets:
    """Read this server's secrets, or make them at its first start. Raises `StartRefused`."""
    try:
        if path.is_file():
            return Secrets.model_validate_json(path.read_text(encoding="utf-8"))
        made = Secrets(internal=secrets.token_urlsafe(48), signing=secrets.token_urlsafe(48))
        new = path.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(made.model_dump()), encoding="utf-8")
        publish(new, path)
    except (ValidationError, UnicodeDecodeError) as error:
        raise StartRefused(
            f"{path} is damaged. Put it back from a backup; or remove it, and everybody has to "
            "log in again."
        ) from error
    except OSError as error:
        raise StartRefused(f"{path} cannot be read or written: {error.strerror}") from error
    return made


def check_database(path: Path, *, within: Seconds = CHECKED_WITHIN) -> bool:
    """Look whether a database of SQLite is whole; return whether the time sufficed for all of it.

    Raises
    ------
    StartRefused
        It is damaged, or no database: to write to it would damage more.
    """
    if not path.exists():
        return True
    deadline = time.monotonic() + within
    try:
        connection = sqlite3.connect(path)
        try:
            connection.set_progress_handler(lambda: time.monotonic() > deadline, _EACH)
            found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            log.info("%s is large: after %g s the look at it was ended", path.name, within)
            return False
        raise StartRefused(f"{path} cannot be opened: {error}.") from error
    except sqlite3.DatabaseError as error:
        found = [str(error)]
    if found != ["ok"]:
        detail = " ".join(found)[:200]
        raise StartRefused(
            f"{path} is damaged ({detail}). Put the data folder back from a backup, or save what "
            f"can be read: sqlite3 {path.name} .recover | sqlite3 new.db"
        )
    return True
