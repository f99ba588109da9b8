"""Results: the manifest that an attempt left in the store, read and applied once (R13, R15)."""

import asyncio
import hashlib

from pydantic import ValidationError
from sqlalchemy import String, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.ids import JobId, OwnerId
from contracts.jobs import JobState, Manifest, Reason, ReasonCode, TaskName
from contracts.music import Seconds
from contracts.objects import MANIFEST, Bucket, artifact_key
from kit.objects.base import ObjectError, ObjectMissing, ObjectStore
from services.library.jobs.outcomes import complete
from services.library.jobs.policy import Policy
from services.library.jobs.subjects import subject_of
from services.library.jobs.tables import JobRow
from services.library.jobs.transitions import finish_attempt
from services.library.usage import Shortage, lacking, quota_of, stored_total

MANIFEST_LIMIT: Seconds = 30.0
"""How long a store may take to give a manifest: less than a handler of events may take in all."""


_STORED = select(stored_total(col(JobRow.owner)), quota_of(col(JobRow.owner))).where(
    col(JobRow.id) == bindparam("of_job", type_=String)
)
"""What the owner of a job stores, and its own limit."""


class NoManifest(Exception):
    """There is no manifest of this attempt that can be used."""


def manifest_key(row: JobRow, epoch: int) -> str:
    """Return where an attempt at a job leaves its manifest."""
    return artifact_key(
        OwnerId(row.owner), subject_of(row), TaskName(row.task), JobId(row.id), epoch, MANIFEST
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
    """Finish a job with the result of its current attempt; a late result changes nothing.

    If its owner has no room for the files, the job fails instead.
    """
    size = sum(file.size for file in manifest.files)
    if size and (shortage := await _shortage(session, manifest.job, size, policy)):
        reason = Reason(
            code=ReasonCode.QUOTA,
            message=f"There is no room for what this job made. {shortage.message}",
        )
        return await finish_attempt(
            session, manifest.job, manifest.epoch, JobState.FAILED, reason=reason
        )
    return await complete(
        session,
        manifest.job,
        manifest.epoch,
        producer=manifest.producer,
        result=manifest.result,
        files=manifest.files,
    )


async def _shortage(session: AsyncSession, job: str, size: int, policy: Policy) -> Shortage | None:
    """Return why there is no room for so many bytes of a job's owner."""
    row = (await session.execute(_STORED, {"of_job": job})).one_or_none()
    stored, quota = row if row is not None else (None, None)
    return await lacking(session, stored or 0, size, limits=policy, quota=quota)
