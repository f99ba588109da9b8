"""Artifacts: what jobs leave behind, the items that come of it, and what is known of them then."""

import math
import unicodedata
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.analysis import AnalysisResult
from contracts.ids import JobId, OwnerId
from contracts.ingest import IngestResult, RejectionReason
from contracts.items import (
    METADATA_BYTES,
    METADATA_ENTRIES,
    ArtifactKind,
    ItemState,
    metadata_size,
)
from contracts.jobs import JobState, Manifest, Reason, ReasonCode, StoredFile, TaskName
from contracts.objects import Bucket, artifact_key
from contracts.subjects import Subject
from kit.clock import new_id
from kit.database.engine import database_of
from services.library.catalogue.events import artifact_added, emit_item_changed, item_added
from services.library.catalogue.tables import ArtifactRow, ItemRow
from services.library.catalogue.usage import change
from services.library.events.outbox import record_all
from services.library.jobs.subjects import subject_columns, subject_of
from services.library.jobs.tables import JobRow
from services.library.jobs.transitions import discard

SURE_TEMPO = 0.5
"""Share of the evidence from which a tempo that was found becomes its item's."""
SEARCHED = 8192
"""Characters of an item in which a search looks for its words."""
_HEARD = frozenset(refusal.value for refusal in RejectionReason)
"""Reasons that are found in the bytes themselves, once their digest was found to be right."""
_ENDINGS = frozenset(
    f".{ending}"
    for ending in (
        *("wav", "wave", "bwf", "rf64", "w64", "caf", "aif", "aiff", "aifc", "au", "flac", "mp3"),
        *("mp2", "mpga", "ogg", "oga", "opus", "spx", "m4a", "m4b", "aac", "mp4", "m4v", "mov"),
        *("mkv", "mka", "webm", "wma", "wv", "tta", "ape", "ac3", "avi", "ts"),
    )
)
"""Endings of files of sound."""
NAME_BYTES = 255
"""Of an item's name in UTF-8: what every file system takes (S11)."""


async def apply_manifest(session: AsyncSession, job: JobRow, manifest: Manifest) -> None:
    """Make what an attempt stored part of the catalogue.

    Every file becomes an artifact of the job's subject; a file with `item` set becomes an item of
    its own as well, whose canonical audio it is, cut from the subject where that is an item. The
    caller has made sure that the attempt counts.
    """
    if not manifest.files and job.task not in (TaskName.INGEST, TaskName.ANALYSIS):
        return
    item = await _held(session, job.item) if job.item is not None else None
    now = await database_of(session).time(session)
    made = [_artifact(job, file, epoch=manifest.epoch, now=now) for file in manifest.files]
    for row in made:
        if row.kind == ArtifactKind.CANONICAL and item is not None:
            row.stem = item.stem
    children = [
        _child(item, row, file, now)
        for row, file in zip(made, manifest.files, strict=True)
        if file.item is not None
    ]
    session.add_all(child for child, _ in children)
    await session.flush()
    session.add_all((*made, *(own for _, own in children)))
    await session.flush()
    added = [artifact_added(row) for row in made] + [item_added(child) for child, _ in children]
    if added:
        await record_all(session, added)
    if item is None:
        return
    if job.task == TaskName.INGEST:
        await _recognise(session, item, job)
        _take_in(item, IngestResult.model_validate(manifest.result))
    elif job.task == TaskName.ANALYSIS:
        if not _learn(item, AnalysisResult.model_validate(manifest.result)):
            return
    else:
        return
    item.updated = now
    await session.flush()
    await emit_item_changed(session, item)


async def ingest_failed(session: AsyncSession, job: JobRow, item_id: str) -> None:
    """Mark an item as rejected, because its upload could not be taken in."""
    item = await _held(session, item_id)
    if item.state == ItemState.READY:
        return
    if job.reason_code == ReasonCode.DAMAGED_FILE:
        # A file that is missing may come back with the disk it lies on; this one is of no use.
        await _drop_original(session, item)
    if job.reason_code not in _HEARD:
        # Nobody has seen that the bytes have this digest: the next ones are no duplicate of them.
        item.sha256 = None
    if job.state == JobState.CANCELLED:
        reason = "Taking it in was cancelled. Ask for the ingest job again, or delete the item."
    else:
        reason = Reason.model_validate(job.reason).message
    item.state = ItemState.REJECTED.value
    item.rejection = reason
    item.updated = await database_of(session).time(session)
    await session.flush()
    await emit_item_changed(session, item)


