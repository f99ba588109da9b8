"""Named locks and leader election by Postgres's advisory locks; SQLite needs none."""

import hashlib

from sqlalchemy import (
    BigInteger,
    Select,
    String,
    cast,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import BIT
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from kit.database.errors import unavailable

_LOCKS = "locks"
LOCK = text("SELECT pg_advisory_xact_lock(:key)")
TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(:key)")
TRY_LEAD = text("SELECT pg_try_advisory_lock(:key)")


def held_locks(session: AsyncSession) -> set[str]:
    """Return the names of the locks that a session's transaction holds."""
    held: set[str] = session.info.setdefault(_LOCKS, set())
    return held


def lock_query(names: Select[str]) -> Select[str, None]:
    """Return a query that locks each name that `names` selects, by the key of `lock_key`."""
    name = names.subquery().c[0]
    digest = func.sha256(func.convert_to(name, literal_column("'UTF8'")))
    begin = func.left(func.encode(digest, literal_column("'hex'")), literal_column("16"))
    key = cast(cast(literal_column("'x'", String).concat(begin), BIT(64)), BigInteger)
    return select(name, func.pg_advisory_xact_lock(key))


def lock_key(name: str) -> int:
    """Return the key of a named advisory lock: 64 bits of the name's SHA-256, signed."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


class Leadership:
    """A session-level advisory lock, held as long as its connection is open."""

    def __init__(self, connection: AsyncConnection | None) -> None:
        self._connection = connection

    async def confirm(self) -> None:
        """Check that the lock is still held. Raises `DatabaseUnavailable`."""
        if self._connection is not None:
            with unavailable():
                await self._connection.execute(text("SELECT 1"))
