"""Policies on Postgres: a transaction sees the rows of its actor, and those shared with it."""

from alembic import op

from kit.database.roles import (
    ACTOR,
    TablePolicy,
    function,
    function_as_service,
    owned,
    owner_or,
    part_of,
    service_or,
)

revision = "0031"
down_revision = "0030"

_OPEN = "(expires IS NULL OR expires > statement_timestamp())"
_BY_LINK = (
    "secret_sha256 = substr(actor, 6) AND starts_with(actor, 'link:') AND access <> 'account'"
    " AND expires > statement_timestamp()"
)
_GRANTED = (
    f"SELECT collection FROM collection_shares WHERE account = actor AND {_OPEN}"  # noqa: S608
    f" UNION ALL SELECT collection FROM collection_links WHERE {_BY_LINK}"
)
_OWNED = "SELECT id FROM collections WHERE owner = actor"
_EDITED = (
    "SELECT collection FROM collection_shares"  # noqa: S608
    f" WHERE account = actor AND role = 'editor' AND {_OPEN}"
)
_ITEM_GRANTED = "SELECT EXISTS (SELECT 1 FROM collection_items m WHERE m.item = item_granted.item)"
_COVER_GRANTED = (
    "SELECT EXISTS (SELECT 1 FROM collections c WHERE c.cover_artifact = cover_granted.artifact)"
)
_BEING_DELETED = (
    "WITH RECURSIVE going(item) AS (SELECT d.item FROM deletions d WHERE d.item IS NOT NULL"
    " UNION SELECT i.id FROM items i JOIN going g ON i.parent = g.item)"
    " SELECT g.item::text FROM going g"
)
# They see what the actor sees: own collections, and grants to the actor. An item is granted by the
# rows of `collection_items` that the actor sees.
_FUNCTIONS = (
    function("collections_granted", "actor text", "SETOF text", _GRANTED, rows=10),
    function("collections_owned", "actor text", "SETOF text", _OWNED, rows=10),
    function("collections_edited", "actor text", "SETOF text", _EDITED, rows=10),
    function(
        "collections_read", "actor text", "SETOF text", f"{_OWNED} UNION ALL {_GRANTED}", rows=10
    ),
    function(
        "collections_written", "actor text", "SETOF text", f"{_OWNED} UNION ALL {_EDITED}", rows=10
    ),
    function("item_granted", "item text", "boolean", _ITEM_GRANTED),
    function("cover_granted", "artifact text", "boolean", _COVER_GRANTED),
    function_as_service("items_being_deleted", "TABLE (id text)", _BEING_DELETED),
)

_WRITES_MEMBERS = service_or(f"collection IN (SELECT collections_written({ACTOR}))")
_POLICIES = (
    *map(
        owned,
        (
            *("uploads", "deletions", "corrections", "imports", "import_files", "maps"),
            *("pipelines", "runs", "query_sounds", "recommendation_lists"),
            *("recommendation_dismissals", "saved_searches", "saved_search_revisions"),
            *("search_documents", "search_revisions", "sounds", "item_tags", "taught_tags"),
            *("webhooks", "webhook_deliveries", "jobs", "idempotency", "usage"),
        ),
    ),
    owned("items", readers="item_granted(id)"),
    owned(
        "artifacts",
        readers="item_granted(item) OR cover_granted(id)",
    ),
    owned(
        "collections",
        readers=f"id IN (SELECT collections_granted({ACTOR}))",
        update=f"id IN (SELECT collections_edited({ACTOR}))",
    ),
    TablePolicy(
        "collection_items",
        read=service_or(f"collection IN (SELECT collections_read({ACTOR}))"),
        insert=_WRITES_MEMBERS,
        update=_WRITES_MEMBERS,
        delete=_WRITES_MEMBERS,
    ),
    TablePolicy(
        "collection_shares",
        read=owner_or(f"collection IN (SELECT collections_owned({ACTOR}))", column="account"),
        insert=service_or(f"collection IN (SELECT collections_owned({ACTOR}))"),
        update=service_or(f"collection IN (SELECT collections_owned({ACTOR}))"),
        # An account may leave a collection that is shared with it.
        delete=owner_or(f"collection IN (SELECT collections_owned({ACTOR}))", column="account"),
    ),
    owned("collection_links", readers=f"'link:' || secret_sha256 = {ACTOR}"),
    TablePolicy(
        "events",
        read=owner_or("false"),
        # Whoever changes something emits what all whom it concerns will read.
        insert=f"{ACTOR} <> ''",
        update=service_or("false"),
        delete=service_or("false"),
    ),
    part_of("waveforms", "items", "item"),
    part_of("search_pending", "artifacts", "artifact"),
    part_of("map_parts", "maps", "map"),
    part_of("saved_search_results", "saved_searches", "search"),
    part_of("taught_tag_versions", "taught_tags", "tag"),
    part_of("tag_answers", "taught_tags", "tag"),
)


def upgrade() -> None:
    """Bring the tables up to this revision."""
    if op.get_bind().dialect.name == "sqlite":
        return
    for statement in _FUNCTIONS:
        op.execute(statement)
    for policy in _POLICIES:
        for statement in policy.statements():
            op.execute(statement)
