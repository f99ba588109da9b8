"""Maps as their owner may use them."""

from sqlalchemy import Select, select
from sqlmodel import col

from services.library.access import Action
from services.library.jobs.locks import hold_owner
from services.library.maps.tables import MapRow
from services.library.repository import OwnerRepository


class Maps(OwnerRepository):
    """The maps of one principal, within one session."""

    def select(self) -> Select[MapRow]:
        """Return the query of all maps."""
        return select(MapRow).where(col(MapRow.owner) == self.owner)

    async def find(self, name: str) -> MapRow | None:
        """Return the map of a name, if there is one."""
        return await self.session.scalar(self.select().where(col(MapRow.name) == name))

    async def get(self, name: str, action: Action) -> MapRow:
        """Return a map for an action. Raises `ProblemError` of code `not_found`."""
        if action is not Action.READ:
            await hold_owner(self.session, self.owner)
        return self.allowed(await self.find(name), action)
