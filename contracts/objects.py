"""Every object key and every bucket is named here."""

from enum import StrEnum

from contracts.ids import ItemId, JobId, OwnerId, UploadId
from contracts.jobs import TaskName

MANIFEST = "manifest.json"
"""Written last under a job's prefix: who finds it finds everything it names."""


class Bucket(StrEnum):
    """Buckets, by the life span of what they hold."""

    ORIGINALS = "originals"
    """Uploaded bytes: never lost."""
    DERIVED = "derived"
    """What jobs make: reproducible."""


def upload_key(owner: OwnerId, upload: UploadId) -> str:
    """Return where an upload is gathered; it stays there as the original of its item."""
    return f"{owner}/uploads/{upload}/original"


def owner_prefix(owner: OwnerId) -> str:
    """Return the prefix under which everything of an owner lies."""
    return f"{owner}/"


def item_prefix(owner: OwnerId, item: ItemId) -> str:
    """Return the prefix under which everything derived of an item lies."""
    return f"{owner}/{item}/"


def job_prefix(owner: OwnerId, item: ItemId, task: TaskName, job: JobId) -> str:
    """Return the prefix under which every attempt of a job lies."""
    return f"{owner}/{item}/{task}/{job}/"


def attempt_prefix(owner: OwnerId, item: ItemId, task: TaskName, job: JobId, epoch: int) -> str:
    """Return the prefix under which one attempt of a job writes."""
    return f"{job_prefix(owner, item, task, job)}{epoch}/"


def artifact_key(
    owner: OwnerId, item: ItemId, task: TaskName, job: JobId, epoch: int, name: str
) -> str:
    """Return the key of one file that an attempt of a job makes."""
    return f"{attempt_prefix(owner, item, task, job, epoch)}{name}"


def previews_prefix(owner: OwnerId, item: ItemId, task: TaskName, job: JobId, epoch: int) -> str:
    """Return the prefix under which an attempt puts what can be heard before it ends."""
    return f"{attempt_prefix(owner, item, task, job, epoch)}previews/"
