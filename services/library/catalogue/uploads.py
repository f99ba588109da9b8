"""Uploads: a file announced, sent in parts to signed URLs, and joined when all of them are there.

Whether the bytes are the announced ones is for ingest to find, which reads them anyway. Until it
has, an item's digest is no more than what somebody said.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.identity import Principal
from contracts.ids import ItemId, JobId, OwnerId, UploadId
from contracts.ingest import IngestParams
from contracts.items import ArtifactKind, ItemKind, ItemState
from contracts.jobs import InputRef, Priority
from contracts.objects import Bucket, upload_key
from contracts.problems import FieldProblem, ProblemCode
from contracts.subjects import Subject
from contracts.tasks import TASKS, UPLOAD_TASK
from contracts.uploads import Upload, UploadCreate, UploadedPart, UploadPart, UploadState
from kit.clock import Clock, new_id
from kit.database.engine import Database, database_of
from kit.http.errors import ProblemError
from kit.objects.base import ObjectError, ObjectStore, PartFacts, UploadMissing
from services.library.access import Action
from services.library.catalogue.artifacts import fit_name, search_text
from services.library.catalogue.events import emit_artifact_added, emit_item_added
from services.library.catalogue.repository import Repository
from services.library.catalogue.tables import OPENING, ArtifactRow, ItemRow, UploadRow
from services.library.jobs.locks import hold_owner
from services.library.jobs.policy import Policy
from services.library.jobs.subjects import subject_columns
from services.library.jobs.submission import NewJob, create
from services.library.jobs.tables import JobRow
from services.library.jobs.transitions import discard
from services.library.settings import LibrarySettings
from services.library.usage import change, reserve

LASTS = timedelta(hours=24)
"""After this an upload that is not complete is dropped (S15)."""
SIGNED = timedelta(minutes=15)
"""How long a signed URL works (S11)."""
OPENED_WITHIN = timedelta(hours=1)
"""After this an upload that the store was never asked for is dropped."""
SHOWN = 100
"""Missing parts that are shown at a time."""
MAX_PARTS = 10_000
BINARY = "application/octet-stream"


class Uploads:
    """The uploads of everybody."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        *,
        clock: Clock,
        policy: Policy,
        settings: LibrarySettings,
    ) -> None:
        self._database = database
        self._clock = clock
        self._objects = objects
        self._policy = policy
        self._settings = settings
        self._completing: dict[str, asyncio.Task[None]] = {}

    async def create(self, repository: Repository, upload: UploadCreate) -> UploadRow:
        """Write an upload down; bytes that the owner has already need not be sent again.

        The store is asked once that is committed, by `open`: no lock is held meanwhile, and what
        it has opened is never unknown here.

        Raises
        ------
        ProblemError
            It is too large, or too much is stored or under way already.
        """
        session, owner = repository.session, repository.owner
        database = database_of(session)
        await hold_owner(session, owner)
        known = await _item_of(repository, upload.sha256)
        # Of an item that is being taken in, the digest is not known to be right.
        duplicate = known is not None and known.state != ItemState.INGESTING
        await self._admit(repository, upload, size=0 if duplicate else upload.size)
        now = await database.time(session)
        id_ = UploadId(new_id())
        row = UploadRow(
            id=id_,
            owner=owner,
            state=OPENING,
            name=fit_name(upload.name),
            size=upload.size,
            sha256=upload.sha256,
            kind=_kind_of(upload),
            stem=upload.stem.value if upload.stem else None,
            labels=dict(upload.metadata),
            object_key=upload_key(owner, id_),
            reference="",
            part_size=self._objects.part_size,
            created=now,
            expires=now + OPENED_WITHIN,
        )
        if known is not None and duplicate:
            await _close_as_duplicate(session, row, known)
        repository.uploads.add(row)
        await session.flush()
        return row

    async def open(self, principal: Principal, row: UploadRow) -> UploadRow:
        """Ask the store for an upload that was written down, unless that was done before.

        Raises
        ------
        ObjectError
            The store is away; whoever asks for the upload again tries again.
        """
        if row.state != OPENING:
            return row
        reference = await self._objects.start_upload(
            Bucket.ORIGINALS, row.object_key, media_type=BINARY
        )
        async with self._database.transaction() as session:
            held = await Repository(session, principal).upload(row.id, Action.WRITE, hold=True)
            mine = held.state == OPENING
            if mine:
                held.state, held.reference = UploadState.OPEN.value, reference
                held.expires = await self._database.time(session) + LASTS
        if not mine:
            # Another request was quicker, or gave the upload up.
            await self._objects.abort_upload(Bucket.ORIGINALS, row.object_key, reference)
        return held

    async def show(self, row: UploadRow) -> Upload:
        """Return an upload as the API shows it, with URLs for what is missing."""
        arrived: tuple[UploadedPart, ...] = ()
        missing: tuple[UploadPart, ...] = ()
        if row.state == UploadState.OPEN:
            parts = await self._arrived(row)
            arrived = tuple(
                UploadedPart(number=p.number, size=p.size, etag=p.etag) for p in parts.values()
            )
            missing = self._missing(row, parts)
        return Upload(
            id=UploadId(row.id),
            state=UploadState(row.state),
            name=row.name,
            size=row.size,
            part_size=row.part_size,
            received=arrived,
            missing=missing,
            item=ItemId(row.item) if row.item else None,
            job=JobId(row.job) if row.job else None,
            duplicate=row.duplicate,
            expires=row.expires,
        )

    async def complete(self, principal: Principal, id_: str) -> None:
        """Join the parts, each of its size, and make the item and its ingest job.

        Whoever asks again meanwhile, because a connection was lost for instance, waits for the
        same.

        Raises
        ------
        ProblemError
            Parts are missing, or are not of the size that was announced.
        """
        key = f"{principal.owner}/{id_}"
        task = self._completing.get(key)
        if task is None:
            task = asyncio.create_task(self._complete(principal, id_))
            self._completing[key] = task
            task.add_done_callback(lambda done: self._completed(key, done))
        await asyncio.shield(task)

    def _completed(self, key: str, task: asyncio.Task[None]) -> None:
        self._completing.pop(key, None)
        if not task.cancelled():
            # Looked at here, because whoever asked may be gone.
            task.exception()

    async def abort(self, principal: Principal, id_: str) -> None:
        """Drop an upload and what arrived of it."""
        async with self._database.transaction() as session:
            row = await Repository(session, principal).upload(id_, Action.WRITE, hold=True)
            if row.state == UploadState.COMPLETED:
                raise ProblemError(
                    ProblemCode.WRONG_STATE,
                    "This upload is complete; delete its item instead.",
                )
            await give_up(session, row)
        if row.reference:
            # At once, so that nothing more is taken; the note of it stands for what fails here.
            with contextlib.suppress(ObjectError):
                await self._objects.abort_upload(Bucket.ORIGINALS, row.object_key, row.reference)

    async def _complete(self, principal: Principal, id_: str) -> None:
        async with self._database.session() as session:
            row = await Repository(session, principal).upload(id_, Action.WRITE)
            now = await self._database.time(session)
        if row.state == UploadState.COMPLETED:
            return
        if row.state == UploadState.ABORTED or row.expires < now:
            raise _gone()
        await self._join(await self.open(principal, row))
        async with self._database.transaction() as session:
            await self.create_item(Repository(session, principal), id_)

    async def join(self, principal: Principal, id_: str) -> None:
        """Join the parts of an open upload without making an item of it.

        Raises
        ------
        ProblemError
            It is not open, or parts are missing.
        """
        async with self._database.session() as session:
            row = await Repository(session, principal).upload(id_, Action.WRITE)
        if row.state not in (OPENING, UploadState.OPEN):
            raise _gone()
        await self._join(await self.open(principal, row))

    async def _join(self, row: UploadRow) -> None:
        """Make one object of the parts, or raise what is wrong with them."""
        try:
            parts = await self._objects.parts(Bucket.ORIGINALS, row.object_key, row.reference)
            good = {p.number: p for p in parts if p.size == _size_of(row, p.number)}
            lacking = [n for n in range(1, _count(row) + 1) if n not in good]
            if lacking:
                shown = ", ".join(map(str, lacking[:10])) + (" …" if len(lacking) > 10 else "")
                raise ProblemError(
                    ProblemCode.WRONG_STATE,
                    f"Parts have not arrived whole: {shown}. GET the upload for their URLs.",
                )
            await self._objects.complete_upload(
                Bucket.ORIGINALS, row.object_key, row.reference, [good[n] for n in sorted(good)]
            )
        except UploadMissing:
            # An earlier try may have joined them before it was cut off.
            facts = await self._objects.head(Bucket.ORIGINALS, row.object_key)
            if facts is None or facts.size != row.size:
                raise _gone() from None

    async def create_item(self, repository: Repository, id_: str) -> None:
        """Make the item of an upload whose object is in the store."""
        session, owner = repository.session, repository.owner
        await hold_owner(session, owner)
        row = await repository.upload(id_, Action.WRITE, hold=True)
        if row.state == UploadState.COMPLETED:
            return
        if row.state == UploadState.ABORTED:
            await discard(session, Bucket.ORIGINALS, row.object_key)
            return
        if known := await _item_of(repository, row.sha256):
            # One that is being taken in as well: should its bytes turn out to be others, its
            # rejection says so, and the digest is free for whoever sends the file again.
            await _close_as_duplicate(session, row, known)
            await discard(session, Bucket.ORIGINALS, row.object_key)
            await change(session, owner, uploads=-row.size)
            return
        item, original = await self._add_item(repository, row)
        job = await self._ingest(session, item, original)
        row.state, row.item, row.job = UploadState.COMPLETED.value, item.id, job
        await session.flush()
        await change(session, owner, uploads=-row.size, originals=row.size)

    async def _add_item(
        self, repository: Repository, row: UploadRow
    ) -> tuple[ItemRow, ArtifactRow]:
        session = repository.session
        now = await database_of(session).time(session)
        item = ItemRow(
            id=new_id(),
            owner=row.owner,
            # Ingest judges by the length where nobody said what it is.
            kind=row.kind or ItemKind.RECORDING.value,
            declared=row.kind,
            state=ItemState.INGESTING.value,
            stem=row.stem,
            name=row.name,
            labels=dict(row.labels),
            search=search_text(row.name, row.labels),
            sha256=row.sha256,
            created=now,
            updated=now,
        )
        repository.items.add(item)
        await session.flush()
        original = ArtifactRow(
            id=new_id(),
            owner=row.owner,
            **subject_columns(Subject.of_item(item.id)),
            kind=ArtifactKind.ORIGINAL.value,
            name="original.bin",
            media_type=BINARY,
            size=row.size,
            sha256=row.sha256,
            bucket=Bucket.ORIGINALS.value,
            object_key=row.object_key,
            created=now,
        )
        repository.artifacts.add(original)
        await session.flush()
        await emit_item_added(session, item)
        await emit_artifact_added(session, original)
        return item, original

    async def _ingest(self, session: AsyncSession, item: ItemRow, original: ArtifactRow) -> str:
        source = InputRef(
            subject=Subject.of_item(item.id),
            kind=ArtifactKind.ORIGINAL,
            name=original.name,
            bucket=original.bucket,
            key=original.object_key,
            size=original.size,
            sha256=original.sha256,
        )
        new = NewJob(
            subject=Subject.of_item(item.id),
            task=UPLOAD_TASK,
            params=IngestParams(max_duration=self._settings.max_duration).model_dump(mode="json"),
            inputs=(source,),
            start_to_close_timeout=TASKS[UPLOAD_TASK].timeout(0.0),
            priority=Priority.INTERACTIVE,
            long=original.size > self._policy.long_upload,
            # The upload was admitted when it was opened; bytes that are there are not refused.
            admitted=True,
        )
        job, _ = await create(session, OwnerId(item.owner), new, policy=self._policy)
        return job.id

    async def _admit(self, repository: Repository, upload: UploadCreate, *, size: int) -> None:
        """Refuse an upload, or count the bytes that are to be sent."""
        max_bytes = min(self._settings.upload_bytes, self._objects.part_size * MAX_PARTS)
        if upload.size > max_bytes:
            raise ProblemError(
                ProblemCode.TOO_LARGE,
                f"A file has at most {max_bytes} bytes here; this one has {upload.size}.",
                fields=(FieldProblem(field="body.size", message=f"at most {max_bytes}"),),
            )
        under_way = select(func.count()).where(
            col(UploadRow.owner) == repository.owner,
            col(UploadRow.state).in_((OPENING, UploadState.OPEN)),
        )
        count = (await repository.session.execute(under_way)).scalar_one()
        if count >= self._settings.owner_uploads:
            raise ProblemError(
                ProblemCode.TOO_MANY_REQUESTS,
                f"{count} uploads of yours are under way; complete or abort some first.",
                retry_after=60,
            )
        shortage = await reserve(
            repository.session, repository.owner, limits=self._policy, uploads=size
        )
        if shortage is not None:
            raise ProblemError(
                ProblemCode.QUOTA_EXCEEDED,
                f"There is no room for this file. {shortage.message}",
                fields=(FieldProblem(field="body.size", message="more than may be stored"),),
            )

    async def _arrived(self, row: UploadRow) -> dict[int, PartFacts]:
        try:
            parts = await self._objects.parts(Bucket.ORIGINALS, row.object_key, row.reference)
        except UploadMissing:
            return {}
        return {p.number: p for p in parts if p.size == _size_of(row, p.number)}

    def _missing(self, row: UploadRow, arrived: Iterable[int]) -> tuple[UploadPart, ...]:
        there = set(arrived)
        now = self._clock.now()
        lasting = min(SIGNED, row.expires - now)
        if lasting <= timedelta():
            return ()
        numbers = [n for n in range(1, _count(row) + 1) if n not in there]
        return tuple(self._part(row, n, now, lasting) for n in numbers[:SHOWN])

    def _part(self, row: UploadRow, number: int, now: datetime, lasting: timedelta) -> UploadPart:
        size = _size_of(row, number)
        url = self._objects.sign_part(
            Bucket.ORIGINALS,
            row.object_key,
            row.reference,
            number=number,
            size=size,
            lasting=lasting,
        )
        return UploadPart(
            number=number,
            offset=(number - 1) * row.part_size,
            size=size,
            url=url,
            expires=now + lasting,
        )


