"""Artifacts: the files of finished jobs, and the items that are cut from another item."""

import unicodedata
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.ids import ItemId, JobId, OwnerId
from contracts.items import ArtifactKind, ItemState
from contracts.jobs import StoredFile, TaskName
from contracts.objects import Bucket, artifact_key
from contracts.subjects import Subject
from kit.clock import new_id
from kit.database.engine import database_of
from kit.database.upsert import insert_into
from services.library.catalogue.changes import item_changed
from services.library.catalogue.events import artifact_added, emit_items_changed, item_added
from services.library.catalogue.tables import ArtifactRow, ItemRow, WaveformRow
from services.library.events.outbox import record_all
from services.library.jobs.subjects import subject_columns, subject_of
from services.library.jobs.tables import JobRow

_WAVEFORMS = WaveformRow.metadata.tables["waveforms"]
SEARCHED = 8192
"""Characters of an item in which a search looks for its words."""
_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("wav", "wave", "bwf", "rf64", "w64", "caf", "aif", "aiff", "aifc", "au", "flac", "mp3"),
        *("mp2", "mpga", "ogg", "oga", "opus", "spx", "m4a", "m4b", "aac", "mp4", "m4v", "mov"),
        *("mkv", "mka", "webm", "wma", "wv", "tta", "ape", "ac3", "avi", "ts"),
    )
)
"""Suffixes of audio files."""
NAME_BYTES = 255
"""Of an item's name in UTF-8: what every file system takes (S11)."""


async def hold_item(session: AsyncSession, item: str) -> ItemRow:
    """Return an item as it is now and lock its row until the transaction ends."""
    query = (
        select(ItemRow)
        .where(col(ItemRow.id) == item)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(query)).one()


async def add_files(
    session: AsyncSession, job: JobRow, item: ItemRow | None, files: Sequence[StoredFile]
) -> None:
    """Add the files of a finished job to the catalogue.

    Every file becomes an artifact of the job's subject. A file with `item` set also becomes an item
    of its own, whose canonical audio it is, cut from the subject if that is an item.

    Parameters
    ----------
    item
        The subject of the job, locked, if it is an item.
    """
    assert job.finished is not None
    artifacts = [_artifact(job, file, now=job.finished) for file in files]
    for row in artifacts:
        if row.kind == ArtifactKind.CANONICAL and item is not None:
            row.stem = item.stem
    known = await _items_to_replace(session, item, files)
    cut: list[ItemRow] = []
    new: list[ItemRow] = []
    own: list[ArtifactRow] = []
    changed: list[ItemRow] = []
    for row, file in zip(artifacts, files, strict=True):
        if file.item is None:
            continue
        child = known.pop(file.replaces, None) if file.replaces is not None else None
        if child is None:
            child = _child(item, row, file, job.finished)
            new.append(child)
        elif _replace_audio(child, row, file, job.finished):
            changed.append(child)
        cut.append(child)
        own.append(_canonical_of(child, row))
    session.add_all(new)
    await session.flush()
    session.add_all((*artifacts, *own))
    await session.flush()
    await _store_waveforms(session, item, files, cut)
    for child in new:
        item_changed(session, child)
    added = [artifact_added(row) for row in artifacts]
    await record_all(session, added + [item_added(child) for child in new])
    await emit_items_changed(session, changed)


