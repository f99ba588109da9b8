"""`/jobs`: submit, read, cancel and retry jobs."""

from typing import Annotated

from fastapi import APIRouter, Body, Response
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.identity import Principal, Scope
from contracts.ids import JobId, RunId
from contracts.items import Artifact
from contracts.jobs import Job, JobCreate, JobRetry, JobState, Progress, TaskName
from contracts.objects import Bucket
from contracts.subjects import SubjectKind
from contracts.uploads import Download
from kit.http.errors import not_found
from kit.http.etags import READABLE
from kit.http.pagination import Page, Paging
from kit.http.routes import GuardedRoute
from kit.http.subjects import SubjectFilter
from services.library.access import Action
from services.library.catalogue.repository import Repository, item_is_kept
from services.library.catalogue.tables import ArtifactRow
from services.library.catalogue.uploads import SIGNED
from services.library.catalogue.views import artifact_to_api
from services.library.estimates.queue_times import job_queue, job_queues
from services.library.idempotency import Key, once
from services.library.jobs import submission
from services.library.jobs.locks import hold_owner
from services.library.jobs.repository import JobRepository
from services.library.jobs.tables import JobRow
from services.library.jobs.transitions import previews_of
from services.library.jobs.views import job_to_api
from services.library.pipelines.requests import retry_job, submit_job
from services.library.repository import page
from services.library.routes.context import REFUSED, Context, Reader, Runner

_ITEM = "0197f3a2-5b1c-7d2e-8f30-1a2b3c4d5e6f"
_EXAMPLE = {
    "MIDI of a song": {"value": {"item": _ITEM, "task": "midi"}},
    "Stems of a song for a DAW": {
        "value": {"item": _ITEM, "task": "export", "params": {"preset": "stems"}}
    },
    "With parameters": {
        "value": {"item": _ITEM, "task": "midi", "params": {"onset_threshold": 0.4}}
    },
}


