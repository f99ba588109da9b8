"""Effects of a finished job: its files, what it changes of its item, and the runs that wait for it.

`Effects` runs in the transaction that finishes the job, just before it commits, whoever finished
it: a worker's event, the reaper, or a user who cancels. What a task does to its item is in the two
tables at the end of this module, and nowhere else.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType

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
    ItemKind,
    ItemState,
    metadata_size,
)
from contracts.jobs import JobState, Priority, Reason, ReasonCode, TaskName
from contracts.objects import Bucket
from contracts.subjects import Subject, SubjectKind
from contracts.tasks import TASKS
from services.library.catalogue.artifacts import add_files, hold_item, search_text
from services.library.catalogue.events import emit_item_changed
from services.library.catalogue.tables import ArtifactRow, DeletionRow, ItemRow
from services.library.catalogue.views import to_input_ref
from services.library.completion.rendered_cuts import drop_replaced_files
from services.library.jobs.policy import Policy
from services.library.jobs.submission import NewJob, create
from services.library.jobs.tables import JobRow
from services.library.jobs.transitions import FinishedJob, discard
from services.library.pipelines.runs import advance_waiting, hold_running
from services.library.pipelines.steps import canonical_audio, recently_offered
from services.library.usage import change, reserve

Effect = Callable[[AsyncSession, ItemRow, JobRow, Policy], Awaitable[None]]
"""Changes a locked item as its finished job says."""

MIN_STEADINESS = 0.5
"""Share of the evidence that agrees with a tempo, from which it becomes the tempo of its item."""
_FOUND_IN_BYTES = frozenset(refusal.value for refusal in RejectionReason)
"""Reasons for a rejection that ingest gives after it has verified the digest of the bytes."""


class RoomGone(Exception):
    """Concurrent transactions used up the storage that this result needs: try it again."""


class Effects:
    """The listener of `JOB_FINISHED`."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    async def __call__(self, session: AsyncSession, finished: Sequence[FinishedJob]) -> None:
        """Apply the effects of jobs that finished in a transaction.

        The caller holds the owner's lock and the rows of the jobs.

        Raises
        ------
        RoomGone
            The transaction must be tried again, and will then fail the job for lack of storage.
        """
        # Runs are locked before the items that files are added to: see `jobs.locks`.
        items = sorted({job.row.item for job in finished if job.row.item is not None})
        runs = [run for item in items for run in await hold_running(session, item)]
        for job in finished:
            await self._apply(session, job)
        await advance_waiting(session, runs, {job.row.id for job in finished}, policy=self._policy)
        for job in finished:
            # The counters of storage are the last row that any transaction locks, so that nobody
            # who waits for them is waited for.
            if job.row.subject_kind == SubjectKind.QUERY_SOUND:
                continue
            size = sum(file.size for file in job.files)
            if await reserve(session, job.row.owner, limits=self._policy, results=size):
                raise RoomGone

    async def _apply(self, session: AsyncSession, job: FinishedJob) -> None:
        row = job.row
        if row.subject_kind == SubjectKind.QUERY_SOUND:
            # It is in no list and takes no storage: `services.library.query_sounds` has its files.
            return
        effects = _ON_SUCCESS if row.state == JobState.SUCCEEDED else _OTHERWISE
        effect = effects.get(TaskName(row.task)) if row.item is not None else None
        if not job.files and effect is None:
            return
        item = await hold_item(session, row.item) if row.item is not None else None
        if job.files:
            await add_files(session, row, item, job.files)
        if effect is not None and item is not None:
            await effect(session, item, row, self._policy)


async def one_shot_tagging(session: AsyncSession, item: str | None) -> JobId | None:
    """Return the tagging job that the ingest of a one-shot sample submitted, if there is one."""
    query = (
        select(col(JobRow.id))
        .where(col(JobRow.item) == item, col(JobRow.task) == TaskName.TAGGING)
        .where(col(JobRow.run).is_(None))
        .order_by(col(JobRow.created), col(JobRow.id))
        .limit(1)
    )
    job = (await session.execute(query)).scalar_one_or_none()
    return JobId(job) if job else None


async def _make_ready(session: AsyncSession, item: ItemRow, job: JobRow, policy: Policy) -> None:
    """Make an ingested item ready, with what its file says of itself."""
    result = IngestResult.model_validate(job.result)
    await _set_digest(session, item, job)
    item.state = ItemState.READY.value
    item.rejection = None
    item.audio = result.audio.model_dump(mode="json")
    item.kind = result.kind.value
    item.labels = _labels(item.labels, result.tags)
    item.search = search_text(item.name, item.labels)
    if item.bpm is None:
        item.bpm = result.stated.bpm
    await _save(session, item, job)
    if item.kind == ItemKind.SAMPLE:
        await _tag_one_shot(session, item, job, policy)


