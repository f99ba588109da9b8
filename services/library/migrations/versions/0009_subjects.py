"""Jobs, artifacts and events belong to a subject, which until now was always an item."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_ITEM_OF_SUBJECT = (
    "CASE WHEN subject_kind = 'item' THEN item IS NOT NULL AND item = subject_id"
    " ELSE item IS NULL END"
)
# Messages and inputs that are stored as JSON say `subject` where they said `item`.
_SQLITE = (
    """
    UPDATE events SET data = json_remove(
        json_set(data, '$.subject', json_object('kind', 'item', 'id', data ->> '$.item')),
        '$.item')
    WHERE topic = 'library.events' AND type NOT LIKE 'item.%' AND data ->> '$.item' IS NOT NULL
    """,
    """
    UPDATE jobs SET inputs = (
        SELECT json_group_array(json_remove(
            json_set(value, '$.subject', json_object('kind', 'item', 'id', value ->> '$.item')),
            '$.item'))
        FROM json_each(jobs.inputs))
    WHERE json_array_length(inputs) > 0
    """,
)
_POSTGRES = (
    """
    UPDATE events SET data = data - 'item' || jsonb_build_object(
        'subject', jsonb_build_object('kind', 'item', 'id', data -> 'item'))
    WHERE topic = 'library.events' AND type NOT LIKE 'item.%' AND data ->> 'item' IS NOT NULL
    """,
    """
    UPDATE jobs SET inputs = (
        SELECT jsonb_agg(input - 'item' || jsonb_build_object(
            'subject', jsonb_build_object('kind', 'item', 'id', input -> 'item'))
            ORDER BY number)
        FROM jsonb_array_elements(inputs) WITH ORDINALITY AS listed(input, number))
    WHERE jsonb_array_length(inputs) > 0
    """,
)


def upgrade() -> None:
    """Bring the tables up to this revision."""
    for table in ("artifacts", "jobs", "events"):
        for name in ("subject_kind", "subject_id"):
            op.add_column(table, sa.Column(name, sa.String(), nullable=True))
        rows = sa.table(table, *map(sa.column, ("item", "subject_kind", "subject_id")))
        of_item = sa.update(rows).where(rows.c.item.is_not(None))
        op.execute(of_item.values(subject_kind="item", subject_id=rows.c.item))
    for statement in _SQLITE if op.get_context().dialect.name == "sqlite" else _POSTGRES:
        op.execute(statement)
    for table in ("artifacts", "jobs"):
        with op.batch_alter_table(table) as batch_op:
            batch_op.alter_column("item", existing_type=sa.String(), nullable=True)
            for name in ("subject_kind", "subject_id"):
                batch_op.alter_column(name, existing_type=sa.String(), nullable=False)
            batch_op.create_check_constraint(
                op.f(f"ck_{table}_item_of_subject"), sa.text(_ITEM_OF_SUBJECT)
            )
    op.drop_column("events", "item")
    op.execute("ALTER TABLE events RENAME COLUMN subject TO event_subject")
