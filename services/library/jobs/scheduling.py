"""Scheduling: which queued job of a task runs next, shared fairly among the owners (R3)."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Select,
    String,
    and_,
    case,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from contracts.jobs import JobState, Priority, TaskName
from contracts.music import Seconds
from kit.database.engine import Database, database_of
from services.library.jobs.policy import Policy
from services.library.jobs.subject_facts import SubjectFacts
from services.library.jobs.tables import JobRow, in_state

_OTHERS = aliased(JobRow)
"""The jobs that the query of the next one compares it with."""


async def any_waiting(session: AsyncSession, task: TaskName) -> bool:
    """Return whether a queued job of a task may start now."""
    waiting = and_(
        col(JobRow.task) == task,
        in_state(JobState.QUEUED),
        col(JobRow.not_before) <= database_of(session).now(),
    )
    query = select(col(JobRow.id)).where(waiting).limit(1)
    return (await session.execute(query)).scalar_one_or_none() is not None


@dataclass(frozen=True, slots=True)
class NextJob:
    """The job to be claimed next, its row locked."""

    id: str
    epoch: int
    attempt: int
    start_to_close_timeout: Seconds
    subject: Any
    """What `SubjectFacts.join` added."""


async def next_job(
    session: AsyncSession, task: TaskName, policy: Policy, subjects: SubjectFacts, *, long: bool
) -> NextJob | None:
    """Lock and return the next job of a task; long jobs only on request."""
    database = database_of(session)
    query = database.prepared(
        ("next job", task, policy, subjects, long),
        lambda: subjects.join(_next_query(database, task, policy, long=long)),
    )
    row = (await session.execute(query)).one_or_none()
    return NextJob(*row) if row else None


def _next_query(
    database: Database, task: TaskName, policy: Policy, *, long: bool
) -> Select[*tuple[Any, ...]]:
    """Return the query of the next job of a task.

    Sorting all queued jobs would make a claim slower the deeper the queue is. So the query selects
    in two steps, each of which reads single rows of an index:

    1. `heads`: the oldest queued job of each owner, priority and length. These are few rows,
       however many jobs wait. They are sorted by the rules of `claim`, and the first is `next`.
    2. The oldest job of the owner, priority and length of `next`, locked. `SKIP LOCKED` leaves a
       row alone that another transaction changes at this moment, such as a cancellation.
    """

    def ready(job: Any) -> tuple[ColumnElement[bool], ...]:
        return (
            col(job.task) == task,
            in_state(JobState.QUEUED, job),
            col(job.not_before) <= database.now(),
        )

    owners = _eligible_owners(task, policy)

    def head(priority: Priority, is_long: bool) -> Select[Any]:
        # Priority and length are literals, not bind values, so that the planner can choose
        # `ix_jobs_queued` for each of these subqueries.
        name = literal_column(f"'{priority.value}'", String)
        length = true() if is_long else false()
        queued = (
            select(col(_OTHERS.queued))
            .where(*ready(_OTHERS), col(_OTHERS.owner) == owners.c.owner)
            .where(col(_OTHERS.priority) == name, col(_OTHERS.long) == length)
            .order_by(col(_OTHERS.queued))
            .limit(1)
            .scalar_subquery()
        )
        return select(
            owners.c.owner,
            owners.c.share,
            owners.c.last,
            name.label("priority"),
            length.label("long"),
            queued.label("queued"),
        )

    lengths = (False, True) if long else (False,)
    heads = union_all(*(head(p, is_long) for p in Priority for is_long in lengths)).cte("heads")
    urgent = or_(
        heads.c.priority == Priority.INTERACTIVE,
        heads.c.queued < database.now(offset=-policy.ageing),
    )
    patient = and_(heads.c.long, heads.c.queued >= database.now(offset=-policy.patience))
    grade, length = case((urgent, 0), else_=1), case((patient, 1), else_=0)
    # MATERIALIZED: computed once, although three conditions of the outer query read it.
    next_ = (
        select(heads.c.owner, heads.c.priority, heads.c.long)
        .where(heads.c.queued.is_not(None))
        .order_by(grade, heads.c.share, heads.c.last.asc().nulls_first(), length, heads.c.queued)
        .limit(1)
        .cte("next")
        .prefix_with("MATERIALIZED")
    )
    return (
        select(
            col(JobRow.id),
            col(JobRow.epoch),
            col(JobRow.attempt),
            col(JobRow.start_to_close_timeout),
        )
        .where(
            *ready(JobRow),
            col(JobRow.owner) == select(next_.c.owner).scalar_subquery(),
            col(JobRow.priority) == select(next_.c.priority).scalar_subquery(),
            col(JobRow.long) == select(next_.c.long).scalar_subquery(),
        )
        .order_by(col(JobRow.queued), col(JobRow.id))
        .limit(1)
        .with_for_update(of=JobRow, skip_locked=True)
        .execution_options(populate_existing=True)
    )


def _eligible_owners(task: TaskName, policy: Policy) -> CTE:
    """Return the owners with queued jobs of a task and room for more running ones (R3).

    `share` is how many jobs of any task the owner has running, `last` when one last started.
    """
    owners = _owners(task)
    theirs = col(_OTHERS.owner) == owners.c.owner
    share = select(func.count()).select_from(_OTHERS)
    share = share.where(theirs, in_state(JobState.RUNNING, _OTHERS))
    last = select(func.max(col(_OTHERS.started))).where(theirs)
    counted = (
        select(
            owners.c.owner,
            share.scalar_subquery().label("share"),
            last.scalar_subquery().label("last"),
        )
        .where(owners.c.owner.is_not(None))
        .cte("counted")
        .prefix_with("MATERIALIZED")
    )
    return select(counted).where(counted.c.share < policy.owner_running).cte("eligible")


def _owners(task: TaskName) -> CTE:
    """Return the owners who have queued jobs of a task.

    A loose index scan: each step of the recursion finds the next owner with one look-up of an
    index. `SELECT DISTINCT owner` would read every queued job.
    """
    waits = (col(_OTHERS.task) == task, in_state(JobState.QUEUED, _OTHERS))
    first = select(func.min(col(_OTHERS.owner)).label("owner")).where(*waits)
    owners = first.cte("owners", recursive=True)
    following = select(func.min(col(_OTHERS.owner))).where(
        *waits, col(_OTHERS.owner) > owners.c.owner
    )
    return owners.union_all(select(following.scalar_subquery()).where(owners.c.owner.is_not(None)))
