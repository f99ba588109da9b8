"""Events of maps."""

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.events import MapChanged
from contracts.ids import OwnerId
from contracts.maps import MapChange, MapState
from contracts.topics import LIBRARY_EVENTS
from services.library.events.outbox import About, record
from services.library.maps.tables import MapRow


async def emit_map_changed(session: AsyncSession, row: MapRow, change: MapChange) -> None:
    """Emit that a map changed."""
    data = MapChanged(name=row.name, change=change, state=MapState(row.state))
    about = About(event_subject=row.id, key=row.id, owner=OwnerId(row.owner))
    await record(session, LIBRARY_EVENTS, "map.changed", data, about=about)
