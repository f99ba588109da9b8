"""SQL of row-level security on Postgres: policies of tables, and what a service's role may do.

A policy compares the actor (`kit.database.actors`) with the owner of a row. The actor is read by a
subquery that depends on no row, so Postgres reads it once for a statement. Each policy is one
`CASE`: its branches are tried in their order, so the owner's own rows cost one comparison, and only
the rows of others reach the branch that looks for grants. Postgres estimates that a `CASE` holds
for half of the rows, whatever its branches are, so a policy moves the estimates of a statement
little; an `OR` of comparisons would let it expect next to no rows.

Policies have no index of their own: statements still name the owner, by which indexes find rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kit.database.actors import SERVICE, SETTING

ACTOR = f"(SELECT current_setting('{SETTING}', true))"
"""The actor, read once for a statement."""


@dataclass(frozen=True, slots=True)
class TablePolicy:
    """Who may read and write the rows of a table, as conditions in SQL."""

    table: str
    read: str
    insert: str
    update: str
    delete: str

    def statements(self) -> Iterator[str]:
        """Yield the statements that put the policy in force, also for the table's owner."""
        yield f"ALTER TABLE {self.table} ENABLE ROW LEVEL SECURITY"
        yield f"ALTER TABLE {self.table} FORCE ROW LEVEL SECURITY"
        if self.read == self.insert == self.update == self.delete:
            yield f"CREATE POLICY actor ON {self.table} USING ({self.read})"
            return
        yield f"CREATE POLICY reads ON {self.table} FOR SELECT USING ({self.read})"
        yield f"CREATE POLICY inserts ON {self.table} FOR INSERT WITH CHECK ({self.insert})"
        yield f"CREATE POLICY updates ON {self.table} FOR UPDATE USING ({self.update})"
        yield f"CREATE POLICY deletes ON {self.table} FOR DELETE USING ({self.delete})"


def owned(
    table: str,
    *,
    column: str = "owner",
    readers: str = "false",
    insert: str | None = None,
    update: str | None = None,
    delete: str | None = None,
) -> TablePolicy:
    """Return the policy of a table whose rows name their owner.

    Parameters
    ----------
    readers
        Which rows of others may be read.
    insert, update, delete
        Which rows of others may be written; by default none.
    """

    def condition(others: str | None) -> str:
        return owner_or(others or "false", column=column)

    return TablePolicy(
        table, condition(readers), condition(insert), condition(update), condition(delete)
    )


def owner_or(others: str, *, column: str = "owner") -> str:
    """Return the condition for own rows, all rows of the service, and some of others."""
    return f"CASE {ACTOR} WHEN {column} THEN true WHEN '{SERVICE}' THEN true ELSE {others} END"


def service_or(others: str) -> str:
    """Return the condition for all rows of the service, and some of others."""
    return f"CASE {ACTOR} WHEN '{SERVICE}' THEN true ELSE {others} END"


def part_of(table: str, parent: str, key: str) -> TablePolicy:
    """Return the policy of a table whose rows belong to those of another one.

    Whoever sees the row of `parent` may read and write what belongs to it.
    """
    sees = service_or(f"EXISTS (SELECT 1 FROM {parent} WHERE {parent}.id = {table}.{key})")  # noqa: S608
    return TablePolicy(table, sees, sees, sees, sees)


def function(name: str, arguments: str, returns: str, body: str, *, rows: int = 0) -> str:
    """Return the statement that creates a function for policies, which sees what the actor sees.

    A function is expanded while a statement runs, so policies may look into tables whose policies
    look back. Names in it are resolved now, so it works with any search path, such as that of
    pg_dump. It may run in parallel workers. Its cost is given as that of a comparison, since it
    is called for rows of others, of which a statement finds none or few.
    """
    count = f" ROWS {rows}" if rows else ""
    return (
        f"CREATE FUNCTION {name}({arguments}) RETURNS {returns} LANGUAGE sql"
        f" STABLE PARALLEL SAFE COST 1{count} BEGIN ATOMIC {body}; END"
    )


def function_as_service(name: str, returns: str, query: str) -> str:
    """Return the statement that creates a function which returns a query of the rows of everybody.

    Statements that call it run in no parallel workers, as it changes the actor meanwhile. A clause
    `SET` of the function would do the same, but only a superuser may create one.
    """
    return (
        f"CREATE FUNCTION {name}() RETURNS {returns} LANGUAGE plpgsql STABLE ROWS 10"
        f" AS $function$ DECLARE actor text := coalesce(current_setting('{SETTING}', true), '');"
        f" BEGIN PERFORM set_config('{SETTING}', '{SERVICE}', true); RETURN QUERY {query};"
        f" PERFORM set_config('{SETTING}', actor, true); END $function$"
    )


def grants(role: str, schemas: Sequence[str]) -> Iterator[str]:
    """Yield the statements by which a service's role may use the tables of another role.

    Parameters
    ----------
    role
        The role that the service connects as; the current role owns the tables.
    schemas
        Those that have tables.
    """
    name = quoted(role)
    for schema in schemas:
        yield f"GRANT USAGE ON SCHEMA {schema} TO {name}"
        for what, may in (
            ("TABLES", "SELECT, INSERT, UPDATE, DELETE"),
            ("SEQUENCES", "USAGE, SELECT, UPDATE"),
        ):
            yield f"GRANT {may} ON ALL {what} IN SCHEMA {schema} TO {name}"
            yield f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT {may} ON {what} TO {name}"


def quoted(name: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'
