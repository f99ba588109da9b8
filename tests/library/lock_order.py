"""The order in which transactions on Postgres take locks, checked while tests run."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, event

from kit.database.locks import lock_key

ORDER = ("claims", "owner", "jobs", "runs", "items")
"""`claims` is the turn of whoever hands out jobs; for the rest see its `jobs.locks`."""
ROWS = frozenset({"jobs", "runs", "items"})
FILLING = "filling"
"""In a connection's `info` while a test fills tables that nobody else writes to."""
_HOLDS = re.compile(r"\bFOR (?:NO KEY )?UPDATE(?: OF (\w+))?", re.DOTALL)
_FROM = re.compile(r"\bFROM (\w+)")
_WRITES = re.compile(r"\s*(UPDATE|DELETE FROM|INSERT INTO) (\w+)")
_ALTERS = re.compile(r"\s*ALTER TABLE (\w+)")
_ADVISORY = "pg_advisory_xact_lock"


def without_lock_checks(fill: Callable[[Connection], None]) -> Callable[[Connection], None]:
    """Let a function fill tables by hand, without the locks that the library would take."""

    def filling(connection: Connection) -> None:
        connection.info[FILLING] = True
        try:
            fill(connection)
        finally:
            del connection.info[FILLING]

    return filling


@contextmanager
def checked_lock_order() -> Iterator[list[str]]:
    """Yield a list that collects every violation of the lock order."""
    wrong: list[str] = []
    transactions: WeakKeyDictionary[Connection, list[str]] = WeakKeyDictionary()
    altered: WeakKeyDictionary[Connection, set[str]] = WeakKeyDictionary()

    def executed(
        connection: Connection, _: Any, statement: str, parameters: Any, *more: Any
    ) -> None:
        if connection.dialect.name != "postgresql" or FILLING in connection.info:
            return
        if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            # Each statement is a transaction of its own.
            return
        whole = altered.setdefault(connection, set())
        if alters := _ALTERS.match(statement):
            whole.add(alters[1])
            return
        taken = transactions.setdefault(connection, [])
        lock, is_new = _lock_in(statement, parameters)
        if lock is None or lock in whole:
            # ALTER TABLE locks the whole table and waits for none of its rows.
            return
        if is_new:
            # Nobody waits for a new row, but its insert may wait for the rows it refers to.
            if lock in ("jobs", "runs") and "owner" not in taken:
                wrong.append(f"a row of {lock} is made without the owner's lock")
            taken.append(lock)
        elif lock not in taken:
            if fault := _fault(taken, lock):
                wrong.append(f"{fault}: {' '.join(statement.split())[:200]}")
            taken.append(lock)

    def ended(connection: Connection) -> None:
        transactions.pop(connection, None)
        altered.pop(connection, None)

    listeners = (("before_cursor_execute", executed), ("commit", ended), ("rollback", ended))
    for name, listener in listeners:
        event.listen(Engine, name, listener)
    try:
        yield wrong
    finally:
        for name, listener in listeners:
            event.remove(Engine, name, listener)


def _lock_in(statement: str, parameters: Any) -> tuple[str | None, bool]:
    """Return the ordered lock that a statement takes, and whether its row is new."""
    is_new = False
    if _ADVISORY in statement:
        (key,) = parameters
        lock = {lock_key("claims"): "claims", lock_key("migrations"): ""}.get(key, "owner")
    elif not statement.startswith("CREATE") and (held := _HOLDS.search(statement)):
        lock = held[1] or _FROM.findall(statement)[0]
    elif written := _WRITES.match(statement):
        lock, is_new = written[2], written[1] == "INSERT INTO"
    else:
        return None, False
    return (lock if lock in ORDER else None), is_new


def _fault(taken: list[str], lock: str) -> str | None:
    """Return what is wrong with taking a lock after others."""
    later = [held for held in taken if ORDER.index(held) > ORDER.index(lock)]
    if later:
        return f"{lock} after {', '.join(later)}"
    if lock in ROWS and ROWS.intersection(taken) and "owner" not in taken:
        return f"{lock} beside {', '.join(taken)} without the owner's lock"
    return None
