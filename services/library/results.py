"""Results: the manifest that an attempt left in the store, read and applied once (R13, R15)."""

import asyncio
import hashlib

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.ids import ItemId, JobId, OwnerId
from contracts.jobs import Manifest, TaskName
from contracts.music import Seconds
from contracts.objects import MANIFEST, Bucket, artifact_key
from kit.objects.base import ObjectError, ObjectMissing, ObjectStore
from services.library.endings import complete
from services.library.policy import Policy
from services.library.runs import job_ended
from services.library.tables import JobRow

MANIFEST_LIMIT: Seconds = 30.0
"""How long a store may take to give a manifest: less than a handler of events may take in all."""


class NoManifest(Exception):
    """There is no manifest of this attempt that can be used."""


def manifest_key(row: JobRow, epoch: int) -> str:
    """Return where an attempt at a job leaves its manifest."""
    return artifact_key(
        OwnerId(row.owner), ItemId(row.item), TaskName(row.task), JobId(row.id), epoch, MANIFEST
    )


async def read_manifest(
    store: ObjectStore, row: JobRow, epoch: int, *, sha256: str | None = None
) -> Manifest:
    """Read the manifest of an attempt, checked against its digest where that is known.

    Raises
    ------
    NoManifest
        There is none, or it is damaged, or it is another attempt's.
    ObjectError
        The store cannot be asked now.
    """
    key = manifest_key(row, epoch)
    try:
        async with asyncio.timeout(MANIFEST_LIMIT):
            data = await store.get_bytes(Bucket.DERIVED, key)
    except ObjectMissing as error:
        raise NoManifest(f"{key} is not there") from error
    except TimeoutError as error:
        raise ObjectError(f"{key} was not given within {MANIFEST_LIMIT:.0f} s") from error
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise NoManifest(f"{key} is not the one that was announced")
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError as error:
        raise NoManifest(f"{key} is damaged: {error}") from error
    if (manifest.job, manifest.epoch) != (row.id, epoch):
        raise NoManifest(f"{key} speaks of {manifest.job}, epoch {manifest.epoch}")
    return manifest


async def apply(session: AsyncSession, manifest: Manifest, *, policy: Policy) -> JobRow | None:
    """Make an attempt's result the job's, with its artifacts and what follows; once, or not."""
    row = await complete(
        session, manifest.job, manifest.epoch, make=manifest.make, result=manifest.result
    )
    if row is None:
        return None
    await job_ended(session, row, policy=policy, manifest=manifest)
    return row
