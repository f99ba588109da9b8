"""`python -m deploy.move`: move an embedded server's data to Postgres and an S3 store.

`CRATEDIG_DATA` names the data folder, whose server is stopped. Where to move is read from the
settings of the services: `GATEWAY_DATABASE_URL`, `LIBRARY_DATABASE_URL`, `KIT_OBJECTS_URL` and
`KIT_INTERNAL_SECRET`. Both databases must be empty, and no service may use them yet. The data
folder stays as it is. If the command is stopped it can run again: files that are in the store are
not sent again, and a database gets all rows or none.
"""

import argparse
import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from sqlalchemy import MetaData, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.music import Seconds
from contracts.uploads import UploadState
from deploy.move.files import copy_files
from deploy.move.rows import copy_rows, count_rows
from deploy.move.sounds import copy_vectors, copy_words, prepare_spaces
from embedded.folder import open_folder
from embedded.settings import EmbeddedSettings, compose
from gateway.app import MIGRATIONS as GATEWAY_MIGRATIONS
from gateway.settings import GatewaySettings
from gateway.tables import METADATA as GATEWAY
from gateway.tables import SigningKeyRow
from kit.auth.jwk import decrypt_pem, encrypt_pem
from kit.clock import SystemClock
from kit.database.actors import SERVICE
from kit.database.base import DatabaseUnavailable
from kit.database.engine import Database
from kit.objects.base import ObjectError
from kit.objects.factory import open_objects
from kit.objects.files import FileStore
from kit.process import StartRefused, prepare
from kit.settings import KitSettings, read
from kit.vectors.factory import open_vectors
from services.library.app import MIGRATIONS as LIBRARY_MIGRATIONS
from services.library.catalogue.tables import OPENING, UploadRow
from services.library.settings import LibrarySettings
from services.library.tables import METADATA as LIBRARY
from services.library.webhooks.webhooks import encrypt_secrets_again

STATEMENT_TIMEOUT: Seconds = 600.0
_LEFT_OUT = {
    # A store knows the parts of its own unfinished uploads only.
    "uploads": col(UploadRow.state).in_((OPENING, UploadState.OPEN)),
    "workers": true(),
}
"""By table, which rows of the library are not copied."""


