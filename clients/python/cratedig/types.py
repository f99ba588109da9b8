"""What the API answers, typed. Unknown fields are kept out, missing optional ones are `None`."""

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

ItemKind = Literal["track", "stem", "sample", "recording"]
"""What an item is to a musician."""
Stem = Literal["drums", "bass", "other", "vocals", "guitar", "piano", "accompaniment"]
"""What a part of a song holds."""
ArtifactKind = Literal[
    "original",
    "canonical",
    "peaks",
    "stem",
    "sample",
    "loop",
    "midi",
    "notes",
    "lyrics",
    "tags",
    "embedding",
    "slices",
    "analysis",
    "image",
]
"""What a stored file is."""
JobState = Literal["queued", "running", "succeeded", "skipped", "failed", "cancelled"]
"""Where a job is."""
Priority = Literal["interactive", "batch"]
"""How long work may wait behind others."""
TERMINAL = frozenset({"succeeded", "skipped", "failed", "cancelled", "partial"})
"""States in which a job or a run has ended."""

T = TypeVar("T")


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Page(_Answer, Generic[T]):
    """One page of a list; `next` fetches the following one."""

    items: tuple[T, ...]
    next: str | None = None


class Session(_Answer):
    """Tokens of a login."""

    access_token: str
    refresh_token: str


class Account(_Answer):
    """An account."""

    id: str
    email: str
    name: str
    admin: bool


class Audio(_Answer):
    """Canonical audio: `duration` in seconds, `sample_rate` in hertz."""

    duration: float
    sample_rate: int
    channels: int
    samples: int


class Lineage(_Answer):
    """Where an item was cut from, in samples of its parent."""

    parent: str
    job: str | None = None
    stem: str | None = None
    start: int | None = None
    end: int | None = None


class Item(_Answer):
    """Something that can be listened to."""

    id: str
    kind: str
    state: str
    name: str
    stem: str | None = None
    metadata: dict[str, str] = {}
    audio: Audio | None = None
    bpm: float | None = None
    lineage: Lineage | None = None
    rejection: str | None = None
    created: datetime
    updated: datetime


class Subject(_Answer):
    """What a job works on or a file belongs to, as a rule an item: `kind` says which."""

    kind: str
    id: str


class Artifact(_Answer):
    """A stored file; `size` in bytes."""

    id: str
    subject: Subject
    job: str | None = None
    kind: str
    name: str
    media_type: str
    size: int
    sha256: str
    stem: str | None = None
    created: datetime


class Progress(_Answer):
    """How far something is: `fraction` from 0 to 1."""

    fraction: float = 0.0
    message: str = ""
    previews: tuple[str, ...] = ()


class Task(_Answer):
    """A kind of work; `params` is the JSON Schema of its parameters."""

    name: str
    params: dict[str, Any]
    offered: bool


class Failure(_Answer):
    """Why there is no result."""

    reason: str
    message: str


class Queue(_Answer):
    """Where a job that waits stands in its line, and what it waits for."""

    position: int
    ahead: int
    waits_for: str
    message: str


class Job(_Answer):
    """One task over one input; `queue` is there while it waits, when it is asked for by its id."""

    id: str
    subject: Subject
    task: str
    state: str
    priority: str = "interactive"
    params: dict[str, Any]
    inputs: tuple[str, ...] = ()
    progress: Progress
    queue: Queue | None = None
    result: dict[str, Any] | None = None
    failure: Failure | None = None
    attempt: int = 0
    run: str | None = None
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether it reached a state that never changes again."""
        return self.state in TERMINAL


class Step(_Answer):
    """One step of a run."""

    name: str
    task: str
    jobs: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    skipped: str | None = None


class PipelineSpec(_Answer):
    """What a pipeline does; `steps` as the API's schema describes them."""

    name: str
    title: str = ""
    steps: tuple[dict[str, Any], ...]


class Pipeline(_Answer):
    """A stored or built-in pipeline."""

    spec: PipelineSpec
    builtin: bool


class Run(_Answer):
    """One walk of a pipeline over an item."""

    id: str
    subject: Subject
    pipeline: PipelineSpec
    state: str
    progress: Progress
    steps: tuple[Step, ...]
    created: datetime
    finished: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether every step has ended."""
        return self.state in TERMINAL


class Part(_Answer):
    """A part to send: bytes `offset` to `offset + size` of the file, by PUT to `url`."""

    number: int
    offset: int
    size: int
    url: str


class Arrived(_Answer):
    """A part that the house has."""

    number: int
    size: int


class Upload(_Answer):
    """An upload under way or done."""

    id: str
    state: str
    name: str
    size: int
    arrived: tuple[Arrived, ...] = ()
    missing: tuple[Part, ...] = ()
    item: str | None = None
    job: str | None = None
    tagging: str | None = None
    duplicate: bool = False


class Download(_Answer):
    """A signed address of an artifact's bytes."""

    url: str


class ApiKey(_Answer):
    """An API key; `key` is there only when it was just made."""

    id: str
    name: str
    prefix: str
    scopes: frozenset[str]
    expires: datetime
    key: str | None = None


class Invitation(_Answer):
    """An invitation; `invitation` is there only when it was just made."""

    id: str
    note: str
    expires: datetime
    used: datetime | None = None
    invitation: str | None = None


class Event(_Answer):
    """One live event: its `id` resumes the stream after it."""

    id: str = ""
    type: str
    data: dict[str, Any]
