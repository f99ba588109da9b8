"""The vector store that fits a database."""

from pathlib import Path

from kit.database.engine import Database
from kit.vectors.base import VectorStore
from kit.vectors.exact import ExactVectors
from kit.vectors.pgvector import PgVectors


def open_vectors(database: Database, folder: Path) -> VectorStore:
    """Return the vector store of a database; the caller starts and closes it.

    Parameters
    ----------
    database
        SQLite: exact search over memory-mapped files. Postgres: pgvector.
    folder
        Where the files lie; not used on Postgres.
    """
    return ExactVectors(database, folder) if database.sqlite else PgVectors(database)
