"""Files of a job: inputs from the store to scratch, outputs from scratch to the store."""

import asyncio
import hashlib
from collections.abc import Iterable
from pathlib import Path

from contracts.ids import JobId
from contracts.jobs import Claim, Make, Manifest, ResultData, StoredFile
from contracts.objects import MANIFEST, Bucket, artifact_key
from kit.objects.base import ObjectStore
from kit.worker.job import JobInput
from kit.worker.wire import Made

TOLD = 16 << 10
"""Bytes of a manifest that is told with the event, and need not be fetched."""


async def fetch_inputs(store: ObjectStore, claim: Claim, folder: Path) -> tuple[JobInput, ...]:
    """Fetch every input of a job into an existing folder, each checked against its digest."""
    inputs = []
    for number, ref in enumerate(claim.inputs):
        path = folder / f"{number}{Path(ref.name).suffix}"
        await store.get_file(Bucket(ref.bucket), ref.key, path, sha256=ref.sha256)
        inputs.append(
            JobInput(path, ref.kind, ref.name, ref.item, ref.sha256, ref.stem, ref.start, ref.end)
        )
    return tuple(inputs)


async def store_outputs(
    store: ObjectStore, claim: Claim, outputs: Iterable[Made]
) -> tuple[StoredFile, ...]:
    """Store every output under the attempt's prefix, in order."""
    stored = []
    for output in outputs:
        size, digest = await asyncio.to_thread(digest_file, output.path)
        await store.put_file(
            Bucket.DERIVED, key_of(claim, output.name), output.path, media_type=output.media_type
        )
        stored.append(
            StoredFile(
                name=output.name,
                kind=output.kind,
                media_type=output.media_type,
                size=size,
                sha256=digest,
                stem=output.stem,
                item=output.item,
                title=output.title,
                start=output.start,
                end=output.end,
                audio=output.audio,
            )
        )
    return tuple(stored)


async def store_manifest(
    store: ObjectStore,
    claim: Claim,
    *,
    make: Make,
    result: ResultData,
    files: tuple[StoredFile, ...],
) -> tuple[str, str, Manifest | None]:
    """Store the manifest, the last object of an attempt.

    Returns
    -------
    tuple
        Its key, its digest, and itself if it is small enough to be told.
    """
    manifest = Manifest(
        job=JobId(claim.job), epoch=claim.epoch, make=make, result=result, files=files
    )
    data = manifest.model_dump_json().encode()
    key = key_of(claim, MANIFEST)
    await store.put_bytes(Bucket.DERIVED, key, data, media_type="application/json")
    told = manifest if len(data) <= TOLD else None
    return key, hashlib.sha256(data).hexdigest(), told


def key_of(claim: Claim, name: str) -> str:
    """Return the key of a file of this attempt."""
    return artifact_key(claim.owner, claim.item.id, claim.task, claim.job, claim.epoch, name)


def digest_file(path: Path) -> tuple[int, str]:
    """Return a file's size in bytes and its SHA-256."""
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()
