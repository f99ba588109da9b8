"""What finished jobs over query sounds lead to: after ingest tagging, after tagging its vector."""

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from datetime import timedelta

from pydantic import ValidationError
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.ids import JobId, OwnerId
from contracts.ingest import IngestResult
from contracts.items import ArtifactKind
from contracts.jobs import InputRef, JobState, Reason, StoredFile, TaskName
from contracts.music import Seconds
from contracts.objects import Bucket, artifact_key, subject_prefix
from contracts.search import MeasuredField
from contracts.similarity import QuerySoundState
from contracts.subjects import SubjectKind
from contracts.tagging import SoundFacts, TaggingParams, Tags, TagTarget
from contracts.tasks import TASKS, UPLOAD_TASK
from kit.clock import Clock
from kit.database.engine import Database
from kit.database.notifications import notify_on_commit
from kit.objects.base import ObjectCorrupt, ObjectError, ObjectMissing, ObjectStore
from services.library.background import follow, repeat, until
from services.library.jobs.locks import hold_owner
from services.library.jobs.policy import Policy
from services.library.jobs.subjects import subject_of
from services.library.jobs.submission import NewJob, create
from services.library.jobs.tables import JobRow
from services.library.jobs.transitions import (
    ATTEMPT_GARBAGE_AFTER,
    FinishedJob,
    discard_all,
    finish,
)
from services.library.query_sounds.query_sounds import query_subject
from services.library.query_sounds.tables import QuerySoundRow
from services.library.similarity.sound_vectors import BadVector, read_sound

log = logging.getLogger(__name__)

UNREAD = "unread query sounds"
"""`Database.listen` gives the event of a query sound whose tags wait to be read."""
MAX_TAG_BYTES = 1 << 20
READ_TIMEOUT: Seconds = 10.0
POLL: Seconds = 1.0
REMOVE_EVERY = timedelta(minutes=1)
AT_ONCE = 50
"""Query sounds that are removed one after the other before the next pause."""
_SILENT = "This file is silent, so nothing can sound like it. Send a part with sound."
_MEASURED = [
    measure.value
    for measure in MeasuredField
    if measure not in (MeasuredField.BPM, MeasuredField.DURATION)
]


