"""Jobs: tasks, states, outcomes, and the messages between workers and the library."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from contracts.base import Message, StrictModel
from contracts.collections import CollectionRef
from contracts.cuts import Cut
from contracts.export import ExportFacts
from contracts.ids import ArtifactId, ItemId, JobId, OwnerId, RunId, WorkerId
from contracts.items import (
    ArtifactKind,
    ArtifactName,
    AudioFacts,
    ItemKind,
    MediaType,
    Sha256,
)
from contracts.music import Bpm, Samples, Seconds, Stem
from contracts.subjects import Subject
from contracts.waveforms import WaveformData
from contracts.weights import ModelWeights

Params = dict[str, Any]
"""A task's parameters as JSON, already validated by the task's own model."""
ResultData = dict[str, Any]
"""A task's result as JSON, dumped from the task's own model."""


class TaskName(StrEnum):
    """A task; its name is also the worker's folder, the topic prefix and the metric label."""

    INGEST = "ingest"
    SEPARATION = "separation"
    SLICING = "slicing"
    TAGGING = "tagging"
    MIDI = "midi"
    TRANSCRIBE = "transcribe"
    ANALYSIS = "analysis"
    EXPORT = "export"


class JobState(StrEnum):
    """The state of a job; `succeeded`, `skipped`, `failed` and `cancelled` are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Whether the state is final."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


class Priority(StrEnum):
    """Interactive jobs go first, until a batch job has waited for half an hour."""

    INTERACTIVE = "interactive"
    BATCH = "batch"


class ReasonCode(StrEnum):
    """Why a job failed, as a code for programs; `Reason.message` is the text for people."""

    INPUT = "input"
    """The audio cannot be used; a retry would not help."""
    LIMITS = "limits"
    """The audio is longer or larger than this service accepts."""
    TIMEOUT = "timeout"
    """The job ran longer than its timeout, which depends on the audio's duration."""
    EXPIRED = "expired"
    """No worker claimed the job in time."""
    CRASH = "crash"
    """The file crashed its process three times and is in quarantine."""
    EXHAUSTED = "exhausted"
    """Every attempt failed with a temporary error; no retries are left."""
    INTERNAL = "internal"
    """Internal error: a bug in the service."""
    QUOTA = "quota"
    """The results exceed the storage limit of the account or the server."""
    STORE_FULL = "store_full"
    """The file storage is full; the job waits until there is space."""
    DAMAGED_FILE = "damaged_file"
    """A stored file that the job reads does not match its SHA-256."""
    MISSING_FILE = "missing_file"
    """A stored file that the job reads is missing."""


class Progress(Message):
    """Progress of a running job."""

    fraction: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    """Completed share, 0 to 1."""
    message: Annotated[str, StringConstraints(max_length=200)] = ""
    previews: tuple[str, ...] = ()
    """Names of previews: finished parts of files, which `GET /v1/jobs/{job}/previews/{name}`
    returns while the job runs. They are not artifacts and are deleted with the attempt."""


class Reason(Message):
    """Why a job failed or was skipped."""

    code: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$", max_length=64)]
    """A code for programs, such as `timeout`; for a skipped job a code of its task, such as
    `silent`."""
    message: Annotated[str, StringConstraints(max_length=2000)]
    """Text for a person: what was wrong and what to do."""


class Producer(Message):
    """The engine, version and weights that made a result.

    The library reuses a result only while a worker still offers its producer.
    """

    engine: Annotated[str, StringConstraints(max_length=100)]
    version: Annotated[str, StringConstraints(max_length=40)]
    """Version of the service; it changes whenever results would change."""
    weights: Annotated[str, StringConstraints(max_length=200)] = ""
    """Names and versions of the weights in use, for people."""
    fingerprint: Sha256
    """Digest of the engine, the version, the weights and the weights' digests."""


class InputFacts(Message):
    """The properties of a file that a job reads."""

    kind: ArtifactKind
    name: str
    subject: Subject
    """The subject that the file belongs to, which may differ from the job's subject."""
    artifact: ArtifactId | None = None
    """`None` for the original file that ingest decodes."""
    sha256: Sha256
    stem: Stem | None = None
    start: Samples | None = None
    """First sample in the job's item, if the file was cut from it."""
    end: Samples | None = None
    """One past the last sample."""


class InputRef(InputFacts):
    """A file that a job reads, by its place in the object store."""

    bucket: str
    key: str
    size: int


class ItemFacts(Message):
    """The properties of a job's item that a worker receives."""

    id: ItemId
    kind: ItemKind
    name: str
    declared: ItemKind | None = None
    """The kind that the uploader declared; only for ingest."""
    audio: AudioFacts | None = None
    bpm: Bpm | None = None


MAX_CLAIMS = 64
"""Maximum number of jobs per claim."""


