"""Events of imports."""

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.events import ImportChanged
from contracts.ids import ImportId, OwnerId
from contracts.imports import ImportState
from contracts.topics import LIBRARY_EVENTS
from services.library.events.outbox import About, record
from services.library.imports.repository import count_files
from services.library.imports.tables import ImportRow


async def emit_import_changed(session: AsyncSession, row: ImportRow) -> None:
    """Emit that an import was created, got further or ended."""
    counts = (await count_files(session, [row.id])).get(row.id)
    data = ImportChanged(
        import_id=ImportId(row.id),
        state=ImportState(row.state),
        total=counts.total if counts else 0,
        waiting=counts.waiting if counts else 0,
    )
    about = About(event_subject=row.id, key=row.id, owner=OwnerId(row.owner))
    await record(session, LIBRARY_EVENTS, "import.changed", data, about=about)