class QuerySoundResults:
    """The listener of `JOB_FINISHED` for query sounds."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    async def __call__(self, session: AsyncSession, finished: Sequence[FinishedJob]) -> None:
        """Apply what jobs that finished in a transaction found out.

        The caller holds the owner's lock and the rows of the jobs.
        """
        for job in finished:
            if job.row.subject_kind == SubjectKind.QUERY_SOUND:
                await self._apply(session, job)

    async def _apply(self, session: AsyncSession, job: FinishedJob) -> None:
        row = job.row
        sound = await session.get(QuerySoundRow, row.subject_id, with_for_update=True)
        if sound is None or sound.state != QuerySoundState.WAITING:
            return
        if row.state == JobState.SKIPPED:
            _fail(sound, _SILENT)
        elif row.state != JobState.SUCCEEDED:
            reason = Reason.model_validate(row.reason).message if row.reason else ""
            _fail(sound, reason or "Describing this sound was cancelled. Send it again.")
        elif row.task == UPLOAD_TASK:
            await self._tag(session, sound, job)
        else:
            file = next(file for file in job.files if file.kind is ArtifactKind.TAGS)
            sound.tags_key, sound.tags_sha256 = _key(row, file), file.sha256
            notify_on_commit(session, UNREAD)
        await session.flush()

    async def _tag(self, session: AsyncSession, sound: QuerySoundRow, job: FinishedJob) -> None:
        result = IngestResult.model_validate(job.row.result)
        sound.measured = {
            MeasuredField.DURATION.value: result.audio.duration,
            MeasuredField.BPM.value: result.stated.bpm,
        }
        file = next(file for file in job.files if file.kind is ArtifactKind.CANONICAL)
        source = InputRef(
            subject=subject_of(job.row),
            kind=file.kind,
            name=file.name,
            bucket=Bucket.DERIVED.value,
            key=_key(job.row, file),
            size=file.size,
            sha256=file.sha256,
        )
        new = NewJob(
            subject=source.subject,
            task=TaskName.TAGGING,
            params=TaggingParams(target=TagTarget.SAMPLES).model_dump(mode="json"),
            inputs=(source,),
            start_to_close_timeout=TASKS[TaskName.TAGGING].timeout(result.audio.duration),
            first=True,
            admitted=True,
        )
        await create(session, OwnerId(sound.owner), new, policy=self._policy)


class QuerySounds:
    """Reads the vectors of query sounds, and removes the sounds that have expired."""

    def __init__(self, database: Database, objects: ObjectStore, *, clock: Clock) -> None:
        self._database = database
        self._objects = objects
        self._clock = clock

    async def run(self, stopping: asyncio.Event) -> None:
        """Read and remove until `stopping` is set."""
        await until(
            stopping,
            # Without a leader, which would keep a connection: two that read write the same.
            follow(self._database, "query sounds", UNREAD, self.read, poll=POLL),
            repeat(self.remove_expired, every=REMOVE_EVERY, clock=self._clock),
        )

    async def read(self) -> bool:
        """Read the tags of the next query sound; return whether there was one."""
        row = QuerySoundRow
        query = (
            select(row)
            .where(col(row.tags_key).is_not(None), col(row.expires) > self._database.now())
            .order_by(col(row.created), col(row.id))
            .limit(1)
        )
        async with self._database.session() as session:
            unread = (await session.scalars(query)).one_or_none()
        if unread is None:
            return False
        try:
            tags = await self._fetch(str(unread.tags_key), str(unread.tags_sha256))
        except ObjectError as error:
            # The sound expires, so it is tried again without counting.
            log.warning("the query sound %s waits for its tags: %s", unread.id, error)
            return False
        async with self._database.transaction() as session:
            held = await session.get(row, unread.id, with_for_update=True)
            if held is not None and held.tags_key == unread.tags_key:
                _describe(held, tags)
        return True

    async def _fetch(self, key: str, sha256: str) -> Tags | None:
        """Read a file of tags; `None` if it is damaged. Raises `ObjectError`."""
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                data = await self._objects.get_bytes(Bucket.DERIVED, key, limit=MAX_TAG_BYTES)
            if hashlib.sha256(data).hexdigest() != sha256:
                return None
            return Tags.model_validate_json(data)
        except (ObjectMissing, ObjectCorrupt, ValidationError):
            return None
        except TimeoutError as error:
            raise ObjectError(f"they were not read within {READ_TIMEOUT:.0f} s") from error

    async def remove_expired(self) -> None:
        """Remove query sounds that have expired, with their jobs and objects."""
        row = QuerySoundRow
        query = (
            select(col(row.owner), col(row.id))
            .where(col(row.expires) <= self._database.now())
            .order_by(col(row.expires))
            .limit(AT_ONCE)
        )
        async with self._database.session() as session:
            expired = (await session.execute(query)).all()
        for owner, id_ in expired:
            async with self._database.transaction() as session:
                await hold_owner(session, owner)
                await _remove(session, OwnerId(owner), id_)


def _describe(sound: QuerySoundRow, tags: Tags | None) -> None:
    """Write what tags say of a sound."""
    sound.tags_key = sound.tags_sha256 = None
    sample = tags.samples[0] if tags is not None and tags.samples else None
    try:
        described = read_sound(sample.vector) if sample and sample.vector else None
    except BadVector:
        described = None
    if sample is None or described is None:
        _fail(sound, "This sound could not be described. Send it again, or another part of it.")
        return
    facts = sample.sound or SoundFacts()
    sound.measured = sound.measured | {name: getattr(facts, name) for name in _MEASURED}
    sound.space, sound.version = described.space.name, described.space.version
    sound.vector = described.vector.astype("<f2").tobytes()
    sound.state = QuerySoundState.READY.value


def _fail(sound: QuerySoundRow, reason: str) -> None:
    sound.state, sound.reason = QuerySoundState.FAILED.value, reason


async def _remove(session: AsyncSession, owner: OwnerId, id_: str) -> None:
    """Remove a query sound; a job that still runs is told at its next heartbeat.

    The caller holds the owner's lock.
    """
    sound = await session.get(QuerySoundRow, id_)
    if sound is None:
        return
    of_it = (
        col(JobRow.subject_kind) == SubjectKind.QUERY_SOUND,
        col(JobRow.subject_id) == id_,
        col(JobRow.owner) == owner,
    )
    jobs = await session.scalars(select(JobRow).where(*of_it).with_for_update(key_share=True))
    for job in jobs:
        if job.state in (JobState.QUEUED, JobState.RUNNING):
            await finish(session, job, JobState.CANCELLED, with_effects=False)
    await session.execute(delete(JobRow).where(*of_it).execution_options(synchronize_session=False))
    await session.delete(sound)
    prefix = subject_prefix(owner, query_subject(id_))
    # An attempt that is not told yet may still write.
    times = (timedelta(), ATTEMPT_GARBAGE_AFTER)
    await discard_all(
        session,
        [
            (Bucket.ORIGINALS, sound.object_key, timedelta()),
            *((Bucket.DERIVED, prefix, after) for after in times),
        ],
    )


def _key(job: JobRow, file: StoredFile) -> str:
    return artifact_key(
        OwnerId(job.owner),
        subject_of(job),
        TaskName(job.task),
        JobId(job.id),
        job.epoch,
        file.name,
    )
