"""What a claim tells a worker of the subject of a job; the catalogue supplies it."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.export import ExportFacts
from contracts.jobs import ItemFacts
from services.library.jobs.tables import JobRow

DescribeInputs = Callable[[AsyncSession, JobRow], Awaitable[ExportFacts | None]]
"""Returns names, rights and producers of what a job reads; `None` if its task needs none."""


class SubjectFacts(Protocol):
    """Reads the facts of subjects in the query that selects the next job.

    A claim is one query, whatever the subject is, so the facts are joined and not looked up.
    """

    def join(self, jobs: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
        """Add one column or entity to a query of `JobRow`: the subject, NULL if it has no facts."""
        ...

    def facts_of(self, subject: Any) -> ItemFacts | None:
        """Return the facts in what `join` added to a row."""
        ...
