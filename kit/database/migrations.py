"""Migrations: alembic, run by the service itself at its start."""

import re
from pathlib import Path

from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
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
    return list(compare_metadata(_context(connection, tables), tables))


def write(connection: Connection, folder: Path, tables: MetaData, *, message: str) -> Path | None:
    """Write the migration that takes an up-to-date database to the tables in code, if any."""
    script = produce_migrations(_context(connection, tables), tables)
    if script.upgrade_ops is None or script.upgrade_ops.is_empty():
        return None
    versions = folder / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    earlier = sorted(path.stem.partition("_")[0] for path in versions.glob("[0-9]*.py"))
    body = render_python_code(script.upgrade_ops, render_as_batch=True, migration_context=None)
    body = re.sub(r"(kit\.database\.base\.\w+)\([^)]*\)", r"\1()", body)
    body = body.replace("sqlmodel.sql.sqltypes.AutoString(", "sa.String(")
    body = re.sub(r"# ### .*\n\s*|\s*# ### .*", "", body)
    number = f"{len(earlier) + 1:04d}"
    path = versions / f"{number}_{re.sub('[^a-z0-9]+', '_', message.lower()).strip('_')}.py"
    before = repr(earlier[-1]) if earlier else None
    path.write_text(
        f'"""{message}."""\n\n'
        "import kit.database.base\nimport sqlalchemy as sa\n"
        "from alembic import op\n\n"
        f"revision = {number!r}\ndown_revision = {before}\n\n\n"
        "def upgrade() -> None:\n"
        '    """Bring the tables up to this revision."""\n'
        f"    {body}\n",
        encoding="utf-8",
    )
    return path


def _context(connection: Connection, tables: MetaData) -> MigrationContext:
    options = {"compare_type": True, "target_metadata": tables}
    return MigrationContext.configure(connection, opts=options)
