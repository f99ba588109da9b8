"""What administrators see and change: workers, queues, storage, models, accounts, the audit log."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from contracts.base import Message, StrictModel
from contracts.identity import Account
from contracts.ids import JobId, OwnerId, UserId, WebhookId, WorkerId
from contracts.jobs import Priority, Reason, TaskName, WaitReason
from contracts.music import Seconds
from contracts.webhooks import WebhookState
from contracts.weights import ModelWeights

Bytes = Annotated[int, Field(ge=0)]
MAX_QUOTA = 1 << 50
"""The largest quota, in bytes: 1 PiB."""

MAX_JOBS = 200
"""Jobs that one list for administrators holds."""
MAX_WEBHOOKS = 500
"""Webhooks that one list for administrators holds."""

DeadLetterId = Annotated[str, StringConstraints(max_length=40)]
"""Partition and offset of a dead letter on its topic."""


class Worker(Message):
    """A worker process that has claimed jobs within the last day."""

    id: WorkerId
    """A new one at every start of the process."""
    name: str
    """Its task and its host, such as `midi@studio`."""
    task: TaskName
    host: str
    device: str
    """`cpu` or `cuda`."""
    engine: str
    version: str
    """Version of its service; results of another version are not reused."""
    weights: str
    """Names and versions of the weights in use."""
    slots: Annotated[int, Field(ge=1)]
    """Jobs that it can run at once."""
    running: Annotated[int, Field(ge=0)]
    online: bool
    """Whether it has claimed a job or sent a heartbeat within the last 10 minutes."""
    first_seen: datetime
    last_seen: datetime
    """Its last claim or heartbeat, exact to a minute."""


class OldestJob(Message):
    """The job of a queue that has waited longest."""

    job: JobId
    owner: OwnerId
    queued: datetime
    age: Seconds
    waiting_for: WaitReason
    message: str
    """`waiting_for` as a sentence."""


class TaskQueue(Message):
    """The jobs of one task."""

    task: TaskName
    queued: Annotated[int, Field(ge=0)]
    running: Annotated[int, Field(ge=0)]
    workers: Annotated[int, Field(ge=0)]
    """Workers of the task that are online."""
    slots: Annotated[int, Field(ge=0)]
    """Jobs that these workers can run at once."""
    median_run: Seconds | None = None
    """Median run time of the task's latest jobs; null until one has succeeded."""
    oldest: OldestJob | None = None


class AdminJobState(StrEnum):
    """The states by which administrators list jobs."""

    QUEUED = "queued"
    RUNNING = "running"
    FAILED = "failed"
    """Within the last day."""


class AdminJob(Message):
    """A job of any account, without what it works on."""

    id: JobId
    account: OwnerId
    task: TaskName
    state: AdminJobState
    priority: Priority
    attempt: Annotated[int, Field(ge=0)]
    """Claims so far that were not given back."""
    crashes: Annotated[int, Field(ge=0)]
    """How often it ended the process that ran it."""
    worker: str | None = None
    """Who runs it, or ran it last."""
    queued: datetime
    started: datetime | None = None
    finished: datetime | None = None
    reason: Reason | None = None
    """Why it failed."""


class AdminWebhook(Message):
    """A webhook of any account, without its address, which may contain a secret of its owner."""

    id: WebhookId
    account: OwnerId
    host: str
    """Host of its address."""
    state: WebhookState
    reason: str | None = None
    """Why it is disabled."""
    failing_since: datetime | None = None
    """When the first of the attempts failed that all failed since the last success."""
    created: datetime


class DeadLetter(Message):
    """A record that no consumer could decode or handle, or a note to operators."""

    id: DeadLetterId
    topic: str
    """The topic that the record comes from."""
    partition: Annotated[int, Field(ge=0)]
    offset: Annotated[int, Field(ge=0)]
    group: str
    """The group of consumers that gave it up; empty for a note to operators."""
    reason: str
    event_type: str
    """Type of the event in the record; empty if it cannot be read."""
    event_id: str
    replayable: bool
    """False for a note to operators, such as `job.quarantined`: no consumer handles it."""


class AccountStorage(Message):
    """Bytes that one account stores."""

    account: OwnerId
    originals: Bytes
    results: Bytes
    uploads: Bytes
    """Open uploads, by their announced size."""
    total: Bytes
    limit: Bytes
    """What the account may store: its quota, or the server's default."""


