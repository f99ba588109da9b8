"""`INSERT … ON CONFLICT`, which SQLAlchemy builds separately for each database."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite

from kit.database.engine import Database


def insert_into(database: Database, table: Any) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that has `on_conflict_do_nothing`, `on_conflict_do_update` and `excluded`.

    Parameters
    ----------
    table
        A mapped class or a `Table`; a `Table` inserts the values as they are, without a flush.
    """
    return sqlite.insert(table) if database.sqlite else postgresql.insert(table)
