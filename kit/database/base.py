"""Column types that behave the same on SQLite and Postgres, and the errors of the database."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Integer
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from kit.unavailable import DependencyUnavailable


class DatabaseUnavailable(DependencyUnavailable):
    """The database is unreachable or too busy; a retry may succeed."""


class DatabaseClosed(DatabaseUnavailable):
    """The database was used after `Database.close`, by a task that should have ended before."""


class StatementTooSlow(DatabaseUnavailable):
    """A statement exceeded its timeout; a smaller query may be fast enough."""


class Utc(TypeDecorator[datetime]):
    """A time in UTC with its zone; a time without a zone is a `ValueError`."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert a value for the database."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored; use datetime.now(UTC)")
        return value.astimezone(UTC)

    def bind_processor(self, dialect: Dialect) -> Any:
        """Return a converter for values; on SQLite it writes the text of SQLAlchemy's own type."""
        if dialect.name != "sqlite":
            return super().bind_processor(dialect)

        def write(value: datetime | None) -> str | None:
            kept = self.process_bind_param(value, dialect)
            return kept.replace(tzinfo=None).isoformat(" ", "microseconds") if kept else None

        return write

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert a value from the database; SQLite returns it without a zone."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Json(TypeDecorator[Any]):
    """Any JSON value; `None` is stored as NULL."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Return the column type for the database."""
        impl = JSONB(none_as_null=True) if dialect.name == "postgresql" else self.impl
        return dialect.type_descriptor(impl)


class Serial(TypeDecorator[int]):
    """An autoincrementing key of 64 bits."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Return the column type for the database."""
        # SQLite autoincrements only a column declared INTEGER, which has 64 bits there.
        impl = Integer() if dialect.name == "sqlite" else BigInteger()
        return dialect.type_descriptor(impl)