class WorkerInfo(StrictModel):
    """What administrators see of a worker, besides its producer."""

    host: Annotated[str, StringConstraints(max_length=100)]
    device: Annotated[str, StringConstraints(max_length=20)]
    slots: Annotated[int, Field(ge=1, le=10_000)]
    models: Annotated[tuple[ModelWeights, ...], Field(max_length=50)] = ()


class ClaimRequest(StrictModel):
    """A worker's request for the next jobs of its task."""

    task: TaskName
    worker: WorkerId
    producer: Producer
    about: WorkerInfo | None = None
    """Sent with the first claim and about once a minute."""
    max_jobs: int = Field(default=1, ge=1, le=MAX_CLAIMS)
    """The number of free slots."""
    max_long_jobs: int = Field(default=MAX_CLAIMS, ge=0, le=MAX_CLAIMS)
    """How many of the claimed jobs may be long ones."""


class Claim(Message):
    """A job that the library hands to a worker, with a lease and a fencing token (`epoch`)."""

    job: JobId
    epoch: int
    attempt: int
    task: TaskName
    owner: OwnerId
    subject: Subject
    """What the job works on."""
    item: ItemFacts | None = None
    """The subject's properties if it is an item, otherwise `None`."""
    export: ExportFacts | None = None
    """Names, rights and producers of what the job reads, if its task needs them."""
    cuts: tuple[Cut, ...] | None = None
    """The user's cuts of the recording, if its task is slicing and there are any."""
    inputs: tuple[InputRef, ...]
    params: Params
    long: bool = False
    """Whether the job is expected to take long."""
    lease: Seconds
    """The lease expires this long after the last heartbeat."""
    start_to_close_timeout: Seconds
    """The attempt must finish within this time after the claim."""
    traceparent: str = ""


class Claims(Message):
    """The claimed jobs, the most urgent first; empty if none waits."""

    claims: tuple[Claim, ...]


class Heartbeat(StrictModel):
    """A worker's request that extends its lease and reports progress."""

    worker: WorkerId
    epoch: int
    progress: Progress = Progress()


class LeaseStatus(StrEnum):
    """The status of a lease, in the library's response to a heartbeat or a release."""

    HELD = "held"
    """The worker holds the lease: continue."""
    CANCELLED = "cancelled"
    """The worker holds the lease, but the job was cancelled: stop, then send `job.released`."""
    LOST = "lost"
    """The worker lost the lease: kill the child process and upload nothing more."""


class HeartbeatAnswer(Message):
    """The library's response to a heartbeat."""

    status: LeaseStatus


class FileFacts(Message):
    """The description that a handler gives of a file that it writes."""

    name: ArtifactName
    kind: ArtifactKind
    media_type: MediaType
    stem: Stem | None = None
    item: ItemKind | None = None
    """If set, the file becomes an item of this kind; its parent is the job's item, if any."""
    title: Annotated[str, StringConstraints(max_length=200)] = ""
    """The name of that item."""
    bpm: Bpm | None = None
    """The tempo of that item, if it is known."""
    start: Samples | None = None
    end: Samples | None = None
    audio: AudioFacts | None = None
    waveform: WaveformData | None = None
    """The waveform of that item, or of the job's item if the file is its canonical audio."""
    replaces: ItemId | None = None
    """The item that gets the file as its audio, in place of a new item: one that was cut from the
    job's item before. If it is gone, a new item is made."""


class StoredFile(FileFacts):
    """A file that an attempt stored, as listed in its manifest."""

    size: Annotated[int, Field(ge=0)]
    sha256: Sha256


class Manifest(Message):
    """The last object that an attempt stores: its result and every file.

    Without it the attempt does not count.
    """

    job: JobId
    epoch: int
    producer: Producer
    result: ResultData
    files: tuple[StoredFile, ...] = ()


# Events that workers publish on `jobs.events`; each carries the epoch as its fencing token.


class JobCompleted(Message):
    """An attempt is complete and its manifest is stored."""

    job: JobId
    epoch: int
    worker: WorkerId
    manifest_key: str
    manifest_sha256: Sha256
    manifest: Manifest | None = None
    """The manifest itself, if it is small enough to be inlined."""


class JobSkipped(Message):
    """An attempt found nothing to do, for example because the audio is silent or too short."""

    job: JobId
    epoch: int
    worker: WorkerId
    producer: Producer
    reason: Reason


class FailureKind(StrEnum):
    """The kind of a failed attempt, which decides whether the job is retried."""

    REJECTED = "rejected"
    """The input is unusable: not retried."""
    RETRYABLE = "retryable"
    """A temporary error: retried with backoff."""
    CRASH = "crash"
    """The child process died: retried; the third crash quarantines the file."""
    TIMEOUT = "timeout"
    """The attempt exceeded its timeout: not retried."""
    INTERNAL = "internal"
    """The handler raised an unexpected exception: retried with backoff."""


