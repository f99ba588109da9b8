"""What a claim tells a worker of the subject of a job; the catalogue supplies it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.cuts import Cut
from contracts.export import ExportFacts
from contracts.jobs import ItemFacts
from services.library.jobs.tables import JobRow


@dataclass(frozen=True, slots=True)
class InputDescription:
    """What a claim tells a worker of a job besides its subject, parameters and inputs."""

    export: ExportFacts | None = None
    """Names, rights and producers of what it reads; `None` if its task needs none."""
    cuts: tuple[Cut, ...] | None = None
    """The user's cuts of what it reads; `None` if its task needs none, or there are none."""


DescribeInputs = Callable[[AsyncSession, JobRow], Awaitable[InputDescription]]


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
