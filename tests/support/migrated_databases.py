"""Databases with the newest tables, copied instead of migrated anew for every test."""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from kit.clock import SystemClock
from kit.database.actors import SERVICE
from kit.database.engine import Database
from services.library.preparation import prepare


def copy_sqlite(migrations: Path, target: Path) -> str:
    """Write a database with the newest tables to `target` unless it exists; return its URL."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(_folder().name) / _sqlite(migrations), target)
    return f"sqlite+aiosqlite:///{target}"


async def migrate(url: str, migrations: Path) -> None:
    """Bring a database to its newest tables."""
    database = Database(url, clock=SystemClock())
    try:
        await database.migrate(migrations)
    finally:
        await database.close()


async def prepare_for_role(url: str, migrations: Path, role: str) -> None:
    """Create the library's newest tables, and let a role use them that does not own them."""
    database = Database(url, clock=SystemClock(), actor=SERVICE)
    try:
        await prepare(database, migrations, role)
    finally:
        await database.close()


def run_in_thread(work: Coroutine[None, None, None]) -> None:
    """Run a coroutine to its end where this thread may have an event loop of its own."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="cratedig-migrated-")


@cache
def _sqlite(migrations: Path) -> str:
    name = f"{migrations.parent.name}.db"
    run_in_thread(migrate(f"sqlite+aiosqlite:///{Path(_folder().name) / name}", migrations))
    return name
