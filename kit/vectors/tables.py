"""Tables of the vector stores."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
)

from kit.database.base import Serial

METADATA = MetaData()

SPACES = Table(
    "vector_spaces",
    METADATA,
    Column("id", Serial, primary_key=True),
    Column("name", String, nullable=False),
    Column("version", String, nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("active", Boolean, nullable=False, server_default=false()),
    Column("dropping", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("name", "version", name="uq_vector_spaces"),
    # The files and tables of a space bear its number, which no other space may ever get.
    sqlite_autoincrement=True,
)
"""The spaces, on either database."""

SETS = Table(
    "vector_sets",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("space", Integer, ForeignKey("vector_spaces.id"), nullable=False),
    Column("owner", String, nullable=False),
    Column("token", String, nullable=False),
    Column("count", Integer, nullable=False),
    Column("purged", BigInteger, nullable=False),
    UniqueConstraint("space", "owner", name="uq_vector_sets"),
    Index("ix_vector_sets_owner", "owner"),
    sqlite_autoincrement=True,
)
"""An owner's vectors in a space, on SQLite: the name of their folder (`token`), how many there are,
and the sequence up to which removals may be forgotten (`purged`)."""

VECTORS = Table(
    "vectors",
    METADATA,
    Column("sequence", Integer, primary_key=True),
    Column("set", Integer, ForeignKey("vector_sets.id"), nullable=False),
    Column("id", LargeBinary, nullable=False),
    Column("vector", LargeBinary, nullable=True),
    UniqueConstraint("set", "id", name="uq_vectors"),
    # SQLite ends every index with the row's number, which `sequence` is: this one finds changes.
    Index("ix_vectors_set", "set"),
    sqlite_autoincrement=True,
)
"""The newest state of each id, on SQLite, numbered in the order of changes: its vector (float16,
little-endian), or NULL for one that was removed."""
