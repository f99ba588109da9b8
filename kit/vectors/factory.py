"""The vector store that fits a database."""

import logging
from pathlib import Path

from kit.database.engine import Database
from kit.process import StartRefused
from kit.vectors.arrays import ArrayVectors
from kit.vectors.base import VectorStore
from kit.vectors.exact import ExactVectors
from kit.vectors.pgvector import SCHEMA, PgVectors

log = logging.getLogger(__name__)


async def open_vectors(database: Database, folder: Path) -> VectorStore:
    """Return the vector store of a database, started; the caller closes it.

    Parameters
    ----------
    database
        SQLite: exact search over memory-mapped files. Postgres: pgvector, and without it exact
        search over rows, which the log says.
    folder
        Where the files lie; not used on Postgres.
    """
    if database.sqlite:
        exact = ExactVectors(database, folder)
        await exact.start()
        return exact
    store = PgVectors(database)
    try:
        await store.start()
    except StartRefused as error:
        log.warning("search by similarity compares all vectors, one by one, as %s", error)
        arrays = ArrayVectors(database)
        await arrays.start()
        return arrays
    return store


async def prepare_vectors(database: Database) -> tuple[str, ...]:
    """Create what a vector store needs as the owner of its tables; return its schemas."""
    store = await open_vectors(database, Path())
    await store.close()
    return (SCHEMA,) if isinstance(store, PgVectors) else ()
