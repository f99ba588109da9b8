"""What results of finished jobs say about items, as search documents hold it.

`services.library.search.tag_files` reads what tagging found out.
"""

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
from services.library.jobs.tables import JobRow


@dataclass(slots=True)
class Findings:
    """What is known of an item besides its row; `None` if it is not known."""

    loudness: float | None = None
    """Integrated, LUFS."""
    key: str | None = None
    camelot: str | None = None
    stated_bpm: float | None = None
    """As the item's file states it."""
    stated_key: str | None = None
    measured_bpm: float | None = None


async def findings_of(session: AsyncSession, items: Collection[str]) -> Mapping[str, Findings]:
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
    findings: dict[str, Findings] = {}
    for item, task, result in (await session.execute(query)).all():
        try:
            _READERS[task](findings.setdefault(item, Findings()), result)
        except ValidationError:
            # A result of an earlier version; what it found is found again by a new job.
            continue
    return findings


def _from_ingest(findings: Findings, result: Any) -> None:
    ingested = IngestResult.model_validate(result)
    findings.loudness = ingested.levels.integrated_lufs
    findings.stated_bpm, findings.stated_key = ingested.stated.bpm, ingested.stated.key


def _from_analysis(findings: Findings, result: Any) -> None:
    analysed = AnalysisResult.model_validate(result)
    estimate = analysed.key
    if analysed.tempo is not None:
        findings.measured_bpm = analysed.tempo.bpm
    if estimate is not None:
        findings.key, findings.camelot = estimate.best.key, estimate.best.camelot


_READERS: Mapping[str, Callable[[Findings, Any], None]] = {
    TaskName.INGEST.value: _from_ingest,
    TaskName.ANALYSIS.value: _from_analysis,
}
TASKS_WITH_FINDINGS = frozenset(_READERS)
"""Tasks whose results a search document shows."""
