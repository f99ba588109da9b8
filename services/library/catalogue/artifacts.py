"""Artifacts: the files of finished jobs, and the items that are cut from another item."""

import unicodedata
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.ids import JobId, OwnerId
from contracts.items import ArtifactKind, ItemState
from contracts.jobs import StoredFile, TaskName
from contracts.objects import Bucket, artifact_key
from contracts.subjects import Subject
from kit.clock import new_id
from kit.database.engine import database_of
from kit.database.upsert import insert_into
from services.library.catalogue.changes import item_changed
from services.library.catalogue.events import artifact_added, item_added
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
    children = [
        _child(item, row, file, job.finished)
        for row, file in zip(artifacts, files, strict=True)
        if file.item is not None
    ]
    session.add_all(child for child, _ in children)
    await session.flush()
    session.add_all((*artifacts, *(own for _, own in children)))
    await session.flush()
    await _store_waveforms(session, item, files, [child for child, _ in children])
    for child, _ in children:
        item_changed(session, child)
    added = [artifact_added(row) for row in artifacts]
    await record_all(session, added + [item_added(child) for child, _ in children])


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
        The items that files became, in the order of these files.
    """
    items = iter(children)
    rows = []
    for file in files:
        owner = next(items) if file.item is not None else item
        is_audio = file.item is not None or file.kind is ArtifactKind.CANONICAL
        if file.waveform is not None and is_audio and owner is not None:
            rows.append({"item": owner.id, "data": b64decode(file.waveform)})
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
        **file.model_dump(mode="json", exclude={"item", "title", "bpm", "waveform"}),
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
        bpm=file.bpm,
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
