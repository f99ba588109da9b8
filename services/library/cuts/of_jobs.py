"""The user's cuts in slicing jobs: what a worker receives, and its digest."""

import asyncio
import hashlib
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.corrections import CUTS_OF, FIELD_OF_CUTS, CorrectionField
from contracts.cuts import Cut
from contracts.items import ArtifactKind
from contracts.jobs import InputRef
from contracts.subjects import Subject
from contracts.tasks import Task
from services.library.catalogue.tables import ItemRow
from services.library.corrections.corrections import newest_version
from services.library.corrections.tables import CorrectionRow
from services.library.corrections.values import read_cuts
from services.library.cuts.samples import samples_of, with_samples


async def cuts_of_job(
    session: AsyncSession, task: Task, subject: Subject, inputs: Sequence[InputRef]
) -> tuple[Cut, ...] | None:
    """Return the user's cuts that a job depends on, with their samples as they are now."""
    version = await _version_of(session, task, subject, inputs)
    item = await session.get(ItemRow, subject.item) if version is not None else None
    if version is None or version.value is None or item is None:
        return None
    cuts = await asyncio.to_thread(read_cuts, version.value)
    stem = CUTS_OF[CorrectionField(version.field)] or item.stem
    return with_samples(cuts, await samples_of(session, item), stem)


async def cuts_digest(
    session: AsyncSession, task: Task, subject: Subject, inputs: Sequence[InputRef]
) -> str | None:
    """Return the digest of the user's cuts that a job depends on; `None` if there are none."""
    version = await _version_of(session, task, subject, inputs)
    if version is None or version.value is None:
        return None
    return hashlib.sha256(f"{version.field} {version.version}".encode()).hexdigest()


async def _version_of(
    session: AsyncSession, task: Task, subject: Subject, inputs: Sequence[InputRef]
) -> CorrectionRow | None:
    """Return the newest version of the cuts of a job's recording, if its task reads them."""
    item = subject.item
    if item is None or not task.receives_cuts:
        return None
    own = [ref for ref in inputs if ref.subject.item == item]
    stems = [ref for ref in own if ref.kind is ArtifactKind.STEM]
    if len(own) < len(inputs):
        return None
    if stems:
        field = FIELD_OF_CUTS.get(stems[0].stem) if stems[0].stem is not None else None
    elif any(ref.kind in (ArtifactKind.SAMPLE, ArtifactKind.LOOP) for ref in own):
        field = None
    else:
        field = CorrectionField.CUTS
    return await newest_version(session, item, field) if field is not None else None
