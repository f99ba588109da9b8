"""A policy for each service in the language of AWS's IAM, which MinIO and Ceph read too.

A worker writes only below the folders of its own task, and deletes nothing. Only ingest reads
uploads. Every service may list the buckets: without that right a store answers `AccessDenied` for
an object that does not exist, and a service could not tell whether it is lost.
"""

from typing import Any

from contracts.items import ArtifactKind
from contracts.jobs import TaskName
from contracts.objects import Bucket
from contracts.tasks import TASKS

VERSION = "2012-10-17"
_ID = "-".join("?" * length for length in (8, 4, 4, 4, 12))
"""Matches an id: `?` is any one character, `*` any number of them, also of slashes."""
_READ = ("s3:GetObject",)
_WRITE = ("s3:AbortMultipartUpload", "s3:PutObject")
_ALL = (*_READ, *_WRITE, "s3:DeleteObject", "s3:ListMultipartUploadParts")
_LIST = ("s3:GetBucketLocation", "s3:ListBucket")
_LIST_UPLOADS = (*_LIST, "s3:ListBucketMultipartUploads")


def policies() -> dict[str, dict[str, Any]]:
    """Return the policy of every service by its name."""
    everything = [_objects(bucket, "*") for bucket in Bucket]
    documents = {
        "gateway": _policy(_buckets(*_LIST)),
        "library": _policy(_buckets(*_LIST_UPLOADS), _allow(_ALL, everything)),
    }
    for task in TaskName:
        documents[task.value] = _worker(task)
    return documents


def _worker(task: TaskName) -> dict[str, Any]:
    reads = [_objects(Bucket.DERIVED, "*")]
    if ArtifactKind.ORIGINAL in TASKS[task].reads:
        reads.append(_objects(Bucket.ORIGINALS, f"{_ID}/uploads/*"))
    writes = [
        _objects(Bucket.DERIVED, f"{_ID}/{kind}/{_ID}/{task}/*")
        for kind in sorted(TASKS[task].subjects)
    ]
    return _policy(_buckets(*_LIST), _allow(_READ, reads), _allow(_WRITE, writes))


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": VERSION, "Statement": list(statements)}


def _allow(actions: tuple[str, ...], resources: list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": sorted(actions), "Resource": resources}


def _buckets(*actions: str) -> dict[str, Any]:
    return _allow(actions, [f"arn:aws:s3:::{bucket}" for bucket in Bucket])


def _objects(bucket: Bucket, keys: str) -> str:
    return f"arn:aws:s3:::{bucket}/{keys}"