async def _reject(session: AsyncSession, item: ItemRow, job: JobRow, policy: Policy) -> None:
    """Reject an item whose upload could not be ingested, unless another attempt made it ready."""
    if item.state == ItemState.READY:
        return
    if job.reason_code == ReasonCode.DAMAGED_FILE:
        # A file that is missing may come back with the disk it is on; a damaged one never does.
        await _drop_original(session, item)
    if job.reason_code not in _FOUND_IN_BYTES:
        # Nobody has verified that the bytes have this digest, so an upload with the same digest is
        # no duplicate of them.
        item.sha256 = None
        if (hidden := await session.get(DeletionRow, item.id)) is not None:
            hidden.sha256 = None
    if job.state == JobState.CANCELLED:
        rejection = "Taking it in was cancelled. Ask for the ingest job again, or delete the item."
    else:
        rejection = Reason.model_validate(job.reason).message
    item.state = ItemState.REJECTED.value
    item.rejection = rejection
    await _save(session, item, job)


async def _set_tempo(session: AsyncSession, item: ItemRow, job: JobRow, policy: Policy) -> None:
    """Give an item the tempo that an analysis measured, unless it has one."""
    tempo = AnalysisResult.model_validate(job.result).tempo
    if tempo is None or tempo.steadiness < MIN_STEADINESS:
        return
    if "tempo" in item.corrected:
        if item.uncorrected_bpm is None:
            item.uncorrected_bpm = tempo.bpm
    elif item.bpm is None:
        item.bpm = tempo.bpm
        await _save(session, item, job)


async def _save(session: AsyncSession, item: ItemRow, job: JobRow) -> None:
    assert job.finished is not None
    item.updated = job.finished
    await session.flush()
    await emit_item_changed(session, item)


async def _tag_one_shot(session: AsyncSession, item: ItemRow, job: JobRow, policy: Policy) -> None:
    """Submit the tagging of a one-shot sample: what it is, is the first thing its owner needs."""
    audio = await canonical_audio(session, item.id)
    task = TASKS.get(TaskName.TAGGING)
    if audio is None or task is None or not await recently_offered(session, TaskName.TAGGING):
        # Nobody asked for this job, so on a server without a tagging worker it would wait for ever.
        return
    new = NewJob(
        subject=Subject.of_item(item.id),
        task=TaskName.TAGGING,
        params=task.params().model_dump(mode="json"),
        inputs=(to_input_ref(audio),),
        start_to_close_timeout=task.timeout(0.0),
        tempo=item.bpm,
        priority=Priority(job.priority),
        admitted=True,
    )
    await create(session, OwnerId(item.owner), new, policy=policy)


async def _drop_original(session: AsyncSession, item: ItemRow) -> None:
    """Remove an original whose bytes cannot be used."""
    query = select(ArtifactRow).where(
        col(ArtifactRow.item) == item.id, col(ArtifactRow.kind) == ArtifactKind.ORIGINAL
    )
    for row in await session.scalars(query):
        await discard(session, Bucket(row.bucket), row.object_key)
        await change(session, item.owner, originals=-row.size)
        await session.delete(row)


async def _set_digest(session: AsyncSession, item: ItemRow, job: JobRow) -> None:
    """Set the verified digest of an original, unless another item of the owner has it.

    A hidden item's is kept for its return, as its bytes may be uploaded again.
    """
    if not job.inputs or job.inputs[0]["kind"] != ArtifactKind.ORIGINAL:
        # The mix of a multitrack has no original of its own.
        return
    digest = job.inputs[0]["sha256"]
    query = select(col(ItemRow.id)).where(
        col(ItemRow.owner) == item.owner, col(ItemRow.sha256) == digest
    )
    if (hidden := await session.get(DeletionRow, item.id)) is not None:
        hidden.sha256 = digest
    elif item.sha256 is None and digest and (await session.scalars(query)).first() is None:
        item.sha256 = digest


def _labels(of_user: Mapping[str, str], tags: Mapping[str, str]) -> dict[str, str]:
    """Return the user's metadata, then the tags of the file as far as there is room."""
    labels = dict(of_user)
    size = metadata_size(labels)
    for name, value in tags.items():
        more = metadata_size({name: value})
        if name in labels or len(labels) >= METADATA_ENTRIES or size + more > METADATA_BYTES:
            continue
        labels[name] = value
        size += more
    return labels


_ON_SUCCESS: Mapping[TaskName, Effect] = MappingProxyType(
    {
        TaskName.INGEST: _make_ready,
        TaskName.ANALYSIS: _set_tempo,
        TaskName.SLICING: drop_replaced_files,
    }
)
_OTHERWISE: Mapping[TaskName, Effect] = MappingProxyType({TaskName.INGEST: _reject})
"""What tasks do to their item when a job failed, was skipped or was cancelled."""