def job_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(route_class=GuardedRoute, prefix="/jobs", tags=["jobs"], responses=REFUSED)

    @router.post("", status_code=202, responses={200: {"description": "The job already exists."}})
    async def create(
        principal: Runner,
        request: Annotated[JobCreate, Body(openapi_examples=_EXAMPLE)],
        response: Response,
        key: Key = None,
    ) -> Job:
        """Submit a job for an item or a collection.

        An equal job that is queued, running or done is reused.

        The response holds the result only if the credential has the scope `catalogue:read`.
        """
        async with server.database.transaction() as session:
            jobs = _jobs(session, principal)
            row: JobRow | None = None

            async def act() -> tuple[str, int]:
                nonlocal row
                row, new = await submit_job(
                    Repository(session, principal), request, policy=server.policy
                )
                return row.id, 202 if new else 200

            id_, response.status_code = await once(
                session, act, owner=principal.owner, route="POST /jobs", key=key, body=request
            )
            return _readable(principal, row or await jobs.job(id_, Action.RUN))

    @router.get("")
    async def list_(
        principal: Reader,
        paging: Paging,
        subject: SubjectFilter,
        state: JobState | None = None,
        task: TaskName | None = None,
        run: RunId | None = None,
    ) -> Page[Job]:
        """List jobs, newest first."""
        async with server.database.session() as session:
            jobs = _jobs(session, principal)
            is_few = run is not None or (subject is not None and subject.item is not None)
            query = jobs.jobs.select_few() if is_few else jobs.jobs.select()
            if subject is not None:
                # The foreign key of an item has an index of its own.
                of_item = col(JobRow.item) == subject.item
                of_subject = (
                    col(JobRow.subject_kind) == subject.kind,
                    col(JobRow.subject_id) == subject.id,
                )
                query = query.where(*((of_item,) if subject.item is not None else of_subject))
            else:
                query = query.where(col(JobRow.subject_kind) != SubjectKind.QUERY_SOUND)
            for column, value in (
                (JobRow.state, state),
                (JobRow.task, task),
                (JobRow.run, run),
            ):
                if value is not None:
                    query = query.where(col(column) == value)
            rows, following = await page(jobs.jobs, query, paging)
            queues = await job_queues(session, rows, policy=server.policy)
        shown = (job_to_api(row).model_copy(update={"queue": queues.get(row.id)}) for row in rows)
        return Page(items=tuple(shown), next=following)

    @router.get("/{job}", responses=READABLE)
    async def get(principal: Reader, job: JobId) -> Job:
        """Return a job; while it is queued, also its position and what it waits for."""
        async with server.database.session() as session:
            row = await _jobs(session, principal).job(job, Action.READ)
            queue = await job_queue(session, row, policy=server.policy)
        return job_to_api(row).model_copy(update={"queue": queue})

    @router.get("/{job}/artifacts")
    async def artifacts(principal: Reader, job: JobId, paging: Paging) -> Page[Artifact]:
        """List the files that a job stored, newest first."""
        async with server.database.session() as session:
            row = await _jobs(session, principal).job(job, Action.READ)
            files = Repository(session, principal).artifacts
            query = files.select().where(
                col(ArtifactRow.job) == row.id,
                # The files of items that were cut from its subject are listed with these items.
                col(ArtifactRow.subject_kind) == row.subject_kind,
                col(ArtifactRow.subject_id) == row.subject_id,
            )
            rows, following = await page(files, query, paging)
        return Page(items=tuple(map(artifact_to_api, rows)), next=following)

    @router.get("/{job}/previews/{name}")
    async def preview(principal: Reader, job: JobId, name: str) -> Download:
        """Return a signed URL of a preview: a finished part of a file, while the job still runs.

        The names are in `previews` of the job's progress and of its `job.progressed` events.
        """
        async with server.database.session() as session:
            row = await _jobs(session, principal).job(job, Action.READ)
            now = await server.database.time(session)
        if name not in Progress.model_validate(row.progress).previews:
            raise not_found()
        url = server.objects.sign_get(
            Bucket.DERIVED,
            previews_of(row) + name,
            filename=name,
            media_type="audio/flac",
            lasting=SIGNED,
        )
        return Download(url=url, expires=now + SIGNED)

    @router.post("/{job}/cancel")
    async def cancel(principal: Runner, job: JobId, key: Key = None) -> Job:
        """Cancel a job: at once if queued, within seconds if running; a finished job stays."""
        async with server.database.transaction() as session:
            await hold_owner(session, principal.owner)
            await _jobs(session, principal).job(job, Action.RUN)
            row = await submission.cancel(session, principal.owner, job)
            if row is None:
                # It was deleted with its item in between.
                raise not_found()
            return _readable(principal, row)

    @router.post("/{job}/retry", status_code=202)
    async def retry(
        principal: Runner, job: JobId, request: JobRetry | None = None, key: Key = None
    ) -> Job:
        """Submit a failed, skipped or cancelled job again, as a new job.

        `parameters` changes some of its parameters: `retry_with` of a failed job lists changes
        with which it may succeed.
        """
        changes = request.parameters if request is not None else {}
        async with server.database.transaction() as session:
            jobs = _jobs(session, principal)

            async def act() -> tuple[str, int]:
                row = await jobs.job(job, Action.RUN)
                catalogue = Repository(session, principal)
                return (await retry_job(catalogue, row, changes, policy=server.policy)).id, 202

            route = f"POST /jobs/{job}/retry"
            id_, _ = await once(
                session, act, owner=principal.owner, route=route, key=key, body=request
            )
            return job_to_api(await jobs.job(id_, Action.RUN))

    return router


def _jobs(session: AsyncSession, principal: Principal) -> JobRepository:
    return JobRepository(session, principal, shown=item_is_kept)


def _readable(principal: Principal, row: JobRow) -> Job:
    """Return a job for a response, without its result if the caller may not read the catalogue."""
    job = job_to_api(row)
    return job if Scope.READ in principal.scopes else job.model_copy(update={"result": None})
