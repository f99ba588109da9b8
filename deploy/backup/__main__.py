"""`python -m deploy.backup save FOLDER` and `restore FOLDER`: databases and objects of a server.

The settings are those of its services: `KIT_OBJECTS_URL`, `LIBRARY_DATABASE_URL` and
`GATEWAY_DATABASE_URL`, and `LIBRARY_MIGRATION_URL` where the services have it. With `--data DATA`
it is an embedded server, which must not run meanwhile.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.backup.databases import Postgres
from deploy.backup.embedded import restore_embedded, save_embedded
from deploy.backup.files import BackupError, read_manifest, write_manifest
from deploy.backup.objects import restore_objects, save_objects
from gateway.settings import GatewaySettings
from kit.objects.base import ObjectError, ObjectStore
from kit.objects.factory import open_objects
from kit.process import StartRefused
from kit.settings import KitSettings, read
from services.library.settings import LibrarySettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.backup", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("save", "write a backup; into an older one only what changed is copied"),
        ("restore", "fill empty databases and an empty store"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("folder", type=Path)
        command.add_argument("--data", type=Path, help="data folder of an embedded server")
    options = parser.parse_args(arguments)
    try:
        if options.data is not None:
            act = save_embedded if options.command == "save" else restore_embedded
            print(act(options.data, options.folder))
        else:
            if options.command == "save":
                options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            act_on_servers = save if options.command == "save" else restore
            print(asyncio.run(act_on_servers(options.folder)))
    except (BackupError, ObjectError, StartRefused, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


async def save(folder: Path) -> str:
    """Write a backup of running or stopped servers to a folder; return what it holds.

    Objects are copied before the databases are dumped and once more after it: what a dump refers to
    was in the store before it or has come since. Raises `BackupError` and `ObjectError`.
    """
    store, databases = _opened()
    try:
        index = await save_objects(store, folder, {})
        for database in databases:
            await asyncio.to_thread(database.save, folder)
        index = await save_objects(store, folder, index)
    finally:
        await store.close()
    write_manifest(folder, index)
    return f"saved {len(databases)} databases and {len(index)} objects to {folder}"


async def restore(folder: Path) -> str:
    """Fill empty databases and an empty store from a backup; return what was restored.

    Raises `BackupError` and `ObjectError`.
    """
    index = read_manifest(folder)
    store, databases = _opened()
    try:
        for database in databases:
            await asyncio.to_thread(database.check_empty)
        await store.ensure()
        # The objects first: as long as the databases are empty, a restore can be repeated.
        await restore_objects(store, folder, index)
        for database in databases:
            await asyncio.to_thread(database.restore, folder)
    finally:
        await store.close()
    return f"restored {len(databases)} databases and {len(index)} objects from {folder}"


def _opened() -> tuple[ObjectStore, tuple[Postgres, Postgres]]:
    try:
        store = open_objects(read(KitSettings))
    except ValueError as error:
        raise BackupError(str(error)) from error
    # The library first: an account without items does no harm, items without an account do.
    library, gateway = read(LibrarySettings), read(GatewaySettings)
    return store, (
        Postgres("library", library.owner_url),
        Postgres("gateway", gateway.database_url.get_secret_value()),
    )


if __name__ == "__main__":
    sys.exit(main())
