"""Every object key and every bucket is named here."""

import re
from dataclasses import dataclass
from enum import StrEnum

from contracts.ids import JobId, OwnerId, UploadId
from contracts.jobs import TaskName
from contracts.subjects import Subject, SubjectKind

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


def subject_prefix(owner: OwnerId, subject: Subject) -> str:
    """Return the prefix under which everything derived of a subject lies."""
    return f"{owner}/{subject.kind}/{subject.id}/"


def job_prefix(owner: OwnerId, subject: Subject, task: TaskName, job: JobId) -> str:
    """Return the prefix under which every attempt of a job lies."""
    return f"{subject_prefix(owner, subject)}{task}/{job}/"


def attempt_prefix(owner: OwnerId, subject: Subject, task: TaskName, job: JobId, epoch: int) -> str:
    """Return the prefix under which one attempt of a job writes."""
    return f"{job_prefix(owner, subject, task, job)}{epoch}/"


def artifact_key(
    owner: OwnerId, subject: Subject, task: TaskName, job: JobId, epoch: int, name: str
) -> str:
    """Return the key of one file that an attempt of a job makes.

    It is `<owner>/<kind>/<id>/<task>/<job>/<epoch>/<name>`, with the subject's kind and id.
    """
    return f"{attempt_prefix(owner, subject, task, job, epoch)}{name}"


def previews_prefix(
    owner: OwnerId, subject: Subject, task: TaskName, job: JobId, epoch: int
) -> str:
    """Return the prefix under which an attempt puts what can be heard before it ends."""
    return f"{attempt_prefix(owner, subject, task, job, epoch)}previews/"


@dataclass(frozen=True, slots=True)
class DerivedKey:
    """What the key of an object in the bucket `derived` says of it."""

    owner: OwnerId
    subject: Subject
    task: TaskName
    job: JobId
    epoch: int
    name: str
    """Below the attempt's prefix; that of a preview begins with `previews/`."""
    attempt: str
    """The prefix of the attempt that wrote it."""


_ID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# Keys once began `<owner>/<item>/`, without a kind; rows still name objects that lie there.
_DERIVED = re.compile(
    rf"(?P<attempt>(?P<owner>{_ID})/((?P<kind>{'|'.join(SubjectKind)})/)?(?P<id>{_ID})"
    rf"/(?P<task>{'|'.join(TaskName)})/(?P<job>{_ID})/(?P<epoch>[0-9]+)/)(?P<name>.+)",
    re.DOTALL,
)


def parse_derived(key: str) -> DerivedKey | None:
    """Read the key of an object in the bucket `derived`; `None` if it has no shape known here."""
    if (found := _DERIVED.fullmatch(key)) is None:
        return None
    return DerivedKey(
        owner=OwnerId(found["owner"]),
        subject=Subject(kind=SubjectKind(found["kind"] or SubjectKind.ITEM), id=found["id"]),
        task=TaskName(found["task"]),
        job=JobId(found["job"]),
        epoch=int(found["epoch"]),
        name=found["name"],
        attempt=found["attempt"],
    )
