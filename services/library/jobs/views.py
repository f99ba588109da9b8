"""Jobs as the API shows them."""

from contracts.ids import ArtifactId, JobId, RunId
from contracts.jobs import (
    Job,
    JobState,
    Priority,
    Producer,
    Progress,
    Reason,
    TaskName,
)
from services.library.jobs.retry_advice import retry_advice
from services.library.jobs.subjects import subject_of
from services.library.jobs.tables import JobRow


def job_to_api(row: JobRow) -> Job:
    """Return a job as the API shows it."""
    artifacts = [i.get("artifact") for i in row.inputs]
    return Job(
        id=JobId(row.id),
        subject=subject_of(row),
        task=TaskName(row.task),
        state=JobState(row.state),
        priority=Priority(row.priority),
        params=row.params,
        inputs=tuple(ArtifactId(a) for a in artifacts if a),
        progress=Progress.model_validate(row.progress),
        result=row.result,
        reason=Reason.model_validate(row.reason) if row.reason else None,
        retry_with=retry_advice(row),
        producer=Producer.model_validate(row.producer) if row.producer else None,
        attempt=row.attempt,
        run=RunId(row.run) if row.run else None,
        retry_of=JobId(row.retry_of) if row.retry_of else None,
        cancel_requested=row.cancel_requested,
        created=row.created,
        started=row.started,
        finished=row.finished,
    )
