"""What machines found out about an item: the values that corrections replace."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.corrections import CUTS_OF, NOTES_OF, CorrectionField, OlderResult
from contracts.cuts import machine_cuts
from contracts.ids import JobId
from contracts.items import ArtifactKind
from contracts.jobs import JobState, TaskName
from contracts.objects import Bucket
from contracts.slicing import MACHINE_SLICES, Slices
from contracts.tasks import TASKS
from kit.objects.base import ObjectCorrupt, ObjectMissing, ObjectStore
from services.library.catalogue.tables import ArtifactRow, ItemRow
from services.library.corrections.tables import CorrectionRow
from services.library.jobs.tables import JobRow
from services.library.search.findings import Findings, findings_of
from services.library.search.tables import SearchDocumentRow

MAX_BYTES = 1 << 24
"""A larger file of results is not read."""


@dataclass(frozen=True, slots=True)
class MachineValues:
    """The machine's values of the fields that hold one value; `None` where there is none."""

    sound_class: str | None = None
    class_confidence: float | None = None
    tempo: float | None = None
    key: str | None = None
    key_confidence: float | None = None

    def of(self, field: CorrectionField) -> tuple[Any, float | None]:
        """Return the value of a field and its confidence; those of a lane are in files."""
        if field is CorrectionField.CLASS:
            return self.sound_class, self.class_confidence
        if field is CorrectionField.KEY:
            return self.key, self.key_confidence
        return (self.tempo if field is CorrectionField.TEMPO else None), None


async def machine_values(session: AsyncSession, item: ItemRow) -> MachineValues:
    """Return the machine's values of an item.

    The tempo is that of the newest analysis; without one, the item's own before it was corrected,
    which a file or a slicing job may have given it.
    """
    document = (
        await session.execute(
            select(
                col(SearchDocumentRow.machine_class), col(SearchDocumentRow.machine_confidence)
            ).where(col(SearchDocumentRow.item) == item.id)
        )
    ).one_or_none()
    sound_class, confidence = document if document is not None else (None, None)
    findings = (await findings_of(session, [item.id])).get(item.id, Findings())
    tempo = item.uncorrected_bpm if "tempo" in item.corrected else item.bpm
    return MachineValues(
        sound_class=sound_class,
        class_confidence=confidence,
        tempo=tempo if findings.measured_bpm is None else findings.measured_bpm,
        key=findings.key,
        key_confidence=findings.key_confidence,
    )


async def older_results(
    session: AsyncSession, item: str, corrections: Collection[CorrectionRow]
) -> dict[str, tuple[OlderResult, ...]]:
    """Return by field the newest result of each task that a correction made out of date.

    Results of tasks that were run again since are left out.
    """
    query = (
        select(col(JobRow.task), col(JobRow.id), col(JobRow.finished))
        .where(
            col(JobRow.item) == item,
            col(JobRow.state) == JobState.SUCCEEDED,
            col(JobRow.task).in_([name for name, task in TASKS.items() if task.based_on]),
        )
        .order_by(col(JobRow.finished), col(JobRow.id))
    )
    rows = (await session.execute(query)).all()
    newest = {task: (job, finished) for task, job, finished in rows if finished is not None}
    older: dict[str, tuple[OlderResult, ...]] = {}
    for row in corrections:
        field = CorrectionField(row.field)
        older[row.field] = tuple(
            OlderResult(task=task, job=JobId(job), finished=finished)
            for task, (job, finished) in sorted(newest.items())
            if finished < row.created and field in TASKS[TaskName(task)].based_on
        )
    return older


async def lane_file(session: AsyncSession, item: str, field: CorrectionField) -> ArtifactRow | None:
    """Return the newest file of results that holds a lane."""
    name, kind = "analysis.json", ArtifactKind.ANALYSIS
    query = select(ArtifactRow).where(col(ArtifactRow.item) == item)
    if field is CorrectionField.WORDS:
        name, kind = "lyrics.json", ArtifactKind.LYRICS
    elif field in CUTS_OF:
        name, kind = MACHINE_SLICES, ArtifactKind.SLICES
        # The files of an item that is a stem itself name that stem.
        of_item = select(col(ItemRow.stem)).where(col(ItemRow.id) == item).scalar_subquery()
        stem = col(ArtifactRow.stem)
        own = or_(stem.is_(None), stem == of_item)
        query = query.where(own if CUTS_OF[field] is None else stem == CUTS_OF[field])
    elif field in NOTES_OF:
        kind = ArtifactKind.NOTES
        query = query.where(col(ArtifactRow.stem) == NOTES_OF[field])
    query = query.where(col(ArtifactRow.kind) == kind)
    if field not in NOTES_OF:
        query = query.where(col(ArtifactRow.name) == name)
    else:
        query = query.where(col(ArtifactRow.name).endswith(".json"))
    newest = query.order_by(col(ArtifactRow.created).desc(), col(ArtifactRow.id).desc()).limit(1)
    return (await session.scalars(newest)).one_or_none()


async def fetch_lane_file(objects: ObjectStore, artifact: ArtifactRow) -> bytes | None:
    """Return the content of a file of results; `None` if it is damaged or missing.

    Raises
    ------
    ObjectError
        The store cannot be asked now.
    """
    if artifact.size > MAX_BYTES:
        return None
    try:
        data = await objects.get_bytes(
            Bucket(artifact.bucket), artifact.object_key, limit=MAX_BYTES
        )
    except (ObjectMissing, ObjectCorrupt):
        return None
    return data


def lane_of(data: bytes, sha256: str, field: CorrectionField) -> Any:
    """Return a lane of a file of results; `None` if the file is damaged. Takes milliseconds."""
    if hashlib.sha256(data).hexdigest() != sha256:
        return None
    try:
        if field in CUTS_OF:
            cuts = machine_cuts(Slices.model_validate_json(data))
            return [cut.model_dump(mode="json") for cut in cuts]
        content = from_json(data)
    except ValueError:
        return None
    if field in NOTES_OF:
        name = "notes"
    else:
        name = "lines" if field is CorrectionField.WORDS else field.value
    return content.get(name) if isinstance(content, dict) else None
