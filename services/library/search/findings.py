"""What finished jobs found out about items, as search documents hold it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from contracts.analysis import AnalysisResult
from contracts.ingest import IngestResult
from contracts.items import ArtifactKind
from contracts.jobs import JobState, TaskName
from contracts.search import ClassSource, SearchTag
from contracts.tagging import SampleSound, TaggingResult
from services.library.catalogue.tables import ArtifactRow, ItemRow
from services.library.jobs.tables import JobRow
from services.library.search.values import name_key


@dataclass(slots=True)
class Findings:
    """What is known of an item besides its row; `None` if it is not known."""

    loudness: float | None = None
    """Integrated, LUFS."""
    key: str | None = None
    camelot: str | None = None
    sound: SampleSound | None = None
    """The class and measured values of a sample."""
    tags: tuple[SearchTag, ...] = ()


async def findings_of(session: AsyncSession, items: Sequence[ItemRow]) -> Mapping[str, Findings]:
    """Return what the latest succeeded jobs found out about items.

    The class and measured values of a slice are in the result of a job over its parent, which
    names them by the file.
    """
    ids = {item.id for item in items}
    parents = {item.parent for item in items if item.parent is not None}
    query = (
        select(col(JobRow.item), col(JobRow.task), col(JobRow.result), col(JobRow.inputs))
        .where(
            col(JobRow.item).in_(ids | parents),
            col(JobRow.task).in_(_READERS),
            col(JobRow.state) == JobState.SUCCEEDED,
        )
        .order_by(col(JobRow.finished), col(JobRow.id))
    )
    findings: dict[str, Findings] = {}
    sounds: dict[str, SampleSound] = {}
    for item, task, result, inputs in (await session.execute(query)).all():
        try:
            if item in ids:
                _READERS[task](findings.setdefault(item, Findings()), result)
            if task == TaskName.TAGGING:
                sounds |= _sounds(result, inputs)
        except ValidationError:
            # A result of an earlier version; what it found is found again by a new job.
            continue
    if sounds:
        canonical = select(col(ArtifactRow.item), col(ArtifactRow.object_key)).where(
            col(ArtifactRow.item).in_(ids), col(ArtifactRow.kind) == ArtifactKind.CANONICAL
        )
        for item, key in (await session.execute(canonical)).all():
            if item is not None and key in sounds:
                findings.setdefault(item, Findings()).sound = sounds[key]
    return findings


async def items_described(session: AsyncSession, jobs: Sequence[JobRow]) -> list[ItemRow]:
    """Return the items about which succeeded jobs found something out: theirs, and slices."""
    described = {job.item for job in jobs if job.item is not None}
    artifacts = [
        ref["artifact"] for job in jobs if job.task == TaskName.TAGGING for ref in job.inputs
    ]
    if artifacts:
        # An item that was cut from another has the file of the job that cut it under its own name.
        source, own = ArtifactRow, aliased(ArtifactRow)
        same_file = and_(col(own.job) == source.job, col(own.object_key) == source.object_key)
        query = (
            select(col(own.item))
            .select_from(source)
            .join(own, same_file)
            .where(col(source.id).in_(artifacts), col(own.kind) == ArtifactKind.CANONICAL)
        )
        described |= set(await session.scalars(query))
    of_items = select(ItemRow).where(col(ItemRow.id).in_(sorted(filter(None, described))))
    return list(await session.scalars(of_items))


def _sounds(result: Any, inputs: Sequence[Mapping[str, Any]]) -> dict[str, SampleSound]:
    """Return how the files of a tagging job sound, by their object keys."""
    named = {
        (sound.file, sound.stem): sound for sound in TaggingResult.model_validate(result).sounds
    }
    keys = {(ref["name"], ref.get("stem")): ref["key"] for ref in inputs}
    return {keys[name]: sound for name, sound in named.items() if name in keys}


def _from_ingest(findings: Findings, result: Any) -> None:
    findings.loudness = IngestResult.model_validate(result).levels.integrated_lufs


def _from_analysis(findings: Findings, result: Any) -> None:
    estimate = AnalysisResult.model_validate(result).key
    if estimate is not None:
        findings.key, findings.camelot = estimate.best.key, estimate.best.camelot


def _from_tagging(findings: Findings, result: Any) -> None:
    tags = {
        name: SearchTag(name=name, source=ClassSource.MACHINE, confidence=tag.confidence)
        for tag in reversed(TaggingResult.model_validate(result).song)
        if (name := name_key(tag.name))
    }
    findings.tags = tuple(tags.values()) or findings.tags


_READERS: Mapping[str, Callable[[Findings, Any], None]] = {
    TaskName.INGEST.value: _from_ingest,
    TaskName.ANALYSIS.value: _from_analysis,
    TaskName.TAGGING.value: _from_tagging,
}
TASKS_WITH_FINDINGS = frozenset(_READERS)
"""Tasks whose results a search document shows."""
