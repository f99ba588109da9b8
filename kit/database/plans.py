"""How queries are planned where the database would choose badly."""

from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Mapped


def unindexed(column: Mapped[Any]) -> ColumnElement[Any]:
    """Return an expression that equals a text column, and that no index serves.

    A query of an owner's rows by a few hundred keys compares the owner so: SQLite takes ten rows
    for what an index of owners finds, whatever their number, and would read all of them rather than
    look up the keys.
    """
    return column.concat("")
