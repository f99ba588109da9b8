"""What the library tells of its catalogue: the events of items and artifacts, and how rows look."""

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.events import ArtifactAdded, ItemAdded, ItemChanged
from contracts.ids import ArtifactId, ItemId, JobId, OwnerId
from contracts.items import Artifact, ArtifactKind, AudioFacts, Item, ItemKind, ItemState, Lineage
from contracts.jobs import InputRef
from contracts.music import Stem
from contracts.subjects import Subject
from contracts.topics import LIBRARY_EVENTS
from services.library.outbox import About, Fact, record, record_all
from services.library.subjects import subject_of
from services.library.tables import ArtifactRow, ItemRow


def item_to_api(row: ItemRow) -> Item:
    """Return an item as the API shows it."""
    lineage = None
    if row.parent is not None:
        lineage = Lineage(
            parent=ItemId(row.parent),
            job=JobId(row.parent_job) if row.parent_job else None,
            stem=Stem(row.stem) if row.stem else None,
            start=row.start,
            end=row.end,
        )
    return Item(
        id=ItemId(row.id),
        kind=ItemKind(row.kind),
        state=ItemState(row.state),
        name=row.name,
        stem=Stem(row.stem) if row.stem else None,
        metadata=row.labels,
        audio=AudioFacts.model_validate(row.audio) if row.audio else None,
        bpm=row.bpm,
        lineage=lineage,
        rejection=row.rejection,
        created=row.created,
        updated=row.updated,
    )


def artifact_to_api(row: ArtifactRow) -> Artifact:
    """Return an artifact as the API shows it."""
    return Artifact(
        id=ArtifactId(row.id),
        subject=subject_of(row),
        job=JobId(row.job) if row.job else None,
        kind=ArtifactKind(row.kind),
        name=row.name,
        media_type=row.media_type,
        size=row.size,
        sha256=row.sha256,
        stem=Stem(row.stem) if row.stem else None,
        created=row.created,
    )


def to_input_ref(row: ArtifactRow) -> InputRef:
    """Return an artifact as a job reads it."""
    return InputRef(
        artifact=ArtifactId(row.id),
        subject=subject_of(row),
        kind=ArtifactKind(row.kind),
        name=row.name,
        bucket=row.bucket,
        key=row.object_key,
        size=row.size,
        sha256=row.sha256,
        stem=Stem(row.stem) if row.stem else None,
        start=row.start,
        end=row.end,
    )


async def emit_item_added(session: AsyncSession, row: ItemRow) -> None:
    """Write that an item is in the catalogue."""
    await record_all(session, (item_added(row),))


def item_added(row: ItemRow) -> Fact:
    """Return the event that an item is in the catalogue."""
    data = ItemAdded(
        item=ItemId(row.id),
        kind=ItemKind(row.kind),
        state=ItemState(row.state),
        name=row.name,
        parent=ItemId(row.parent) if row.parent else None,
    )
    return Fact(LIBRARY_EVENTS, "item.added", data, _about(row))


async def emit_item_changed(session: AsyncSession, row: ItemRow) -> None:
    """Write that an item is not as it was."""
    data = ItemChanged(item=ItemId(row.id), state=ItemState(row.state))
    await record(session, LIBRARY_EVENTS, "item.changed", data, about=_about(row))


async def emit_artifact_added(session: AsyncSession, row: ArtifactRow) -> None:
    """Write that a subject has a file more."""
    await record_all(session, (artifact_added(row),))


def artifact_added(row: ArtifactRow) -> Fact:
    """Return the event that a subject has a file more."""
    data = ArtifactAdded(
        artifact=ArtifactId(row.id),
        subject=subject_of(row),
        job=JobId(row.job) if row.job else None,
        kind=ArtifactKind(row.kind),
        name=row.name,
    )
    about = About(
        event_subject=row.subject_id,
        key=row.subject_id,
        owner=OwnerId(row.owner),
        subject=subject_of(row),
        job=JobId(row.job) if row.job else None,
    )
    return Fact(LIBRARY_EVENTS, "artifact.added", data, about)


def _about(row: ItemRow) -> About:
    return About(
        event_subject=row.id,
        key=row.id,
        owner=OwnerId(row.owner),
        subject=Subject.of_item(row.id),
    )
