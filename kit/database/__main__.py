"""`python -m kit.database services.library "Add a column"`: write a service's next migration."""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from sqlalchemy import Connection, MetaData

from kit.clock import SystemClock
from kit.database.engine import Database
from kit.database.migrations import write


def main() -> None:
    """Write the migration from a service's last migration to its current tables, if they differ."""
    parser = argparse.ArgumentParser(prog="python -m kit.database", description=__doc__)
    parser.add_argument("package", help="the package of `tables.py`, such as services.library")
    parser.add_argument("message", help="what changes, in a few words")
    arguments = parser.parse_args()
    tables = import_module(f"{arguments.package}.tables")
    folder = Path(str(tables.__file__)).parent / "migrations"
    path = asyncio.run(_write(folder, tables.METADATA, arguments.message))
    if path is None:
        sys.exit("The tables have not changed since the last migration: nothing to write.")
    ruff = (sys.executable, "-m", "ruff")
    for command in (("format", "--quiet"), ("check", "--fix", "--quiet")):
        subprocess.run((*ruff, *command, str(path)), check=False)  # noqa: S603 All of it is ours.
    print(f"Wrote {path}: read it before you commit it.")


async def _write(folder: Path, metadata: MetaData, message: str) -> Path | None:
    with tempfile.TemporaryDirectory() as place:
        database = Database(f"sqlite+aiosqlite:///{place}/now.db", clock=SystemClock())
        try:
            await database.migrate(folder)

            def run(connection: Connection) -> Path | None:
                return write(connection, folder, metadata, message=message)

            return await database.run_sync(run)
        finally:
            await database.close()


if __name__ == "__main__":
    main()
