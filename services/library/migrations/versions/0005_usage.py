"""Counters of what each owner stores."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Bring the tables up to this revision."""
    op.create_table(
        "usage",
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("originals", sa.BigInteger(), nullable=False),
        sa.Column("results", sa.BigInteger(), nullable=False),
        sa.Column("uploads", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_usage")),
    )
    # An object that several items have is one object.
    op.execute(
        """
        INSERT INTO usage (owner, originals, results, uploads)
        SELECT owner, SUM(originals), SUM(results), SUM(uploads) FROM (
            SELECT owner,
                   CASE WHEN bucket = 'originals' THEN size ELSE 0 END AS originals,
                   CASE WHEN bucket = 'derived' THEN size ELSE 0 END AS results,
                   0 AS uploads
            FROM (SELECT DISTINCT owner, bucket, object_key, size FROM artifacts) AS objects
            UNION ALL
            SELECT owner, 0, 0, size FROM uploads WHERE state = 'open'
        ) AS counted
        GROUP BY owner
        """
    )
