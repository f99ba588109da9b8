"""Dump a Postgres database into a backup, and restore it, with Postgres's own programs."""

import os
import shutil
import subprocess
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from deploy.backup.files import BackupError
from deploy.servers.base import ServerError
from deploy.servers.postgres import program
from kit.database.actors import SERVICE, SETTING

_COUNT = (
    "SELECT count(*) FROM information_schema.tables "
    "WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
)
# Transaction ids of another server mean nothing here. With 0 the restored events come before all
# that are written from now on, in their old order, so readers of the feed miss none.
_OPTIONS = ("--no-owner", "--no-acl", "--enable-row-security")
_FORGET_TRANSACTIONS = "UPDATE events SET xid = 0"


class Postgres:
    """The database of a service.

    Parameters
    ----------
    name
        The service, `library` or `gateway`; also the name of the dump.
    url
        `postgresql+asyncpg://…`, as in the service's settings.

    Raises
    ------
    BackupError
        The address is not one of a Postgres database.
    """

    def __init__(self, name: str, url: str) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise BackupError(f"the address of the {name}'s database is malformed") from None
        if parsed.get_backend_name() != "postgresql" or not parsed.database:
            raise BackupError(
                f"the {name}'s database is not Postgres; back up an embedded server with --data."
            )
        self._name = name
        # In the environment, because everybody on the machine can read arguments.
        known = {
            "PGHOST": parsed.host,
            "PGPORT": str(parsed.port or 5432),
            "PGUSER": parsed.username,
            "PGPASSWORD": parsed.password,
            "PGDATABASE": parsed.database,
            "PGSSLMODE": parsed.query.get("ssl") or parsed.query.get("sslmode"),
            # Policies also apply to the owner of the tables, which so sees the rows of everybody.
            "PGOPTIONS": f"-c {SETTING}={SERVICE}",
        }
        own = {key: str(value) for key, value in known.items() if value}
        self._environment = {**os.environ, **own}
        self._database = parsed.database

    def save(self, folder: Path) -> None:
        """Dump the database as it is at one moment; the one before it stays until that is done."""
        draft = folder / f"{self._name}.dump.part"
        self._run("pg_dump", "--format=custom", *_OPTIONS, f"--file={draft}")
        draft.replace(self._dump(folder))

    def check_empty(self) -> None:
        """Refuse a database with tables. Raises `BackupError`."""
        if self._run("psql", "--no-psqlrc", "-At", "-c", _COUNT).strip() != "0":
            raise BackupError(
                f"the {self._name}'s database has tables. Stop all services, and restore into "
                "databases that were just created."
            )

    def restore(self, folder: Path) -> None:
        """Fill the database from its dump, in one transaction. Raises `BackupError`."""
        dump = self._dump(folder)
        if not dump.is_file():
            raise BackupError(f"{dump} is missing; the backup cannot be restored.")
        self._run(
            *("pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-acl"),
            *("--no-comments", f"--dbname={self._database}", str(dump)),
        )
        if self._name == "library":
            self._run("psql", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-c", _FORGET_TRANSACTIONS)

    def _dump(self, folder: Path) -> Path:
        return folder / f"{self._name}.dump"

    def _run(self, name: str, *arguments: str) -> str:
        done = subprocess.run(  # noqa: S603
            (_find(name), *arguments),
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise BackupError(f"{name} of the {self._name}'s database: {done.stderr.strip()}")
        return done.stdout


def _find(name: str) -> str:
    """Return a program of Postgres: of the development extra, else the system's."""
    try:
        return program(name)
    except ServerError:
        path = shutil.which(name)
    if path is None:
        raise BackupError(f"{name} is missing; install the client programs of Postgres 18.")
    return path