class JobFailed(Message):
    """An attempt failed."""

    job: JobId
    epoch: int
    worker: WorkerId
    kind: FailureKind
    reason: Reason
    detail: Annotated[str, StringConstraints(max_length=8000)] = ""
    """Signal and last log lines of the child process, for operators only."""


class JobReleased(Message):
    """A worker returned a job unfinished, and the attempt does not count."""

    job: JobId
    epoch: int
    worker: WorkerId


# Events that the library publishes on `dead.letters`, `<task>.commands` and `jobs.progress`.


class JobQuarantined(Message):
    """A file crashed its child process three times and is in quarantine; for operators."""

    job: JobId
    epoch: int
    worker: WorkerId
    inputs: tuple[Sha256, ...]
    """Digests of the files that the job read."""
    detail: str = ""
    """Signal and last log lines of the child process."""


class JobRequested(Message):
    """A job of this task is queued; a free worker claims the next job, not always this one."""

    job: JobId
    task: TaskName
    priority: Priority


class JobProgressed(Message):
    """Progress of a running job, for live streams; a lost event does no harm."""

    job: JobId
    subject: Subject
    owner: OwnerId
    run: RunId | None = None
    task: TaskName
    progress: Progress


# Responses and requests of the public API.


class WaitReason(StrEnum):
    """What a queued job waits for."""

    WORKER = "worker"
    """No worker has polled for this task recently."""
    RETRY = "retry"
    """The backoff before the next attempt."""
    LIMIT = "limit"
    """Its owner has the maximum number of jobs running."""
    OTHERS = "others"
    """Other jobs of this task, which are ahead of it."""
    ROOM = "room"
    """A free worker; the job is next."""


class QueueState(Message):
    """The position of a queued job in the queue of its task."""

    position: Annotated[int, Field(ge=1)]
    """1 is next; 1001 means 1001 or more."""
    ahead: Annotated[int, Field(ge=0)]
    """Jobs of this task, of all users, that were queued earlier or have a higher priority. The
    queue is also fair between users and lets short jobs overtake long ones, so this is an
    estimate."""
    waiting_for: WaitReason
    message: str
    """`waiting_for` as a sentence."""
    expected_start_s: Annotated[float, Field(ge=0)] | None = None
    """Seconds until the job starts, estimated from the run times of the task's latest jobs and the
    slots of its workers; null if no worker is online or no such job has succeeded yet."""
    expected_end_s: Annotated[float, Field(ge=0)] | None = None
    """Seconds until the job ends, estimated likewise from the length of its audio."""


class RetryWith(Message):
    """A way to submit a failed job again that may succeed."""

    parameters: Params
    """Parameters to change; empty to leave them as they are."""
    why: str
    """Why that may help, as a sentence."""


class JobRetry(StrictModel):
    """Request body to submit a finished job again."""

    parameters: dict[str, Any] = Field(default_factory=dict)
    """Parameters to change, such as those of one entry of `retry_with`."""


class Job(Message):
    """One task for one subject with fixed parameters."""

    id: JobId
    subject: Subject
    """What the job works on."""
    task: TaskName
    state: JobState
    priority: Priority
    params: Params
    inputs: tuple[ArtifactId, ...] = ()
    """The artifacts that it reads; empty if it reads its item's own audio."""
    progress: Progress
    queue: QueueState | None = None
    """Set while the job is queued, in the responses to `GET /v1/jobs` and `GET /v1/jobs/{id}`."""
    result: ResultData | None = None
    reason: Reason | None = None
    retry_with: tuple[RetryWith, ...] = ()
    """Ways to retry a failed job, the most promising first; send the parameters of one to
    `POST /v1/jobs/{id}/retry`. Empty if the same file would fail again."""
    producer: Producer | None = None
    attempt: int = 0
    run: RunId | None = None
    retry_of: JobId | None = None
    cancel_requested: bool = False
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None


class JobCreate(StrictModel):
    """Request body to submit a job: a task for an item, artifacts of it, or a collection."""

    item: ItemId | None = None
    """The item to work on; a job has either an item or a collection."""
    collection: CollectionRef | None = None
    """The collection to work on, for a task that accepts collections."""
    task: TaskName
    params: dict[str, Any] = Field(default_factory=dict)
    inputs: Annotated[tuple[ArtifactId, ...], Field(max_length=1000)] = ()
    priority: Priority = Priority.INTERACTIVE
    force: bool = False
    """Run the job even if an earlier result could be reused."""

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        if (self.item is None) == (self.collection is None):
            raise ValueError("name an item or a collection, not both")
        if self.collection is not None and self.inputs:
            raise ValueError("inputs are artifacts of an item; a collection has none")
        return self