async def give_up(session: AsyncSession, row: UploadRow) -> None:
    """Drop an upload that is under way and held, with all that arrived of it."""
    if row.state in (OPENING, UploadState.OPEN):
        row.state = UploadState.ABORTED.value
        await change(session, row.owner, uploads=-row.size)
        await discard(session, Bucket.ORIGINALS, row.object_key)


async def _item_of(repository: Repository, sha256: str) -> ItemRow | None:
    query = repository.items.select().where(col(ItemRow.sha256) == sha256)
    return (await repository.session.scalars(query)).one_or_none()


async def _close_as_duplicate(session: AsyncSession, row: UploadRow, item: ItemRow) -> None:
    query = (
        select(col(JobRow.id))
        .where(col(JobRow.item) == item.id, col(JobRow.task) == UPLOAD_TASK)
        .order_by(col(JobRow.created).desc(), col(JobRow.id).desc())
        .limit(1)
    )
    row.state = UploadState.COMPLETED.value
    row.item = item.id
    row.job = (await session.execute(query)).scalar_one_or_none()
    row.duplicate = True


def _kind_of(upload: UploadCreate) -> str | None:
    if upload.kind is not None:
        return upload.kind.value
    return ItemKind.STEM.value if upload.stem is not None else None


def _gone() -> ProblemError:
    return ProblemError(
        ProblemCode.GONE, "This upload has ended without being complete; begin a new one."
    )


def _count(row: UploadRow) -> int:
    # An empty file is one empty part: no store joins nothing.
    return max(1, -(-row.size // row.part_size))


def _size_of(row: UploadRow, number: int) -> int:
    return min(row.part_size, row.size - (number - 1) * row.part_size)
