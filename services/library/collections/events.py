"""Events of collections."""

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.collections import CollectionChange
from contracts.events import CollectionChanged
from contracts.ids import CollectionId, OwnerId, SubjectId
from contracts.subjects import Subject, SubjectKind
from contracts.topics import LIBRARY_EVENTS
from kit.database.hooks import Hook, report
from services.library.collections.tables import CollectionRow
from services.library.events.outbox import About, record

COLLECTION_CHANGED = Hook[str]("collection changed")
"""The owner of a collection that was created, edited or deleted, or whose items changed; reported
in the transaction of the change."""
MEMBERS_CHANGED = Hook[str]("members of a collection changed")
"""Reported with the collection's id in the transaction that adds, moves or removes its items."""


async def emit_collection_changed(
    session: AsyncSession, row: CollectionRow, change: CollectionChange
) -> None:
    """Emit that a collection changed, and report its owner to `COLLECTION_CHANGED`."""
    report(session, COLLECTION_CHANGED, row.owner)
    data = CollectionChanged(collection=CollectionId(row.id), change=change)
    about = About(
        event_subject=row.id,
        key=row.id,
        owner=OwnerId(row.owner),
        subject=Subject(kind=SubjectKind.COLLECTION, id=SubjectId(row.id)),
    )
    if change is CollectionChange.ITEMS:
        report(session, MEMBERS_CHANGED, row.id)
    await record(session, LIBRARY_EVENTS, "collection.changed", data, about=about)
