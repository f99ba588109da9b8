"""The jobs of one principal."""

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.identity import Principal
from kit.database.repository import OwnedRows, Shown
from services.library.access import Action
from services.library.jobs.tables import JobRow
from services.library.repository import OwnerRepository


class JobRepository(OwnerRepository):
    """Jobs, except those whose subject is being deleted."""

    def __init__(self, session: AsyncSession, principal: Principal, *, shown: Shown) -> None:
        super().__init__(session, principal)
        self.jobs = OwnedRows(session, JobRow, self.owner, shown=shown)

    async def job(self, id_: str, action: Action) -> JobRow:
        """Return a job. Raises `ProblemError` of code `not_found`."""
        return self.allowed(await self.jobs.get(id_), action)
