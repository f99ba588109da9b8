"""Prepare the library's database: its tables, and what its role may do with them."""

import logging
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession

from kit.database.engine import Database
from kit.database.roles import grants, quoted
from kit.platform import ServicePlatform
from kit.process import StartRefused
from kit.vectors.factory import prepare_vectors

log = logging.getLogger(__name__)


async def migrate_as_owner(
    platform: ServicePlatform, migrations: Path, *, owner_url: str, url: str
) -> None:
    """Bring the tables up to date as the role that owns them, and grant the library's role rows.

    Parameters
    ----------
    owner_url
        The address with the role that owns the tables.
    url
        The address with the role that the library connects as.

    Raises
    ------
    StartRefused
        The addresses are those of different databases, or of one role.
    """
    owner, role = make_url(owner_url), make_url(url).username
    if owner.database != make_url(url).database:
        raise StartRefused("LIBRARY_MIGRATION_URL names another database than LIBRARY_DATABASE_URL")
    if role is None or role == owner.username:
        raise StartRefused(
            "LIBRARY_MIGRATION_URL names the role of LIBRARY_DATABASE_URL: use one role that owns "
            "the tables and one that does not, or leave LIBRARY_MIGRATION_URL out"
        )
    database = platform.database(owner_url, pool=1)
    try:
        await prepare(database, migrations, role)
    finally:
        await database.close()


async def warn_if_unprotected(database: Database) -> None:
    """Log a warning if row-level security does not apply to the role of a Postgres database."""
    query = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    async with database.session() as session:
        if not database.sqlite and await session.scalar(text(query)):
            log.warning(
                "the role of LIBRARY_DATABASE_URL is not subject to row-level security: use one "
                "that is no superuser, see docs/operating.md"
            )


async def prepare(database: Database, migrations: Path, role: str) -> None:
    """Create the tables as their owner, and grant `role` what the library does with them."""
    await database.migrate(migrations)
    schemas = await prepare_vectors(database)
    async with database.transaction() as session:
        await database.lock(session, "migrations")
        for statement in grants(role, ("public", *schemas)):
            await session.execute(text(statement))
        for schema in schemas:
            # A space of vectors gets its table when the first vector of it comes.
            await session.execute(text(f"GRANT CREATE ON SCHEMA {schema} TO {quoted(role)}"))
            await _hand_over(session, schema, role)


async def _hand_over(session: AsyncSession, schema: str, role: str) -> None:
    """Let a role own the tables of vectors, which it drops when a network has a new version."""
    query = text("SELECT tablename FROM pg_tables WHERE schemaname = :schema AND tableowner = user")
    for name in (await session.scalars(query, {"schema": schema})).all():
        owner = quoted(role)
        await session.execute(text(f"ALTER TABLE {schema}.{quoted(name)} OWNER TO {owner}"))
