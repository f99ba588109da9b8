"""Events of recommendations."""

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.events import RecommendationsUpdated
from contracts.ids import OwnerId, SubjectId
from contracts.subjects import Subject, SubjectKind
from contracts.topics import LIBRARY_EVENTS
from services.library.events.outbox import About, record
from services.library.recommendations.tables import RecommendationListRow


async def emit_recommendations_updated(
    session: AsyncSession, row: RecommendationListRow, *, count: int, new: int
) -> None:
    """Emit that the recommendations for an account or a collection are others than before."""
    target = "account" if row.collection is None else f"collection:{row.collection}"
    data = RecommendationsUpdated(target=target, count=count, new=new)
    about = About(
        event_subject=row.id,
        key=row.id,
        owner=OwnerId(row.owner),
        subject=Subject(kind=SubjectKind.OWNER, id=SubjectId(row.owner)),
    )
    await record(session, LIBRARY_EVENTS, "recommendations.updated", data, about=about)
