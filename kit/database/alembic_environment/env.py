"""Alembic's environment: run migrations on the connection that the caller shares.

`kit.database.migrations` passes the connection, and the tables for autogenerate, in
`Config.attributes`. Its transaction holds the whole run: a failed migration leaves nothing.
"""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel import AutoString

from kit.database.base import Json, Serial, Utc
from kit.database.migrations import is_mapped


def render_item(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Render a column type as code; False leaves it to Alembic."""
    if kind == "type" and isinstance(item, Json | Serial | Utc):
        name = type(item).__name__
        autogen.imports.add(f"from kit.database.base import {name}")
        return f"{name}()"
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.{item.impl!r}"
    return False


tables = context.config.attributes.get("tables")
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables,
    include_name=None if tables is None else is_mapped(tables),
    compare_type=True,
    render_as_batch=True,
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
