"""First tables."""

import sqlalchemy as sa
from alembic import op

import kit.database.base

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Bring the tables up to this revision."""
    op.create_table(
        "events",
        sa.Column("seq", kit.database.base.Serial(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("xid", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("data", kit.database.base.Json(), nullable=False),
        sa.Column("time", kit.database.base.Utc(), nullable=False),
        sa.Column("traceparent", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("item", sa.String(), nullable=True),
        sa.Column("job", sa.String(), nullable=True),
        sa.Column("run", sa.String(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("published", kit.database.base.Utc(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_events")),
        sa.UniqueConstraint("id", name=op.f("uq_events_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index("ix_events_feed", ["owner", "topic", "xid", "seq"], unique=False)
        batch_op.create_index("ix_events_time", ["time"], unique=False)
        batch_op.create_index(
            "ix_events_unpublished",
            ["seq"],
            unique=False,
            postgresql_where=sa.text("published IS NULL"),
            sqlite_where=sa.text("published IS NULL"),
        )

    op.create_table(
        "garbage",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("bucket", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("due", kit.database.base.Utc(), nullable=False),
        sa.Column("created", kit.database.base.Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_garbage")),
    )
    with op.batch_alter_table("garbage", schema=None) as batch_op:
        batch_op.create_index("ix_garbage_due", ["due"], unique=False)

    op.create_table(
        "idempotency",
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("route", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("body_sha256", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", kit.database.base.Json(), nullable=True),
        sa.Column("created", kit.database.base.Utc(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "route", "key", name=op.f("pk_idempotency")),
    )
    with op.batch_alter_table("idempotency", schema=None) as batch_op:
        batch_op.create_index("ix_idempotency_created", ["created"], unique=False)

    op.create_table(
        "inbox",
        sa.Column("consumer", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("received", kit.database.base.Utc(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event", name=op.f("pk_inbox")),
    )
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.create_index("ix_inbox_received", ["received"], unique=False)

    op.create_table(
        "items",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("declared", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("labels", kit.database.base.Json(), nullable=False),
        sa.Column("search", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("audio", kit.database.base.Json(), nullable=True),
        sa.Column("bpm", sa.Float(), nullable=True),
        sa.Column("parent", sa.String(), nullable=True),
        sa.Column("parent_job", sa.String(), nullable=True),
        sa.Column("stem", sa.String(), nullable=True),
        sa.Column("start", sa.BigInteger(), nullable=True),
        sa.Column("end", sa.BigInteger(), nullable=True),
        sa.Column("rejection", sa.String(), nullable=True),
        sa.Column("created", kit.database.base.Utc(), nullable=False),
        sa.Column("updated", kit.database.base.Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent"], ["items.id"], name=op.f("fk_items_parent"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_items")),
        sa.UniqueConstraint("owner", "sha256", name=op.f("uq_items_owner_sha256")),
    )
    with op.batch_alter_table("items", schema=None) as batch_op:
        batch_op.create_index("ix_items_page", ["owner", "created", "id"], unique=False)
        batch_op.create_index("ix_items_parent", ["parent"], unique=False)

    op.create_table(
        "makes",
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("make", kit.database.base.Json(), nullable=False),
        sa.Column("first_seen", kit.database.base.Utc(), nullable=False),
        sa.Column("last_seen", kit.database.base.Utc(), nullable=False),
        sa.PrimaryKeyConstraint("task", "fingerprint", name=op.f("pk_makes")),
    )
    op.create_table(
        "pipelines",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("spec", kit.database.base.Json(), nullable=False),
        sa.Column("created", kit.database.base.Utc(), nullable=False),
        sa.Column("updated", kit.database.base.Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipelines")),
        sa.UniqueConstraint("owner", "name", name=op.f("uq_pipelines_owner_name")),
    )
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("labels", kit.database.base.Json(), nullable=False),
        sa.Column("object_key", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("part_size", sa.BigInteger(), nullable=False),
        sa.Column("item", sa.String(), nullable=True),
        sa.Column("job", sa.String(), nullable=True),
        sa.Column("duplicate", sa.Boolean(), nullable=False),
        sa.Column("created", kit.database.base.Utc(), nullable=False),
        sa.Column("expires", kit.database.base.Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    with op.batch_alter_table("uploads", schema=None) as batch_op:
        batch_op.create_index("ix_uploads_page", ["owner", "created", "id"], unique=False)
        batch_op.create_index("ix_uploads_state", ["state", "created"], unique=False)

    op.create_table(
        "artifacts",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("job", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("bucket", sa.String(), nullable=False),
        sa.Column("object_key", sa.String(), nullable=False),
        sa.Column("stem", sa.String(), nullable=True),
        sa.Column("start", sa.BigInteger(), nullable=True),
        sa.Column("end", sa.BigInteger(), nullable=True),
        sa.Column("audio", kit.database.base.Json(), nullable=True),
        sa.Column("created", kit.database.base.Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item"], ["items.id"], name=op.f("fk_artifacts_item"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifacts")),
    )
    with op.batch_alter_table("artifacts", schema=None) as batch_op:
        batch_op.create_index("ix_artifacts_item", ["item", "kind"], unique=False)
        batch_op.create_index("ix_artifacts_job", ["job"], unique=False)
        batch_op.create_index("ix_artifacts_page", ["owner", "created", "id"], unique=False)

    op.create_table(
        "runs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("spec", kit.database.base.Json(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("priority", sa.String(), nullable=False),
        sa.Column("force", sa.Boolean(), nullable=False),
        sa.Column("steps", kit.database.base.Json(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("traceparent", sa.String(), nullable=False),
        sa.Column("created", kit.database.base.Utc(), nullable=False),
        sa.Column("finished", kit.database.base.Utc(), nullable=True),
        sa.ForeignKeyConstraint(
            ["item"], ["items.id"], name=op.f("fk_runs_item"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.create_index("ix_runs_item", ["item"], unique=False)
        batch_op.create_index("ix_runs_page", ["owner", "created", "id"], unique=False)

    op.create_table(
        "jobs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=True),
        sa.Column("step", sa.String(), nullable=True),
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("priority", sa.String(), nullable=False),
        sa.Column("params", kit.database.base.Json(), nullable=False),
        sa.Column("params_sha256", sa.String(), nullable=False),
        sa.Column("inputs", kit.database.base.Json(), nullable=False),
        sa.Column("inputs_sha256", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("lease_until", kit.database.base.Utc(), nullable=True),
        sa.Column("budget", sa.Float(), nullable=False),
        sa.Column("deadline", kit.database.base.Utc(), nullable=True),
        sa.Column("not_before", kit.database.base.Utc(), nullable=False),
        sa.Column("queued", kit.database.base.Utc(), nullable=False),
        sa.Column("start_by", kit.database.base.Utc(), nullable=False),
        sa.Column("close_by", kit.database.base.Utc(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("progress", kit.database.base.Json(), nullable=False),
        sa.Column("result", kit.database.base.Json(), nullable=True),
        sa.Column("failure", kit.database.base.Json(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("make", kit.database.base.Json(), nullable=True),
        sa.Column("fingerprint", sa.String(), nullable=True),
        sa.Column("retry_of", sa.String(), nullable=True),
        sa.Column("traceparent", sa.String(), nullable=False),
        sa.Column("created", kit.database.base.Utc(), nullable=False),
        sa.Column("started", kit.database.base.Utc(), nullable=True),
        sa.Column("finished", kit.database.base.Utc(), nullable=True),
        sa.ForeignKeyConstraint(
            ["item"], ["items.id"], name=op.f("fk_jobs_item"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["run"], ["runs.id"], name=op.f("fk_jobs_run"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index("ix_jobs_item", ["item"], unique=False)
        batch_op.create_index(
            "ix_jobs_live",
            ["owner", "state"],
            unique=False,
            postgresql_where=sa.text("state IN ('queued', 'running')"),
            sqlite_where=sa.text("state IN ('queued', 'running')"),
        )
        batch_op.create_index(
            "ix_jobs_natural", ["owner", "task", "inputs_sha256", "params_sha256"], unique=False
        )
        batch_op.create_index("ix_jobs_page", ["owner", "created", "id"], unique=False)
        batch_op.create_index(
            "ix_jobs_queued",
            ["task", "owner", "queued"],
            unique=False,
            postgresql_where=sa.text("state = 'queued'"),
            sqlite_where=sa.text("state = 'queued'"),
        )
        batch_op.create_index("ix_jobs_run", ["run"], unique=False)
        batch_op.create_index(
            "ix_jobs_running",
            ["lease_until"],
            unique=False,
            postgresql_where=sa.text("state = 'running'"),
            sqlite_where=sa.text("state = 'running'"),
        )
        batch_op.create_index("ix_jobs_turn", ["owner", "started"], unique=False)
