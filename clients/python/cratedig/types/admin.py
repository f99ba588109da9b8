"""What administrators see and change: workers, queues, storage, models, accounts, audit log."""

from datetime import datetime
from typing import Literal, TypedDict

from cratedig.types.accounts import Account
from cratedig.types.base import Answer
from cratedig.types.webhooks import WebhookState
from cratedig.types.work import Reason


class Worker(Answer):
    """A worker process of the last day; `online` tells whether it was heard of lately."""

    id: str
    name: str
    task: str
    host: str
    device: str
    engine: str
    version: str
    weights: str
    slots: int
    running: int
    online: bool
    first_seen: datetime
    last_seen: datetime


class OldestJob(Answer):
    """The job of a queue that has waited longest: `age` in seconds, and why it waits."""

    job: str
    owner: str
    queued: datetime
    age: float
    waiting_for: str
    message: str


class TaskQueue(Answer):
    """The jobs of one task, and its workers; `median_run` in seconds."""

    task: str
    queued: int
    running: int
    workers: int
    slots: int
    median_run: float | None = None
    oldest: OldestJob | None = None


AdminJobState = Literal["queued", "running", "failed"]
"""The states by which administrators list jobs; failed ones are those of the last day."""


class AdminJob(Answer):
    """A job of any account, without what it works on."""

    id: str
    account: str
    task: str
    state: str
    priority: str
    attempt: int
    crashes: int
    worker: str | None = None
    queued: datetime
    started: datetime | None = None
    finished: datetime | None = None
    reason: Reason | None = None


class AdminWebhook(Answer):
    """A webhook of any account; of its address only the host."""

    id: str
    account: str
    host: str
    state: WebhookState
    reason: str | None = None
    failing_since: datetime | None = None
    created: datetime


class DeadLetter(Answer):
    """A record that no consumer could decode or handle; a note to operators is not replayable."""

    id: str
    topic: str
    partition: int
    offset: int
    group: str
    reason: str
    event_type: str
    event_id: str
    replayable: bool


class AccountStorage(Answer):
    """Bytes that one account stores and may store."""

    account: str
    originals: int
    results: int
    uploads: int
    total: int
    limit: int


class StorageReport(Answer):
    """Bytes that the server stores, the space of its disk, and the accounts that store most."""

    originals: int
    results: int
    uploads: int
    total: int
    limit: int | None = None
    free: int | None = None
    capacity: int | None = None
    accounts: tuple[AccountStorage, ...]


class Model(Answer):
    """Weights of one network, and the workers that have them."""

    task: str
    name: str
    version: str
    licence: str
    source: str
    bytes: int
    default: bool
    installed: bool
    workers: tuple[str, ...]


class AdminAccount(Account):
    """An account as administrators see it; `stored`, `limit` and `quota` in bytes."""

    disabled_at: datetime | None = None
    last_sign_in: datetime | None = None
    keys: int
    stored: int | None = None
    limit: int | None = None
    quota: int | None = None


class AccountChanges(TypedDict, total=False):
    """Changes of an account. Absent keys stay as they are."""

    disabled: bool
    """True ends its sessions, API keys and live streams at once."""
    admin: bool
    quota: int | None
    """Bytes; `None` for the server's default."""


class OneTimeLink(Answer):
    """A link that signs in to an account once, after which a new password can be set."""

    link: str
    expires: datetime


class AuditEntry(Answer):
    """One entry of the audit log: who did what, when and from where."""

    id: str
    at: datetime
    action: str
    actor: str | None = None
    actor_email: str | None = None
    account: str | None = None
    account_email: str | None = None
    address: str
    target: str = ""
    detail: str = ""
