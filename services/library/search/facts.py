"""What finished jobs found out about items, as search documents hold it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.analysis import AnalysisResult
from contracts.ingest import IngestResult
from contracts.jobs import JobState, TaskName
from contracts.search import ClassSource, SearchTag
from contracts.tagging import SoundClass, TaggingResult
from services.library.jobs.tables import JobRow
from services.library.search.values import name_key


@dataclass(slots=True)
class Facts:
    """What is known of an item besides its row; `None` if it is not known."""

    loudness: float | None = None
    """Integrated, LUFS."""
    key: str | None = None
    camelot: str | None = None
    sound_class: SoundClass | None = None
    tags: tuple[SearchTag, ...] = ()


async def facts_of(session: AsyncSession, items: Collection[str]) -> Mapping[str, Facts]:
    """Return what the latest succeeded jobs found out about items."""
    query = (
        select(col(JobRow.item), col(JobRow.task), col(JobRow.result))
        .where(
            col(JobRow.item).in_(items),
            col(JobRow.task).in_(_READERS),
            col(JobRow.state) == JobState.SUCCEEDED,
        )
        .order_by(col(JobRow.finished), col(JobRow.id))
    )
    facts: dict[str, Facts] = {}
    for item, task, result in (await session.execute(query)).all():
        try:
            _READERS[task](facts.setdefault(item, Facts()), result)
        except ValidationError:
            # A result of an earlier version; what it found is found again by a new job.
            continue
    return facts


def _from_ingest(facts: Facts, result: Any) -> None:
    facts.loudness = IngestResult.model_validate(result).levels.integrated_lufs


def _from_analysis(facts: Facts, result: Any) -> None:
    estimate = AnalysisResult.model_validate(result).key
    if estimate is not None:
        facts.key, facts.camelot = estimate.best.key, estimate.best.camelot


def _from_tagging(facts: Facts, result: Any) -> None:
    tagging = TaggingResult.model_validate(result)
    tags = {
        name: SearchTag(name=name, source=ClassSource.MACHINE, confidence=tag.confidence)
        for tag in reversed(tagging.song)
        if (name := name_key(tag.name))
    }
    facts.tags = tuple(tags.values()) or facts.tags
    if tagging.samples == 1:
        (facts.sound_class,) = tagging.classes


_READERS: Mapping[str, Callable[[Facts, Any], None]] = {
    TaskName.INGEST.value: _from_ingest,
    TaskName.ANALYSIS.value: _from_analysis,
    TaskName.TAGGING.value: _from_tagging,
}
TASKS_WITH_FACTS = frozenset(_READERS)
"""Tasks whose results a search document shows."""