class StorageReport(Message):
    """Bytes that the server stores."""

    originals: Bytes
    results: Bytes
    uploads: Bytes
    total: Bytes
    limit: Bytes | None = None
    """What all accounts may store together (`LIBRARY_SERVER_BYTES`); null without a limit."""
    free: Bytes | None = None
    """Free bytes of the disk, if the object store is a folder."""
    capacity: Bytes | None = None
    """Size of that disk."""
    accounts: tuple[AccountStorage, ...]
    """The accounts that store most, at most 200, largest first."""


class Model(ModelWeights):
    """Weights of one network, and the workers that have them."""

    task: TaskName
    workers: tuple[WorkerId, ...]
    """Workers of the last day that have these weights, at most 100."""


class AdminAccount(Account):
    """An account as administrators see it."""

    disabled_at: datetime | None = None
    """Since when it is disabled; null if it is not."""
    last_sign_in: datetime | None = None
    keys: Annotated[int, Field(ge=0)]
    """Number of its API keys."""
    stored: Bytes | None = None
    """Bytes that it stores; null while the library is unavailable."""
    limit: Bytes | None = None
    """What it may store; null while the library is unavailable."""
    quota: Bytes | None = None
    """Its own limit; null if the server's default applies."""


class AccountChange(StrictModel):
    """Request body to change an account; a field that is absent stays as it is."""

    disabled: bool | None = None
    """True ends every session, API key and live stream of the account at once."""
    admin: bool | None = None
    """Whether it is an administrator; false ends its sessions."""
    quota: Annotated[int, Field(ge=0, le=MAX_QUOTA)] | None = None
    """Bytes that the account may store. Null returns it to the server's default."""

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name what to change: disabled, admin or quota")
        for name in ("disabled", "admin"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{name} is true or false")
        return self


class OneTimeLink(Message):
    """A link that signs in to an account once, after which a new password can be set."""

    link: str
    expires: datetime


class AuditAction(StrEnum):
    """What an entry of the audit log records."""

    ACCOUNT_CREATED = "account.created"
    ACCOUNT_DELETED = "account.deleted"
    ACCOUNT_DISABLED = "account.disabled"
    ACCOUNT_ENABLED = "account.enabled"
    ADMIN_GRANTED = "admin.granted"
    ADMIN_REVOKED = "admin.revoked"
    ADMIN_READ = "admin.read"
    """An administrator read a list; once in ten minutes for each list and session."""
    DEAD_LETTER_REPLAYED = "dead_letter.replayed"
    IDENTITY_LINKED = "identity.linked"
    """Somebody at an OpenID Connect provider signs in to the account from now on."""
    INVITATION_CREATED = "invitation.created"
    INVITATION_REVOKED = "invitation.revoked"
    ITEM_DELETED = "item.deleted"
    KEY_CREATED = "key.created"
    KEY_DELETED = "key.deleted"
    LINK_CREATED = "one_time_link.created"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105
    PASSWORD_CLEARED = "password.cleared"  # noqa: S105
    """A one-time link was used, or a provider's identity linked: the old password ended."""
    QUOTA_CHANGED = "quota.changed"
    SIGN_IN = "sign_in.succeeded"
    SIGN_IN_FAILED = "sign_in.failed"
    SIGN_OUT = "sign_out"
    TOKEN_REUSED = "token.reused"  # noqa: S105
    """A refresh token was used twice, so its session was ended."""


class AuditEntry(Message):
    """One entry of the audit log: who did what, when and from where; it never holds a secret."""

    id: str
    at: datetime
    action: AuditAction
    actor: UserId | None = None
    """The account that did it; null if nobody was signed in, or on the server's own machine."""
    actor_email: str | None = None
    """Its address now; null if it was deleted since."""
    account: UserId | None = None
    """The account that it was done to."""
    account_email: str | None = None
    address: str
    """The caller's IP address, or the /64 network of an IPv6 address; empty on the server's own
    machine."""
    target: str = ""
    """The id of the object that it was done to: a key, an item, a dead letter or a list."""
    detail: str = ""
    """The new value, such as a quota in bytes, or the OpenID Connect provider of a sign-in."""


# Messages between the gateway and the library.


class OwnerIds(StrictModel):
    """Owners whose storage the gateway asks for."""

    owners: Annotated[tuple[OwnerId, ...], Field(max_length=200)]


class OwnerStorage(AccountStorage):
    """Bytes that an owner stores, and its own limit."""

    quota: Bytes | None = None


class OwnerStorages(Message):
    """The storage of owners, in the order of the request."""

    owners: tuple[OwnerStorage, ...]


class QuotaChange(StrictModel):
    """An owner's own limit; null for the server's default."""

    quota: Annotated[int, Field(ge=0, le=MAX_QUOTA)] | None
