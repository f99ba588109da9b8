"""The buckets, and the keys of every object in them."""

import re
from dataclasses import dataclass
from enum import StrEnum

from contracts.ids import JobId, OwnerId, UploadId
from contracts.jobs import TaskName
from contracts.subjects import Subject, SubjectKind

MANIFEST = "manifest.json"
"""The object that an attempt writes last; if it exists, every file that it lists exists."""


class Bucket(StrEnum):
    """The buckets, by how long their objects must last."""

    ORIGINALS = "originals"
    """Uploaded files, which cannot be recreated."""
    DERIVED = "derived"
    """Files that jobs store, which can be recreated."""


def upload_key(owner: OwnerId, upload: UploadId) -> str:
    """Return the key of an uploaded file; it stays there as the original of its item."""
    return f"{owner}/uploads/{upload}/original"


def owner_prefix(owner: OwnerId) -> str:
    """Return the prefix of all objects of an owner."""
    return f"{owner}/"


def subject_prefix(owner: OwnerId, subject: Subject) -> str:
    """Return the prefix of all derived objects of a subject."""
    return f"{owner}/{subject.kind}/{subject.id}/"


def job_prefix(owner: OwnerId, subject: Subject, task: TaskName, job: JobId) -> str:
    """Return the prefix of all attempts of a job."""
    return f"{subject_prefix(owner, subject)}{task}/{job}/"


def attempt_prefix(owner: OwnerId, subject: Subject, task: TaskName, job: JobId, epoch: int) -> str:
    """Return the prefix of all objects of one attempt."""
    return f"{job_prefix(owner, subject, task, job)}{epoch}/"


def artifact_key(
    owner: OwnerId, subject: Subject, task: TaskName, job: JobId, epoch: int, name: str
) -> str:
    """Return the key of a file of an attempt: `<owner>/<kind>/<id>/<task>/<job>/<epoch>/<name>`.

    The kind and the id are those of the subject.
    """
    return f"{attempt_prefix(owner, subject, task, job, epoch)}{name}"


def previews_prefix(
    owner: OwnerId, subject: Subject, task: TaskName, job: JobId, epoch: int
) -> str:
    """Return the prefix of an attempt's previews."""
    return f"{attempt_prefix(owner, subject, task, job, epoch)}previews/"


@dataclass(frozen=True, slots=True)
class DerivedKey:
    """The parsed key of an object in the bucket `derived`."""

    owner: OwnerId
    subject: Subject
    task: TaskName
    job: JobId
    epoch: int
    name: str
    """The name below the attempt's prefix; that of a preview starts with `previews/`."""
    attempt: str
    """The prefix of the attempt that wrote it."""


_ID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# Older keys begin with `<owner>/<item>/`, without a kind, and rows may still refer to them.
_DERIVED = re.compile(
    rf"(?P<attempt>(?P<owner>{_ID})/((?P<kind>{'|'.join(SubjectKind)})/)?(?P<id>{_ID})"
    rf"/(?P<task>{'|'.join(TaskName)})/(?P<job>{_ID})/(?P<epoch>[0-9]+)/)(?P<name>.+)",
    re.DOTALL,
)


def parse_derived(key: str) -> DerivedKey | None:
    """Parse the key of an object in the bucket `derived`; return `None` for an unknown format."""
    if (match := _DERIVED.fullmatch(key)) is None:
        return None
    return DerivedKey(
        owner=OwnerId(match["owner"]),
        subject=Subject(kind=SubjectKind(match["kind"] or SubjectKind.ITEM), id=match["id"]),
        task=TaskName(match["task"]),
        job=JobId(match["job"]),
        epoch=int(match["epoch"]),
        name=match["name"],
        attempt=match["attempt"],
    )
