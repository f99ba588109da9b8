"""Measure how long the jobs of each task run, from the jobs that succeeded lately."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from statistics import median
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.jobs import JobState
from contracts.music import Seconds
from kit.database.engine import Database, database_of
from kit.database.upsert import insert_into
from services.library.catalogue.tables import ItemRow
from services.library.estimates.tables import RunTimeRow
from services.library.jobs.tables import JobRow

KEPT = 64
"""Run times of each task that are kept."""
READ = 500
"""Finished jobs that one measurement reads at most."""
WINDOW = timedelta(minutes=10)
"""How far back a measurement looks, so that one that was left out is made good by the next."""
MIN_FOR_LINE = 5
"""Fewer run times than this give no line, only a ratio."""
MIN_SPREAD = 1.25
"""Ratio of two lengths of audio from which on the pair says something about the slope."""


@dataclass(frozen=True, slots=True)
class RunTime:
    """The expected run time of a task's jobs."""

    median_run: Seconds
    intercept: Seconds
    slope: float

    def expected(self, audio: Seconds | None) -> Seconds:
        """Return the expected run time for a length of audio; the median if it is not known."""
        if audio is None:
            return self.median_run
        return max(0.0, self.intercept + self.slope * audio)


async def measure_run_times(database: Database) -> None:
    """Add the jobs that succeeded lately to the run times of their tasks.

    Several libraries may do this at once: each reads the same jobs, which have ids.
    """
    async with database.session() as session:
        stored = {row.task: row for row in await session.scalars(select(RunTimeRow))}
        finished = await _finished(session, since=WINDOW if stored else None)
    fresh = {
        task: _merge(stored[task].recent if task in stored else (), entries)
        for task, entries in finished.items()
    }
    changed = {
        task: recent
        for task, recent in fresh.items()
        if task not in stored or recent != stored[task].recent
    }
    if not changed:
        return
    async with database.transaction() as session:
        for task, recent in sorted(changed.items()):
            await _store(session, task, recent)


async def run_times(session: AsyncSession) -> dict[str, RunTime]:
    """Return the run time of each task that has been measured."""
    query = select(
        col(RunTimeRow.task),
        col(RunTimeRow.median_run),
        col(RunTimeRow.intercept),
        col(RunTimeRow.slope),
    )
    return {task: RunTime(*numbers) for task, *numbers in await session.execute(query)}


def fit(pairs: Sequence[tuple[Seconds | None, Seconds]]) -> RunTime:
    """Fit a line to `(seconds of audio, run time)` pairs by the Theil-Sen estimator.

    The slope is the median of the slopes between pairs, so that single slow jobs do not bend the
    line (P. K. Sen, Estimates of the regression coefficient based on Kendall's tau, 1968). With few
    pairs or one length of audio, the run time is proportional to the length of the audio.

    Parameters
    ----------
    pairs
        At least one; the length of the audio is `None` for a job without audio of its own.
    """
    middle = median(run for _, run in pairs)
    known = [(audio, run) for audio, run in pairs if audio]
    if not known:
        return RunTime(middle, middle, 0.0)
    slopes = [
        (long[1] - short[1]) / (long[0] - short[0])
        for short, long in combinations(sorted(known), 2)
        if long[0] >= MIN_SPREAD * short[0]
    ]
    if len(known) < MIN_FOR_LINE or not slopes:
        return RunTime(middle, 0.0, median(run / audio for audio, run in known))
    slope = max(0.0, median(slopes))
    intercept = max(0.0, median(run - slope * audio for audio, run in known))
    return RunTime(middle, intercept, slope)


async def _finished(session: AsyncSession, *, since: timedelta | None) -> dict[str, list[Any]]:
    """Return entries of the jobs that succeeded lately by task, oldest first."""
    query = (
        select(
            col(JobRow.id),
            col(JobRow.task),
            col(JobRow.started),
            col(JobRow.finished),
            col(ItemRow.audio),
        )
        .outerjoin(ItemRow, col(ItemRow.id) == col(JobRow.item))
        .where(col(JobRow.finished).is_not(None), col(JobRow.state) == JobState.SUCCEEDED)
        .order_by(col(JobRow.finished).desc())
        .limit(READ)
    )
    if since is not None:
        query = query.where(col(JobRow.finished) > database_of(session).now(offset=-since))
    entries: defaultdict[str, list[Any]] = defaultdict(list)
    for job, task, started, finished, audio in reversed((await session.execute(query)).all()):
        if started is not None:
            entries[task].append([job, audio_seconds(audio), _seconds(started, finished)])
    return entries


def audio_seconds(audio: dict[str, Any] | None) -> Seconds | None:
    """Return the length in an item's stored `AudioFacts`; `None` if it has none yet."""
    return float(audio["duration"]) if audio and audio.get("duration") else None


def _seconds(started: datetime, finished: datetime) -> Seconds:
    return round(max(0.0, (finished - started).total_seconds()), 3)


def _merge(old: Sequence[Any], new: Sequence[Any]) -> list[Any]:
    """Return the latest entries; `new` holds all jobs that finished within its window."""
    ids = {entry[0] for entry in new}
    return [*(entry for entry in old if entry[0] not in ids), *new][-KEPT:]


async def _store(session: AsyncSession, task: str, recent: list[Any]) -> None:
    database = database_of(session)
    line = fit([(audio, run) for _, audio, run in recent])
    statement = insert_into(database, RunTimeRow).values(
        task=task,
        recent=recent,
        median_run=line.median_run,
        intercept=line.intercept,
        slope=line.slope,
        measured=database.now(),
    )
    names = ("recent", "median_run", "intercept", "slope", "measured")
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["task"],
            set_={name: getattr(statement.excluded, name) for name in names},
        )
    )