def main() -> int:
    """Move everything; return the exit status."""
    argparse.ArgumentParser(
        prog="python -m deploy.move",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    prepare()
    try:
        settings = read(EmbeddedSettings)
        if not (settings.data / "library.db").is_file():
            raise StartRefused(
                f"{settings.data} is no data folder of a server; CRATEDIG_DATA names it"
            )
        with open_folder(settings.data):
            asyncio.run(move(settings))
    except (StartRefused, DatabaseUnavailable, ObjectError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


async def move(settings: EmbeddedSettings) -> None:
    """Copy files, then the library's database, then the gateway's.

    Raises
    ------
    StartRefused
        A setting is invalid, or a database is not empty.
    DatabaseUnavailable, ObjectError
        A server cannot be used; run it again.
    """
    target = read(KitSettings)
    old_kit, _ = compose(settings)
    data = settings.data.resolve()
    addresses = {
        "LIBRARY_DATABASE_URL": read(LibrarySettings).owner_url,
        "GATEWAY_DATABASE_URL": read(GatewaySettings).database_url.get_secret_value(),
    }
    for name, address in addresses.items():
        if not address.startswith("postgresql+asyncpg://"):
            raise StartRefused(f"{name} must be the address of an empty database on Postgres")
    if not target.objects_url.get_secret_value().startswith("s3+"):
        raise StartRefused("KIT_OBJECTS_URL must be the address of an S3 store")
    secret = target.internal_secret.get_secret_value()
    if len(secret) < 32:
        raise StartRefused("KIT_INTERNAL_SECRET must have 32 characters or more")
    async with AsyncExitStack() as stack:
        old_library, old_gateway, new_library, new_gateway = [
            await _open(stack, address, migrations)
            for address, migrations in (
                (f"sqlite+aiosqlite:///{data}/library.db", LIBRARY_MIGRATIONS),
                (f"sqlite+aiosqlite:///{data}/gateway.db", GATEWAY_MIGRATIONS),
                (addresses["LIBRARY_DATABASE_URL"], LIBRARY_MIGRATIONS),
                (addresses["GATEWAY_DATABASE_URL"], GATEWAY_MIGRATIONS),
            )
        ]
        await _refuse_unless_empty(new_library, new_gateway)
        source, store = open_objects(old_kit), open_objects(target)
        assert isinstance(source, FileStore)
        stack.push_async_callback(source.close)
        stack.push_async_callback(store.close)
        count, size = await copy_files(source, store, on_progress=_show)
        print(f"\r{count:,} files, {size / 1e9:.2f} GB, are in the store")
        vectors = data / "library-vectors"
        old_secret = old_kit.internal_secret.get_secret_value()
        await _move_library(old_library, new_library, vectors, (old_secret, secret))
        async with new_gateway.transaction() as session:
            await copy_rows(old_gateway, session, GATEWAY, left_out={})
            await _encrypt_again(session, old_secret, secret)
        await _check(old_library, new_library, LIBRARY)
        await _check(old_gateway, new_gateway, GATEWAY)
    print(f"Moved. Start the services; {settings.data} stays as it is and is not needed any more.")


async def _open(stack: AsyncExitStack, address: str, migrations: Path) -> Database:
    database = Database(
        address, clock=SystemClock(), statement_timeout=STATEMENT_TIMEOUT, actor=SERVICE
    )
    stack.push_async_callback(database.close)
    await database.migrate(migrations)
    return database


async def _refuse_unless_empty(library: Database, gateway: Database) -> None:
    items = await count_rows(library, [LIBRARY.tables["items"]])
    accounts = await count_rows(gateway, [GATEWAY.tables["accounts"]])
    if accounts["accounts"]:
        raise StartRefused(
            "the gateway's new database has accounts: this server was moved before, or the "
            "database belongs to another server. Give an empty one."
        )
    if items["items"]:
        raise StartRefused(
            "the library's new database has items: an earlier move was stopped, or the database "
            "belongs to another server. Drop and create both databases, and run this again."
        )


async def _move_library(
    old: Database, new: Database, vectors: Path, secrets: tuple[str, str]
) -> None:
    """Copy the library's rows, vectors and full-text index in one transaction.

    What the first of the servers' `secrets` encrypted is encrypted with the second.
    """
    stored = await open_vectors(old, vectors)
    target = await open_vectors(new, vectors)
    try:
        await prepare_spaces(stored, target)
        async with new.transaction() as session:
            await copy_rows(old, session, LIBRARY, left_out=_LEFT_OUT)
            await copy_vectors(old, stored, session, target)
            await copy_words(old, session)
            await encrypt_secrets_again(session, *secrets)
    finally:
        await target.close()
        await stored.close()


async def _encrypt_again(session: AsyncSession, old: str, new: str) -> None:
    """Encrypt the signing keys with the new secret, so that everybody stays signed in."""
    for key in await session.scalars(select(SigningKeyRow)):
        key.pem = encrypt_pem(decrypt_pem(key.pem, old), new)


async def _check(old: Database, new: Database, metadata: MetaData) -> None:
    tables = [table for table in metadata.sorted_tables if table.name not in _LEFT_OUT]
    expected, copied = await count_rows(old, tables), await count_rows(new, tables)
    different = sorted(name for name in expected if expected[name] != copied[name])
    if different:
        raise StartRefused(
            f"the new database lacks rows of {', '.join(different)}. Drop and create both "
            "databases, run this again, and report it if it happens again."
        )
    print(f"{sum(copied.values()):,} rows of {len(tables)} tables are copied")


def _show(count: int, size: int) -> None:
    if sys.stdout.isatty():
        print(f"\r{count:,} files, {size / 1e9:.2f} GB …", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
