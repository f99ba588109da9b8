"""Fetch a job's inputs from the object store, and store its outputs and manifest there."""

import asyncio
import hashlib
from collections.abc import Iterable
from pathlib import Path

from opentelemetry.trace import SpanKind

from contracts.ids import JobId
from contracts.items import ArtifactKind
from contracts.jobs import (
    Claim,
    InputFacts,
    InputRef,
    Manifest,
    Producer,
    Reason,
    ReasonCode,
    ResultData,
    StoredFile,
)
from contracts.objects import MANIFEST, Bucket, artifact_key
from kit.objects.base import ObjectCorrupt, ObjectMissing, ObjectStore
from kit.observability.tracing import span
from kit.worker.job import JobInput, Output

INLINE_MANIFEST_BYTES = 16 << 10
"""Manifests up to this size are inlined in `job.completed`."""


class InputLost(Exception):
    """An input is missing from the store or damaged there; a retry would not help.

    `reason` is for users, `detail` for operators.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason.message)
        self.reason = reason
        self.detail = detail


async def fetch_inputs(store: ObjectStore, claim: Claim, folder: Path) -> tuple[JobInput, ...]:
    """Fetch every input of a job into an existing folder and verify its SHA-256.

    Raises
    ------
    InputLost
        An input is missing, or has another digest after a second try.
    ObjectError
        The store is unavailable.
    """
    inputs = []
    for number, ref in enumerate(claim.inputs):
        path = folder / f"{number}{Path(ref.name).suffix}"
        await _fetch(store, ref, path)
        facts = ref.model_dump(include=set(InputFacts.model_fields))
        inputs.append(JobInput(**facts, path=path))
    return tuple(inputs)


async def _fetch(store: ObjectStore, ref: InputRef, path: Path) -> None:
    for last in (False, True):
        try:
            with span("store get", kind=SpanKind.CLIENT):
                await store.get_file(Bucket(ref.bucket), ref.key, path, sha256=ref.sha256)
            break
        except (ObjectMissing, ObjectCorrupt) as error:
            # Try twice: a transfer may damage bytes once, a damaged object fails every time.
            if last:
                missing = isinstance(error, ObjectMissing)
                raise InputLost(_reason(ref, missing=missing), str(error)) from error


def _reason(ref: InputRef, *, missing: bool) -> Reason:
    """Return the message for users about a missing or damaged input."""
    code = ReasonCode.MISSING_FILE if missing else ReasonCode.DAMAGED_FILE
    how = "missing from" if missing else "damaged in"
    if ref.kind is ArtifactKind.ORIGINAL:
        message = (
            "The uploaded file is missing from the store. Upload it again."
            if missing
            else "The uploaded file does not have the SHA-256 that was announced. "
            "Upload the file again."
        )
    elif ref.kind is ArtifactKind.CANONICAL:
        message = (
            f"The audio of this item, {ref.name}, is {how} the store. If the item was uploaded, "
            "delete it and upload the file again; if a job produced it, run that job again."
        )
    else:
        message = (
            f"An input of this job, {ref.name}, is {how} the store. Run the job that produced it "
            "again, then this one."
        )
    return Reason(code=code, message=message)


async def store_outputs(
    store: ObjectStore, claim: Claim, outputs: Iterable[Output]
) -> tuple[StoredFile, ...]:
    """Store every output under the attempt's prefix, in order. Raises `ObjectError`."""
    stored = []
    for output in outputs:
        size, digest = await asyncio.to_thread(digest_file, output.path)
        key = key_of(claim, output.name)
        with span("store put", kind=SpanKind.CLIENT, attributes={"cratedig.size": size}):
            await store.put_file(Bucket.DERIVED, key, output.path, media_type=output.media_type)
        facts = output.model_dump(exclude={"path"})
        stored.append(StoredFile(**facts, size=size, sha256=digest))
    return tuple(stored)


async def store_manifest(
    store: ObjectStore,
    claim: Claim,
    *,
    producer: Producer,
    result: ResultData,
    files: tuple[StoredFile, ...],
) -> tuple[str, str, Manifest | None]:
    """Store the manifest, the last object of an attempt. Raises `ObjectError`.

    Returns
    -------
    tuple
        Its key, its SHA-256, and the manifest itself if it is small enough for the event.
    """
    manifest = Manifest(
        job=JobId(claim.job), epoch=claim.epoch, producer=producer, result=result, files=files
    )
    data = manifest.model_dump_json().encode()
    key = key_of(claim, MANIFEST)
    with span("store put", kind=SpanKind.CLIENT, attributes={"cratedig.size": len(data)}):
        await store.put_bytes(Bucket.DERIVED, key, data, media_type="application/json")
    inline = manifest if len(data) <= INLINE_MANIFEST_BYTES else None
    return key, hashlib.sha256(data).hexdigest(), inline


def key_of(claim: Claim, name: str) -> str:
    """Return the object key of a file of this attempt."""
    return artifact_key(claim.owner, claim.subject, claim.task, claim.job, claim.epoch, name)


def digest_file(path: Path) -> tuple[int, str]:
    """Return a file's size in bytes and its SHA-256."""
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()
