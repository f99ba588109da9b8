"""Migrations with Alembic, run by each service at its start.

A service has only a folder of `versions`. The environment and the template are the same for all
services and are in `alembic_environment`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import MigrationScript
from alembic.script import Script
from sqlalchemy import Connection, MetaData

_ENVIRONMENT = Path(__file__).with_name("alembic_environment")


def upgrade(connection: Connection, folder: Path) -> None:
    """Run the migrations of `folder/versions` that were not yet applied to this database."""
    command.upgrade(_config(connection, folder), "head")


def differences(connection: Connection, tables: MetaData) -> list[object]:
    """Return the differences between a database and the tables in code; empty if there are none."""
    options = {
        "compare_type": True,
        "target_metadata": tables,
        "include_name": is_mapped(tables),
    }
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), tables))


def is_mapped(tables: MetaData) -> Callable[[str | None, str, Any], bool]:
    """Return the filter that leaves out tables which only migrations know.

    Their names are listed in `tables.info["unmapped"]`; the tables in which SQLite keeps a virtual
    table have its name and a suffix.
    """
    names = tuple(tables.info.get("unmapped", ()))

    def include_name(name: str | None, kind: str, _: Any) -> bool:
        return kind != "table" or name is None or not name.startswith(names)

    return include_name


def write(connection: Connection, folder: Path, tables: MetaData, *, message: str) -> Path | None:
    """Write a migration from the current schema to the tables in code; `None` if they are equal."""
    versions = folder / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    number = len(list(versions.glob("[0-9]*.py"))) + 1
    script = command.revision(
        _config(connection, folder, tables=tables),
        message,
        autogenerate=True,
        rev_id=f"{number:04d}",
        process_revision_directives=_leave_out_empty,
    )
    return Path(script.path) if isinstance(script, Script) else None


def _config(connection: Connection, folder: Path, **attributes: object) -> Config:
    config = Config(attributes={"connection": connection, **attributes})
    options = {
        "script_location": str(_ENVIRONMENT),
        "version_locations": str(folder / "versions"),
        # Paths may contain spaces and colons, the other separators.
        "path_separator": "newline",
        "file_template": "%(rev)s_%(slug)s",
    }
    for name, value in options.items():
        config.set_main_option(name, value.replace("%", "%%"))
    return config


def _leave_out_empty(_: object, __: object, directives: list[MigrationScript]) -> None:
    """Write no migration if the tables have not changed."""
    operations: Any = directives[0].upgrade_ops
    if operations.is_empty():
        directives.clear()
