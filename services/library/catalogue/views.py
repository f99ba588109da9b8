"""Items and artifacts as the API shows them, and as jobs read them."""

from contracts.ids import ArtifactId, ItemId, JobId
from contracts.items import Artifact, ArtifactKind, AudioFacts, Item, ItemKind, ItemState, Lineage
from contracts.jobs import InputRef
from contracts.music import Stem
from contracts.tags import ItemTag
from services.library.catalogue.tables import ArtifactRow, ItemRow
from services.library.jobs.subjects import subject_of


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
        favourite=row.favourite,
        rating=row.rating,
        tags=tuple(map(ItemTag.model_validate, row.tags)),
        audio=AudioFacts.model_validate(row.audio) if row.audio else None,
        bpm=row.bpm,
        corrected=row.corrected,
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