async def _items_to_replace(
    session: AsyncSession, item: ItemRow | None, files: Sequence[StoredFile]
) -> dict[ItemId, ItemRow]:
    """Return the items that get a file as their audio, as far as they were cut from `item`."""
    ids = [file.replaces for file in files if file.replaces is not None]
    if not ids or item is None:
        return {}
    query = (
        select(ItemRow)
        .where(col(ItemRow.id).in_(ids), col(ItemRow.parent) == item.id)
        .order_by(col(ItemRow.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {ItemId(row.id): row for row in await session.scalars(query)}


def _replace_audio(child: ItemRow, source: ArtifactRow, file: StoredFile, now: datetime) -> bool:
    """Give an item other boundaries; return whether they differ from those that it had."""
    if (child.start, child.end) == (file.start, file.end):
        return False
    child.audio, child.parent_job = source.audio, source.job
    child.start, child.end = file.start, file.end
    if "tempo" in child.corrected:
        child.uncorrected_bpm = file.bpm
    elif file.bpm is not None:
        child.bpm = file.bpm
    child.updated = now
    return True


async def _store_waveforms(
    session: AsyncSession,
    item: ItemRow | None,
    files: Sequence[StoredFile],
    children: Sequence[ItemRow],
) -> None:
    """Store the waveforms of files that are the audio of an item.

    Of two ingests of one item the first counts: they decode the same bytes.

    Parameters
    ----------
    children
        The items that files became or replaced the audio of, in the order of these files.
    """
    items = iter(children)
    rows = []
    replaced = []
    for file in files:
        owner = next(items) if file.item is not None else item
        is_audio = file.item is not None or file.kind is ArtifactKind.CANONICAL
        if file.waveform is not None and is_audio and owner is not None:
            rows.append({"item": owner.id, "data": b64decode(file.waveform)})
            if file.replaces == owner.id:
                replaced.append(owner.id)
    if replaced:
        outdated = delete(WaveformRow).where(col(WaveformRow.item).in_(replaced))
        await session.execute(outdated.execution_options(synchronize_session=False))
    if rows:
        new = insert_into(database_of(session), _WAVEFORMS).on_conflict_do_nothing()
        await session.execute(new, rows)


def fold(text: str, *, max_length: int | None = None) -> str:
    """Return a text as it is searched: without case, accents and width.

    Parameters
    ----------
    max_length
        Characters that are read, and that are returned. One that is read may be written out as
        18 (U+FDFA), so both are cut.
    """
    plain = unicodedata.normalize("NFKD", text[:max_length].casefold())[:max_length]
    return "".join(c for c in plain if not unicodedata.combining(c))


def search_text(name: str, labels: Mapping[str, str]) -> str:
    """Return what a text search looks for an item in: its name, and labels as far as they fit."""
    return fold(" ".join((name, *labels.values())), max_length=SEARCHED)


def fit_name(text: str) -> str:
    """Return a name as it is kept: NFC, no control characters, at max_length 255 bytes (S11)."""
    name = unicodedata.normalize("NFC", text)
    name = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in name).strip()
    start, suffix = split_name(name)
    room = NAME_BYTES - len(suffix.encode())
    return start.encode()[:room].decode(errors="ignore") + suffix or "untitled"


def split_name(name: str) -> tuple[str, str]:
    """Return a name and the ending, with its dot, by which it is known as a file of sound."""
    start, dot, suffix = name.rpartition(".")
    suffix = dot + suffix
    return (start, suffix) if start and suffix.lower() in _SUFFIXES else (name, "")


def _artifact(job: JobRow, file: StoredFile, *, now: datetime) -> ArtifactRow:
    owner, subject, task = OwnerId(job.owner), subject_of(job), TaskName(job.task)
    return ArtifactRow(
        id=new_id(),
        owner=owner,
        **subject_columns(subject),
        job=job.id,
        bucket=Bucket.DERIVED.value,
        object_key=artifact_key(owner, subject, task, JobId(job.id), job.epoch, file.name),
        created=now,
        # A new item keeps its kind, title and tempo in its own row, waveforms are in another table.
        **file.model_dump(mode="json", exclude={"item", "title", "bpm", "waveform", "replaces"}),
    )


def _child(parent: ItemRow | None, source: ArtifactRow, file: StoredFile, now: datetime) -> ItemRow:
    assert file.item is not None
    named = file.name.rpartition(".")[0]
    if parent is not None:
        named = f"{split_name(parent.name)[0]} – {named}"
    name = fit_name(file.title or named)
    return ItemRow(
        id=new_id(),
        owner=source.owner,
        kind=file.item.value,
        state=ItemState.READY.value,
        name=name,
        search=search_text(name, {}),
        audio=source.audio,
        bpm=file.bpm,
        parent=parent.id if parent is not None else None,
        parent_job=source.job,
        stem=source.stem,
        start=file.start,
        end=file.end,
        created=now,
        updated=now,
    )


def _canonical_of(child: ItemRow, source: ArtifactRow) -> ArtifactRow:
    """Return the same object under the child's own name.

    Jobs over the child read it like any other canonical audio.
    """
    own = source.model_dump() | {
        "id": new_id(),
        **subject_columns(Subject.of_item(child.id)),
        "kind": ArtifactKind.CANONICAL.value,
        "start": None,
        "end": None,
    }
    return ArtifactRow(**own)
