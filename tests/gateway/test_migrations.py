"""The gateway's migrations lead to its tables, and sessions go on through them."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from gateway.app import MIGRATIONS
from gateway.tables import METADATA
from kit.clock import SystemClock
from kit.database.engine import Database
from kit.database.migrations import differences


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/gateway.db"
    return str(request.getfixturevalue("postgres_url"))


async def test_sessions_go_on_through_the_migration(url: str, tmp_path: Path) -> None:
    first = tmp_path / "first"
    (first / "versions").mkdir(parents=True)
    name = "versions/0001_accounts.py"
    (first / name).write_bytes((MIGRATIONS / name).read_bytes())
    database = Database(url, clock=SystemClock())
    await database.migrate(first)
    await database.run_sync(_fill)
    await database.migrate(MIGRATIONS)
    assert await database.run_sync(lambda connection: differences(connection, METADATA)) == []

    def found(connection: Connection) -> list[tuple[object, ...]]:
        query = text(
            "SELECT r.sha256, s.id, s.account, s.revoked_at IS NULL FROM refresh_tokens r"
            " JOIN sessions s ON s.id = r.session ORDER BY r.sha256"
        )
        return [tuple(row) for row in connection.execute(query)]

    assert await database.run_sync(found) == [
        ("a1", "a", "ada", True),
        ("a2", "a", "ada", True),
        ("b1", "b", "ada", False),
    ]
    await database.close()


def _fill(connection: Connection) -> None:
    at = "'2026-01-01 00:00:00+00:00'"
    connection.execute(
        text(
            "INSERT INTO accounts (id, email, name, password, admin, created)"
            f" VALUES ('ada', 'a@example.org', '', '', false, {at})"
        )
    )
    for sha256, family, revoked in (("a1", "a", False), ("a2", "a", False), ("b1", "b", True)):
        connection.execute(
            text(
                "INSERT INTO refresh_tokens (sha256, family, account, revoked, created, expires)"
                f" VALUES (:sha256, :family, 'ada', :revoked, {at}, {at})"
            ),
            {"sha256": sha256, "family": family, "revoked": revoked},
        )
