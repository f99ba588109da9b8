"""Events of corrections."""

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.corrections import CorrectionField
from contracts.events import ItemCorrected
from contracts.ids import ItemId, OwnerId, UserId
from contracts.subjects import Subject
from contracts.topics import LIBRARY_EVENTS
from services.library.corrections.tables import CorrectionRow
from services.library.events.outbox import About, record


async def emit_item_corrected(session: AsyncSession, row: CorrectionRow) -> None:
    """Emit that a version of a correction was written."""
    data = ItemCorrected(
        item=ItemId(row.item),
        field=CorrectionField(row.field),
        version=row.version,
        taken_back=row.value is None,
        by=UserId(row.by),
    )
    about = About(
        event_subject=row.item,
        key=row.item,
        owner=OwnerId(row.owner),
        subject=Subject.of_item(row.item),
    )
    await record(session, LIBRARY_EVENTS, "item.corrected", data, about=about)
