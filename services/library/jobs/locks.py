"""The order of locks: owner, then jobs, then runs, then items. Every transaction keeps it.

After these come the owner's counters of storage, and last of all the revision of the owner's search
documents, which listeners take just before the commit.

Two transactions that take two locks in different orders wait for each other until Postgres undoes
one of them. So whoever will hold rows of more than one kind, or make a row that refers to another,
takes the owner's lock first, and rows are held without their key (`FOR NO KEY UPDATE`): a new row
that refers to them need not wait.
"""

from sqlalchemy import String, bindparam, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from kit.database.engine import database_of
from services.library.jobs.tables import JobRow

_OWNER = "owner:"
_OWNER_OF = select(literal_column(f"'{_OWNER}'", String).concat(col(JobRow.owner))).where(
    col(JobRow.id) == bindparam("of_job", type_=String)
)
"""The name of the lock of a job's owner."""


async def hold_owner(session: AsyncSession, owner: str) -> None:
    """Hold an owner's lock until the transaction ends."""
    await database_of(session).lock(session, f"{_OWNER}{owner}")


async def hold_owner_of(session: AsyncSession, job: str) -> None:
    """Hold the lock of a job's owner, if there is such a job."""
    await database_of(session).lock_found(session, _OWNER_OF, {"of_job": job})
