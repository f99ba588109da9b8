"""What tables are made of: column types that mean the same on SQLite and on Postgres."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Integer
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from kit.unavailable import DependencyUnavailable


class DatabaseUnavailable(DependencyUnavailable):
    """The database cannot be reached or is too busy now; the same may work later."""


class DatabaseClosed(DatabaseUnavailable):
    """The database was used after `Database.close`, by a task that should have ended before."""


class StatementTooSlow(DatabaseUnavailable):
    """A statement was stopped at its deadline; a smaller query may be fast enough."""


class Utc(TypeDecorator[datetime]):
    """A time with its zone, always UTC; compared by the database as time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the value as the database keeps it."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored; use datetime.now(UTC)")
        return value.astimezone(UTC)

    def bind_processor(self, dialect: Dialect) -> Any:
        """Return what writes a value; SQLite gets the text that its own type would write."""
        if dialect.name != "sqlite":
            return super().bind_processor(dialect)

        def write(value: datetime | None) -> str | None:
            kept = self.process_bind_param(value, dialect)
            return kept.replace(tzinfo=None).isoformat(" ", "microseconds") if kept else None

        return write

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the value as Python sees it."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Json(TypeDecorator[Any]):
    """Any JSON value; `None` is SQL's NULL."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Return the type that the database keeps it in."""
        impl = JSONB(none_as_null=True) if dialect.name == "postgresql" else self.impl
        return dialect.type_descriptor(impl)


class Serial(TypeDecorator[int]):
    """A number that grows by itself: 64 bits on both databases."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Return the type that the database keeps it in."""
        # SQLite counts up only in a column that is declared INTEGER, which has 64 bits there.
        impl = Integer() if dialect.name == "sqlite" else BigInteger()
        return dialect.type_descriptor(impl)
