"""Workers, and the weights of networks that they have."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.admin import Model, Worker
from contracts.ids import WorkerId
from contracts.jobs import JobState, Producer, TaskName, WorkerInfo
from contracts.weights import ModelWeights
from kit.database.engine import database_of
from services.library.jobs.policy import Policy
from services.library.jobs.tables import JobRow, WorkerRow, in_state

MAX_SHOWN = 500
"""Workers that are shown at most: those seen last."""
MAX_OF_MODEL = 100
"""Workers of one model that are named at most."""


@dataclass(frozen=True, slots=True)
class _Busy:
    """The running jobs of a worker."""

    count: int
    lease_until: datetime | None


async def list_workers(session: AsyncSession, *, policy: Policy) -> tuple[Worker, ...]:
    """Return the workers of the last day, by task and host; those online first.

    A worker that was replaced by a newer one of the same task on the same host is left out.
    """
    rows = await _rows(session)
    now = await database_of(session).time(session)
    busy = await _busy(session)
    shown = [_shown(row, busy.get(row.id), now, policy) for row in rows]
    kept = [worker for worker in shown if worker.online or not _replaced(worker, shown)]
    return tuple(sorted(kept, key=lambda w: (not w.online, w.name, w.first_seen)))


async def list_models(session: AsyncSession) -> tuple[Model, ...]:
    """Return the weights that the manifests of the last day's workers list, by task and name."""
    models: dict[tuple[str, str, str], tuple[ModelWeights, list[WorkerId]]] = {}
    for row in await _rows(session):
        for weights in WorkerInfo.model_validate(row.about).models:
            key = (row.task, weights.name, weights.version)
            first, workers = models.setdefault(key, (weights, []))
            if weights.installed:
                workers.append(WorkerId(row.id))
                models[key] = (first.model_copy(update={"installed": True}), workers)
    return tuple(
        Model(task=TaskName(task), workers=tuple(workers[:MAX_OF_MODEL]), **weights.model_dump())
        for (task, _, _), (weights, workers) in sorted(models.items())
    )


async def _rows(session: AsyncSession) -> Sequence[WorkerRow]:
    query = select(WorkerRow).order_by(col(WorkerRow.last_seen).desc()).limit(MAX_SHOWN)
    return list(await session.scalars(query))


async def _busy(session: AsyncSession) -> dict[str | None, _Busy]:
    query = (
        select(col(JobRow.worker), func.count(), func.max(col(JobRow.lease_until)))
        .where(in_state(JobState.RUNNING))
        .group_by(col(JobRow.worker))
    )
    return {worker: _Busy(count, until) for worker, count, until in await session.execute(query)}


def _shown(row: WorkerRow, busy: _Busy | None, now: datetime, policy: Policy) -> Worker:
    about = WorkerInfo.model_validate(row.about)
    producer = Producer.model_validate(row.producer)
    # A worker with no free slot claims nothing; its heartbeats extend the leases of its jobs.
    last_seen = row.last_seen
    if busy is not None and busy.lease_until is not None:
        last_seen = min(now, max(last_seen, busy.lease_until - policy.lease))
    return Worker(
        id=WorkerId(row.id),
        name=f"{row.task}@{about.host}",
        task=TaskName(row.task),
        host=about.host,
        device=about.device,
        engine=producer.engine,
        version=producer.version,
        weights=producer.weights,
        slots=row.slots,
        running=busy.count if busy is not None else 0,
        online=last_seen > now - policy.offered,
        first_seen=row.first_seen,
        last_seen=last_seen,
    )


def _replaced(worker: Worker, others: Sequence[Worker]) -> bool:
    return any(
        other.name == worker.name and other.id != worker.id and other.first_seen >= worker.last_seen
        for other in others
    )
