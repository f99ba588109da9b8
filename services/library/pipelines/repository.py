"""The pipelines and runs of one principal, with the catalogue that they work on."""

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.identity import Principal
from kit.database.repository import OwnedRows
from services.library.access import Action
from services.library.catalogue.repository import Repository, item_is_kept
from services.library.pipelines.tables import PipelineRow, RunRow


class PipelineRepository(Repository):
    """Pipelines, and runs except those whose item is being deleted."""

    def __init__(self, session: AsyncSession, principal: Principal) -> None:
        super().__init__(session, principal)
        self.runs = OwnedRows(session, RunRow, self.owner, shown=item_is_kept)
        self.pipelines = OwnedRows(session, PipelineRow, self.owner)

    async def run(self, id_: str, action: Action, *, hold: bool = False) -> RunRow:
        """Return a run. Raises `ProblemError` of code `not_found`."""
        return self.allowed(await self.runs.get(id_, for_update=hold), action)

    async def pipeline(self, name: str, action: Action, *, hold: bool = False) -> PipelineRow:
        """Return a stored pipeline by name. Raises `ProblemError` of code `not_found`."""
        query = self.pipelines.select().where(col(PipelineRow.name) == name)
        if hold:
            query = query.with_for_update(key_share=True)
        return self.allowed((await self.session.scalars(query)).one_or_none(), action)
