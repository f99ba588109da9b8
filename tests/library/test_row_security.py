"""Row-level security on Postgres: what is left out of the code leaks nothing (S8)."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import event, make_url, text
from sqlalchemy.exc import ProgrammingError

from deploy.servers.postgres import LIBRARY
from kit.clock import SystemClock
from kit.database.actors import NOBODY, SERVICE, acting_as
from kit.database.engine import Database
from services.library.actors import link_actor
from services.library.collections.sharing import digest
from services.library.tables import METADATA
from tests.library.catalogue import Catalogue, User, open_catalogue
from tests.library.test_access import everything
from tests.support.postgres import url_as

LEFT_OUT = {"search_tags"}
"""Tables of owned rows without a policy, with `search_index` and the vectors; see decision 41."""
LISTS = (
    *("/items", "/hidden", "/jobs", "/runs", "/pipelines", "/collections", "/tags"),
    *("/taught-tags", "/saved-searches", "/maps", "/webhooks", "/imports", "/duplicates"),
    *("/search", "/feed?after=start", "/recommendations", "/tray", "/usage"),
    *("/shared", "/recommendations/dismissed"),
)
_OWNER = re.compile(r"\b(?:\w+\.)?owner(?: \|\| (\$\d+)(?:::VARCHAR)?)? = (\$\d+)(?:::VARCHAR)?")


@pytest.fixture
async def opened(library_postgres_url: str, tmp_path: Path) -> AsyncIterator[Catalogue]:
    async with open_catalogue(library_postgres_url, tmp_path) as catalogue:
        yield catalogue


@contextmanager
def without_owners(database: Database) -> Iterator[list[str]]:
    """Take every comparison of an owner out of the statements of a database; collect those."""
    changed: list[str] = []

    def strip(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> tuple[str, Any]:
        def compared(match: re.Match[str]) -> str:
            used = (f"{number}::VARCHAR IS NOT NULL" for number in match.groups() if number)
            return "(" + " AND ".join(used) + ")"

        mutant = statement
        if not statement.lstrip().startswith("INSERT"):
            mutant = _OWNER.sub(compared, statement)
        if mutant != statement:
            changed.append(statement)
        return mutant, parameters

    engines = (database._reader.sync_engine, database._writer.sync_engine)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", strip, retval=True)
    try:
        yield changed
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", strip)


async def seen(user: User) -> str:
    """Return all that the lists show to a user."""
    answers = [await user.http.get(f"/v1{path}") for path in LISTS]
    # Without the owner some statements find more rows than there can be, or an item of somebody
    # else who may read it, which is an error and shows nothing.
    assert sum(answer.is_success for answer in answers) >= len(LISTS) - 3, answers
    return "\n".join(answer.text for answer in answers)


@pytest.mark.parametrize("policies", [True, False], ids=["policies", "no policies"])
async def test_lists_leak_nothing_if_no_query_names_the_owner(
    library_postgres_url: str, tmp_path: Path, policies: bool
) -> None:
    url = library_postgres_url if policies else url_as(library_postgres_url, "postgres")
    async with open_catalogue(url, tmp_path) as catalogue:
        owner, ids = await everything(catalogue)
        other = catalogue.user()
        await other.track(b"another song" * 500)
        with without_owners(catalogue.database) as changed:
            shown = await seen(other)
        secret = {owner, *(id_ for id_ in ids.values() if len(id_) == 36)}
        leaked = {id_ for id_ in secret if id_ in shown}
    assert len(changed) >= len(LISTS) / 2
    if policies:
        assert not leaked
    else:
        # The same lists do leak without policies, so this test would notice.
        assert owner in leaked or len(leaked) >= 3


async def test_every_table_of_owned_rows_has_a_policy(opened: Catalogue) -> None:
    tables = {table.name for table in METADATA.sorted_tables if "owner" in table.columns}
    for table in METADATA.sorted_tables:
        if any(key.column.table.name in tables for key in table.foreign_keys):
            tables.add(table.name)
    query = text(
        "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
        " AND relnamespace = 'public'::regnamespace"
    )
    async with opened.database.session() as session:
        assert set(await session.scalars(query)) == tables - LEFT_OUT


async def test_the_role_of_the_library_owns_no_table_and_passes_no_policy(
    opened: Catalogue,
) -> None:
    async with opened.database.session() as session:
        assert await session.scalar(text("SELECT current_user")) == LIBRARY
        role = "SELECT rolsuper OR rolbypassrls OR rolcreaterole FROM pg_roles WHERE rolname = user"
        assert await session.scalar(text(role)) is False
        tables = text(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tableowner = user"
        )
        assert not (await session.scalars(tables)).all()
    with pytest.raises(ProgrammingError):
        async with opened.database.transaction() as session:
            await session.execute(text("ALTER TABLE items DISABLE ROW LEVEL SECURITY"))


async def test_nothing_is_visible_without_an_actor_and_only_own_rows_with_one(
    opened: Catalogue, library_postgres_url: str
) -> None:
    owner, _ = await everything(opened)
    other, _ = await everything(opened)
    async with role(library_postgres_url) as connection:
        for table in sorted(await policed(connection)):
            assert await count(connection, table) == 0, table
        await act(connection, SERVICE)
        everybodys = {t: await count(connection, t) for t in await policed(connection)}
        own = {}
        for actor in (owner, other):
            await act(connection, actor)
            own[actor] = {t: await count(connection, t) for t in everybodys}
            for table in everybodys:
                if "owner" in METADATA.tables[table].columns:
                    query = f"SELECT count(*) FROM {table} WHERE owner IS DISTINCT FROM $1"
                    assert await connection.fetchval(query, actor) == 0, table
            assert own[actor]["items"] > 0
            assert own[actor]["collection_items"] > 0
        for table, total in everybodys.items():
            if table != "events":  # Commands for workers belong to nobody.
                assert own[owner][table] + own[other][table] == total, table
        await act(connection, NOBODY)
        assert await count(connection, "items") == 0


async def test_rows_of_others_cannot_be_written(
    opened: Catalogue, library_postgres_url: str
) -> None:
    owner, _ = await everything(opened)
    other, ids = await everything(opened)
    async with role(library_postgres_url) as connection:
        await act(connection, owner)
        assert await connection.execute("UPDATE items SET name = 'x' WHERE owner = $1", other) == (
            "UPDATE 0"
        )
        assert await connection.execute("DELETE FROM jobs WHERE owner = $1", other) == "DELETE 0"
        for statement, values in (
            ("UPDATE items SET owner = $1 WHERE owner = $2", (other, owner)),
            (
                "INSERT INTO collections (id, owner, kind, name, note, created, updated)"
                " VALUES ('x', $1, 'collection', 'x', '', now(), now())",
                (other,),
            ),
            (
                "INSERT INTO collection_shares (collection, account, role, created)"
                " VALUES ($1, $2, 'editor', now())",
                (ids["collection"], owner),
            ),
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement, *values)


@pytest.mark.parametrize("shared", ["viewer", "editor", "expired", "link"])
async def test_a_grant_lets_read_and_only_an_editor_arrange(
    opened: Catalogue, library_postgres_url: str, shared: str
) -> None:
    owner = opened.user()
    item = await owner.track(b"a song" * 500)
    kept = await owner.track(b"not shared" * 500)
    collection = (await owner.post("/collections", {"name": "mine"}))["id"]
    await owner.post(f"/collections/{collection}/items", {"items": [item]})
    actor = opened.user().owner
    if shared == "link":
        link = await owner.post(f"/collections/{collection}/links", {"access": "listen"})
        actor = link_actor(digest(link["secret"]))
    else:
        share = f"/v1/collections/{collection}/shares/{actor}"
        granted = "editor" if shared == "editor" else "viewer"
        assert (await owner.http.put(share, json={"role": granted})).is_success
    async with role(library_postgres_url) as connection:
        await act(connection, SERVICE)
        for id_ in (item, kept):
            await connection.execute("INSERT INTO waveforms VALUES ($1, $2)", id_, b"\0")
        if shared == "expired":
            await connection.execute("UPDATE collection_shares SET expires = now()")
        await act(connection, actor)
        readable = [] if shared == "expired" else [item]
        assert await column(connection, "SELECT id FROM items") == readable
        assert await column(connection, "SELECT item FROM waveforms") == readable
        assert await column(connection, "SELECT item FROM collection_items") == readable
        assert set(await column(connection, "SELECT item FROM artifacts")) == set(readable)
        assert await column(connection, "SELECT id FROM items WHERE id = $1", kept) == []
        assert await connection.execute("UPDATE items SET name = 'x'") == "UPDATE 0"
        assert await connection.execute("DELETE FROM items") == "DELETE 0"
        arranged = await connection.execute("UPDATE collection_items SET position = 7")
        assert arranged == ("UPDATE 1" if shared == "editor" else "UPDATE 0")
        assert await connection.execute("DELETE FROM collections") == "DELETE 0"


async def test_a_statement_runs_as_the_actor_of_its_context(opened: Catalogue) -> None:
    setting = text("SELECT current_setting('cratedig.actor', true)")
    for actor in ("one", "other", SERVICE, NOBODY, "one"):
        with acting_as(actor):
            async with opened.database.session() as session:
                assert await session.scalar(setting) == actor
            async with opened.database.transaction() as session:
                assert await session.scalar(setting) == actor
                with acting_as("inside"):
                    assert await session.scalar(setting) == "inside"
                assert await session.scalar(setting) == actor
    with pytest.raises(ValueError, match="an actor"), acting_as("x'; SELECT 1"):
        pass


async def test_an_actor_that_was_perhaps_set_is_set_again(library_postgres_url: str) -> None:
    def fail(_: Any, __: Any, statement: str, *___: Any) -> None:
        if "set_config" in statement:
            raise RuntimeError("cancelled once the server has done it")

    setting = text("SELECT current_setting('cratedig.actor', true)")
    database = Database(library_postgres_url, clock=SystemClock(), pool=1)
    engine = database._reader.sync_engine
    try:
        with acting_as("one"):
            async with database.session() as session:
                assert await session.scalar(setting) == "one"
        event.listen(engine, "after_cursor_execute", fail)
        with pytest.raises(RuntimeError), acting_as("other"):
            async with database.session() as session:
                await session.scalar(setting)
        event.remove(engine, "after_cursor_execute", fail)
        with acting_as("one"):
            async with database.session() as session:
                assert await session.scalar(setting) == "one"
    finally:
        await database.close()


@asynccontextmanager
async def role(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Connect as the library's role, without any of the library's code."""
    address = make_url(url).set(drivername="postgresql")
    connection = await asyncpg.connect(address.render_as_string(hide_password=False))
    try:
        yield connection
    finally:
        await connection.close()


async def act(connection: asyncpg.Connection, actor: str) -> None:
    await connection.execute("SELECT set_config('cratedig.actor', $1, false)", actor)


async def count(connection: asyncpg.Connection, table: str) -> int:
    return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))


async def column(connection: asyncpg.Connection, query: str, *values: Any) -> list[str]:
    return [row[0] for row in await connection.fetch(query, *values)]


async def policed(connection: asyncpg.Connection) -> set[str]:
    query = "SELECT relname FROM pg_class WHERE relrowsecurity"
    return {row[0] for row in await connection.fetch(query)}