def fold(text: str, *, most: int | None = None) -> str:
    """Return a text as it is searched: without case, accents and width.

    Parameters
    ----------
    most
        Characters that are read, and that are returned. One that is read may be written out as
        18 (U+FDFA), so both are cut.
    """
    plain = unicodedata.normalize("NFKD", text[:most].casefold())[:most]
    return "".join(c for c in plain if not unicodedata.combining(c))


def search_text(name: str, labels: Mapping[str, str]) -> str:
    """Return what a text search looks for an item in: its name, and labels as far as they fit."""
    return fold(" ".join((name, *labels.values())), most=SEARCHED)


def fit_name(text: str) -> str:
    """Return a name as it is kept: NFC, no control characters, at most 255 bytes (S11)."""
    name = unicodedata.normalize("NFC", text)
    name = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in name).strip()
    start, suffix = split_name(name)
    room = NAME_BYTES - len(suffix.encode())
    return start.encode()[:room].decode(errors="ignore") + suffix or "untitled"


def split_name(name: str) -> tuple[str, str]:
    """Return a name and the ending, with its dot, by which it is known as a file of sound."""
    start, dot, suffix = name.rpartition(".")
    suffix = dot + suffix
    return (start, suffix) if start and suffix.lower() in _ENDINGS else (name, "")


async def _drop_original(session: AsyncSession, item: ItemRow) -> None:
    """Remove an original whose bytes are of no use."""
    query = select(ArtifactRow).where(
        col(ArtifactRow.item) == item.id, col(ArtifactRow.kind) == ArtifactKind.ORIGINAL
    )
    for row in await session.scalars(query):
        await discard(session, Bucket(row.bucket), row.object_key)
        await change(session, item.owner, originals=-row.size)
        await session.delete(row)


async def _recognise(session: AsyncSession, item: ItemRow, job: JobRow) -> None:
    """Note the digest of an original that was found to be right, unless another item has it."""
    digest = job.inputs[0]["sha256"] if job.inputs else None
    query = select(col(ItemRow.id)).where(
        col(ItemRow.owner) == item.owner, col(ItemRow.sha256) == digest
    )
    if item.sha256 is None and digest and (await session.scalars(query)).first() is None:
        item.sha256 = digest


async def _held(session: AsyncSession, item: str) -> ItemRow:
    query = (
        select(ItemRow)
        .where(col(ItemRow.id) == item)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(query)).one()


def _artifact(job: JobRow, file: StoredFile, *, epoch: int, now: datetime) -> ArtifactRow:
    owner, subject, task = OwnerId(job.owner), subject_of(job), TaskName(job.task)
    return ArtifactRow(
        id=new_id(),
        owner=owner,
        **subject_columns(subject),
        job=job.id,
        bucket=Bucket.DERIVED.value,
        object_key=artifact_key(owner, subject, task, JobId(job.id), epoch, file.name),
        created=now,
        # What the row knows of an item of its own stands in the item's row.
        **file.model_dump(mode="json", exclude={"item", "title"}),
    )


def _child(
    parent: ItemRow | None, source: ArtifactRow, file: StoredFile, now: datetime
) -> tuple[ItemRow, ArtifactRow]:
    assert file.item is not None
    named = file.name.rpartition(".")[0]
    if parent is not None:
        named = f"{split_name(parent.name)[0]} – {named}"
    name = fit_name(file.title or named)
    child = ItemRow(
        id=new_id(),
        owner=source.owner,
        kind=file.item.value,
        state=ItemState.READY.value,
        name=name,
        search=search_text(name, {}),
        audio=source.audio,
        parent=parent.id if parent is not None else None,
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
        **subject_columns(Subject.of_item(child.id)),
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
    item.labels = _labels(item.labels, found.tags)
    item.search = search_text(item.name, item.labels)
    if item.bpm is None:
        item.bpm = _tempo_in(found.tags)


def _labels(said: Mapping[str, str], tags: Mapping[str, str]) -> dict[str, str]:
    """Return what the user said of an item, then what its file says, as far as there is room."""
    labels = dict(said)
    size = metadata_size(labels)
    for name, value in tags.items():
        more = metadata_size({name: value})
        if name in labels or len(labels) >= METADATA_ENTRIES or size + more > METADATA_BYTES:
            continue
        labels[name] = value
        size += more
    return labels


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
