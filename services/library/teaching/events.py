"""Events of taught tags."""

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.events import TagProposed
from contracts.ids import OwnerId, SubjectId
from contracts.subjects import Subject, SubjectKind
from contracts.topics import LIBRARY_EVENTS
from services.library.events.outbox import About, record
from services.library.teaching.tables import TaughtTagRow


async def emit_tag_proposed(
    session: AsyncSession, row: TaughtTagRow, *, count: int, new: int
) -> None:
    """Emit how many items a taught tag proposes now, and how many of them arrived just now."""
    data = TagProposed(tag=row.name, count=count, new=new)
    about = About(
        event_subject=row.id,
        key=row.id,
        owner=OwnerId(row.owner),
        subject=Subject(kind=SubjectKind.OWNER, id=SubjectId(row.owner)),
    )
    await record(session, LIBRARY_EVENTS, "tag.proposed", data, about=about)
