"""Artifacts: what jobs leave behind, the items that come of it, and what is known of them then."""

import math
import unicodedata
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.analysis import AnalysisResult
from contracts.ids import ItemId, JobId, OwnerId
from contracts.ingest import IngestResult
from contracts.items import ArtifactKind, ItemState
from contracts.jobs import Failure, JobState, Manifest, StoredFile, TaskName
from contracts.objects import Bucket, artifact_key
from kit.clock import new_id
from kit.database.engine import database_of
from services.library.facts import tell_artifact_added, tell_item_added, tell_item_changed
from services.library.tables import ArtifactRow, ItemRow, JobRow

SURE_TEMPO = 0.5
"""Share of the evidence from which a tempo that was found becomes its item's."""
MOST_LABELS = 64
NAME_BYTES = 255
"""Of an item's name in UTF-8: what every file system takes (S11)."""


async def apply_manifest(session: AsyncSession, job: JobRow, manifest: Manifest) -> None:
    """Make what an attempt stored part of the catalogue.

    Every file becomes an artifact of the job's item; a file with `item` set becomes an item of its
    own as well, with lineage, whose canonical audio it is. The caller has made sure that the
    attempt counts.
    """
    if not manifest.files and job.task not in (TaskName.INGEST, TaskName.ANALYSIS):
        return
    item = await _held(session, job.item)
    now = await database_of(session).time(session)
    made = [_artifact(job, file, epoch=manifest.epoch, now=now) for file in manifest.files]
    children = [
        _child(item, row, file, now)
        for row, file in zip(made, manifest.files, strict=True)
        if file.item is not None
    ]
    session.add_all(child for child, _ in children)
    await session.flush()
    session.add_all((*made, *(own for _, own in children)))
    await session.flush()
    for row in made:
        await tell_artifact_added(session, row)
    for child, _ in children:
        await tell_item_added(session, child)
    if job.task == TaskName.INGEST:
        _take_in(item, IngestResult.model_validate(manifest.result))
    elif job.task == TaskName.ANALYSIS:
        if not _learn(item, AnalysisResult.model_validate(manifest.result)):
            return
    else:
        return
    item.updated = now
    await session.flush()
    await tell_item_changed(session, item)


async def ingest_failed(session: AsyncSession, job: JobRow) -> None:
    """Mark an item as rejected, because its upload could not be taken in."""
    item = await _held(session, job.item)
    if item.state == ItemState.READY:
        return
    if job.state == JobState.CANCELLED:
        reason = "Taking it in was cancelled. Ask for the ingest job again, or delete the item."
    else:
        reason = Failure.model_validate(job.failure).message
    item.state = ItemState.REJECTED.value
    item.rejection = reason
    item.updated = await database_of(session).time(session)
    await session.flush()
    await tell_item_changed(session, item)


def fold(*texts: str) -> str:
    """Return texts as they are searched: without case, accents and width."""
    plain = unicodedata.normalize("NFKD", " ".join(texts).casefold())
    return "".join(c for c in plain if not unicodedata.combining(c))


def search_text(name: str, labels: Mapping[str, str]) -> str:
    """Return what a text search looks for an item in."""
    return fold(name, *labels.values())


def fit_name(text: str) -> str:
    """Return a name as it is kept: NFC, no control characters, at most 255 bytes (S11)."""
    name = unicodedata.normalize("NFC", text)
    name = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in name).strip()
    return name.encode()[:NAME_BYTES].decode(errors="ignore") or "untitled"


async def _held(session: AsyncSession, item: str) -> ItemRow:
    query = (
        select(ItemRow)
        .where(col(ItemRow.id) == item)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(query)).one()


def _artifact(job: JobRow, file: StoredFile, *, epoch: int, now: datetime) -> ArtifactRow:
    owner, item, task = OwnerId(job.owner), ItemId(job.item), TaskName(job.task)
    return ArtifactRow(
        id=new_id(),
        owner=owner,
        item=item,
        job=job.id,
        kind=file.kind.value,
        name=file.name,
        media_type=file.media_type,
        size=file.size,
        sha256=file.sha256,
        bucket=Bucket.DERIVED.value,
        object_key=artifact_key(owner, item, task, JobId(job.id), epoch, file.name),
        stem=file.stem.value if file.stem else None,
        start=file.start,
        end=file.end,
        audio=file.audio.model_dump(mode="json") if file.audio else None,
        created=now,
    )


def _child(
    parent: ItemRow, source: ArtifactRow, file: StoredFile, now: datetime
) -> tuple[ItemRow, ArtifactRow]:
    assert file.item is not None
    name = fit_name(file.title or f"{parent.name} – {file.name.rpartition('.')[0]}")
    child = ItemRow(
        id=new_id(),
        owner=parent.owner,
        kind=file.item.value,
        state=ItemState.READY.value,
        name=name,
        search=search_text(name, {}),
        audio=source.audio,
        parent=parent.id,
        parent_job=source.job,
        stem=source.stem,
        start=file.start,
        end=file.end,
        created=now,
        updated=now,
    )
    # The same object under the child's own name: jobs over the child read it like any other
    # canonical audio.
    own = source.model_dump() | {
        "id": new_id(),
        "item": child.id,
        "kind": ArtifactKind.CANONICAL.value,
        "start": None,
        "end": None,
    }
    return child, ArtifactRow(**own)


def _take_in(item: ItemRow, found: IngestResult) -> None:
    item.state = ItemState.READY.value
    item.rejection = None
    item.audio = found.audio.model_dump(mode="json")
    item.kind = found.kind.value
    # What the user said of it goes before what the file says.
    labels = {**found.tags, **item.labels}
    item.labels = dict(list(labels.items())[:MOST_LABELS])
    item.search = search_text(item.name, item.labels)
    if item.bpm is None:
        item.bpm = _tempo_in(found.tags)


def _tempo_in(tags: Mapping[str, str]) -> float | None:
    try:
        bpm = float(tags.get("bpm", ""))
    except ValueError:
        return None
    return bpm if math.isfinite(bpm) and 0 < bpm <= 1000 else None


def _learn(item: ItemRow, found: AnalysisResult) -> bool:
    """Give an item the tempo that was found in it, unless it has one."""
    tempo = found.tempo
    if item.bpm is not None or tempo is None or tempo.steadiness < SURE_TEMPO:
        return False
    item.bpm = tempo.bpm
    return True
