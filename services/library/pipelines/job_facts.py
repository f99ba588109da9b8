"""What workers receive with a job besides its inputs, and the digest of it."""

import hashlib
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.jobs import InputRef, TaskName
from contracts.subjects import Subject
from contracts.tasks import TASKS, Task
from services.library.cuts.of_jobs import cuts_digest, cuts_of_job
from services.library.jobs.subject_facts import InputDescription
from services.library.jobs.subjects import subject_of
from services.library.jobs.tables import JobRow
from services.library.pipelines.exports import describe_inputs


async def describe_job(session: AsyncSession, row: JobRow) -> InputDescription:
    """Return what the worker of a job receives, as far as its task needs it."""
    task = TASKS.get(TaskName(row.task))
    if task is None:
        return InputDescription()
    subject = subject_of(row)
    inputs = [InputRef.model_validate(ref) for ref in row.inputs]
    return InputDescription(
        export=await describe_inputs(session, subject, inputs) if task.describes_items else None,
        cuts=await cuts_of_job(session, task, subject, inputs),
    )


async def facts_digest(
    session: AsyncSession, task: Task, subject: Subject, inputs: Sequence[InputRef]
) -> str | None:
    """Return the digest of what `describe_job` returns; `None` if that is nothing."""
    if not task.describes_items:
        return await cuts_digest(session, task, subject, inputs)
    facts = await describe_inputs(session, subject, inputs)
    return hashlib.sha256(facts.model_dump_json().encode()).hexdigest()
