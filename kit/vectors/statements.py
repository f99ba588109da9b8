"""SQL of the pgvector store. Only numbers are written into it; all else is bound."""
# ruff: noqa: S608

from kit.vectors.base import Space

_BUILD = "m = 16, ef_construction = 128"
_MAX_COVERED = 1200
"""Components of a vector that still fits into an entry of a B-tree, of at most 2704 bytes."""
_OWNED = "owner = CAST(:owner AS uuid)"
_IDS = "SELECT CAST(id AS uuid) FROM unnest(string_to_array(:ids, ',')) AS named (id)"
"""The ids of a list with commas: one text is read faster than an array of UUIDs is sent."""
# A subquery inside CASE is hashed once and stays a filter: a join would lose the order.
_ALLOWED = f"AND CASE WHEN id IN ({_IDS}) THEN true ELSE false END"

PGVECTOR = (
    "SELECT default_version, installed_version FROM pg_available_extensions WHERE name = 'vector'"
)
SET_LOCAL = (
    "SELECT set_config(name, setting, true) "
    "FROM unnest(CAST(:names AS text[]), CAST(:settings AS text[])) AS settings (name, setting)"
)


def table(number: int) -> str:
    """Return the name of the table of the space with this number."""
    return f"vectors.space_{int(number)}"


def create(number: int, space: Space) -> tuple[str, ...]:
    """Return the statements that create a space's table."""
    # Looking up ids then reads the index alone, not a page of the table for each of them.
    covered = "INCLUDE (vector)" if space.dimension <= _MAX_COVERED else ""
    return (
        f"CREATE TABLE {table(number)} ({_columns(space)}, PRIMARY KEY (owner, id) {covered})",
        # Without it, Postgres would move long vectors out of their rows and compress them.
        f"ALTER TABLE {table(number)} ALTER COLUMN vector SET STORAGE PLAIN",
        create_index(number),
    )


def create_index(number: int) -> str:
    """Return the statement that builds a space's index from its rows."""
    return (
        f"CREATE INDEX space_{int(number)}_hnsw ON {table(number)} "
        f"USING hnsw (vector halfvec_cosine_ops) WITH ({_BUILD})"
    )


def drop_index(number: int) -> str:
    """Return the statement that drops a space's index, so that many rows can be loaded."""
    return f"DROP INDEX vectors.space_{int(number)}_hnsw"


def drop(number: int) -> str:
    """Return the statement that drops a space's table."""
    return f"DROP TABLE {table(number)}"


def upsert(number: int, space: Space) -> str:
    """Return the statement that stores `:vector` under `:owner` and `:id`."""
    return (
        f"INSERT INTO {table(number)} (owner, id, vector) "
        f"VALUES (CAST(:owner AS uuid), CAST(:id AS uuid), {_parameter('vector', space)}) "
        "ON CONFLICT (owner, id) DO UPDATE SET vector = excluded.vector"
    )


def remove(number: int) -> str:
    """Return the statement that removes `:ids`, locked in the order of ids as inserts lock them."""
    return (
        f"WITH held AS MATERIALIZED (SELECT id FROM {table(number)} "
        f"WHERE {_OWNED} AND id IN ({_IDS}) ORDER BY id FOR UPDATE) "
        f"DELETE FROM {table(number)} WHERE {_OWNED} AND id IN (SELECT id FROM held)"
    )


def remove_some(number: int) -> str:
    """Return the statement that removes up to `:limit` vectors of an owner."""
    return (
        f"DELETE FROM {table(number)} WHERE {_OWNED} AND id IN "
        f"(SELECT id FROM {table(number)} WHERE {_OWNED} ORDER BY id LIMIT :limit)"
    )


def get(number: int) -> str:
    """Return the query of the vectors of `:ids`."""
    return (
        f"SELECT id, CAST(vector AS real[]) AS vector FROM {table(number)} "
        f"WHERE {_OWNED} AND id IN ({_IDS})"
    )


def read_page(number: int) -> str:
    """Return the query of the next `:limit` vectors after `:after`, in one row.

    Ids and vectors come as the bytes that Postgres sends: 16 for an id; for a vector its dimension
    and a zero (16 bits each), then its components (binary16), all big-endian.
    """
    return (
        "SELECT count(*) AS count, string_agg(uuid_send(id), '') AS ids, "
        "string_agg(halfvec_send(vector), '') AS vectors "
        f"FROM (SELECT id, vector FROM {table(number)} WHERE {_OWNED} "
        "AND id > CAST(:after AS uuid) ORDER BY id LIMIT :limit) AS page"
    )


def count(number: int) -> str:
    """Return the query that counts an owner's vectors."""
    return f"SELECT count(*) AS count FROM {table(number)} WHERE {_OWNED}"


def has_more(number: int) -> str:
    """Return the query that has a row if an owner has more than `:exact` vectors."""
    return f"SELECT 1 AS more FROM {table(number)} WHERE {_OWNED} OFFSET :exact LIMIT 1"


def search_index(number: int, space: Space, *, filtered: bool) -> str:
    """Return the query that scans the index in the order of distance."""
    distance = f"vector <=> {_parameter('query', space)}"
    return (
        f"SELECT id, {distance} AS distance FROM {table(number)} "
        f"WHERE {_OWNED} {_ALLOWED if filtered else ''} ORDER BY {distance} LIMIT :limit"
    )


def search_all(number: int, space: Space, *, filtered: bool, by_id: bool) -> str:
    """Return the query that compares every vector that may be returned.

    Parameters
    ----------
    number, space
        The space.
    filtered
        Whether only `:ids` may be returned.
    by_id
        Look up each of these ids, instead of reading all vectors of the owner.
    """
    condition = _OWNED
    if by_id:
        # An array is looked up in the order of the index, in half the time of a join.
        condition += f" AND id = ANY(ARRAY({_IDS}))"
    elif filtered:
        condition += f" {_ALLOWED}"
    # Materialized, so that the planner does not scan the index after all.
    return (
        f"WITH candidates AS MATERIALIZED (SELECT id, vector <=> {_parameter('query', space)} "
        f"AS distance FROM {table(number)} WHERE {condition}) "
        "SELECT id, distance FROM candidates ORDER BY distance LIMIT :limit"
    )


def _columns(space: Space) -> str:
    return f"owner uuid NOT NULL, id uuid NOT NULL, vector halfvec({space.dimension}) NOT NULL"


def _parameter(name: str, space: Space) -> str:
    return f"CAST(CAST(:{name} AS real[]) AS halfvec({space.dimension}))"
