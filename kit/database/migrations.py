"""Migrations: alembic, run by the service itself at its start."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData


def upgrade(connection: Connection, folder: Path) -> None:
    """Run every migration of `folder/versions` that this database has not seen."""
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)

    def steps(revision: object, context: MigrationContext) -> list[object]:
        return list(script._upgrade_revs("head", revision))  # type: ignore[arg-type]

    with EnvironmentContext(config, script, fn=steps) as environment:
        # The caller's transaction holds all of it: a failed migration leaves nothing behind.
        environment.configure(connection=connection, transactional_ddl=True)
        environment.run_migrations()


def differences(connection: Connection, tables: MetaData) -> list[object]:
    """Return how a database differs from the tables in code; nothing when it is up to date."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, tables))
