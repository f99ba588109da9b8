"""`/jobs`: submit, read, cancel and retry jobs."""

from typing import Annotated

from fastapi import APIRouter, Body, Response
from sqlmodel import col

from contracts.identity import Principal, Scope
from contracts.ids import ItemId, JobId, RunId
from contracts.items import ItemState
from contracts.jobs import Job, JobCreate, JobState, Progress, TaskName
from contracts.objects import Bucket
from contracts.problems import ProblemCode
from contracts.tasks import UPLOAD_TASK
from contracts.uploads import Download
from kit.http.errors import ProblemError, not_found
from kit.http.pagination import Page, Paging
from kit.http.routes import GuardedRoute
from services.library.access import Action
from services.library.catalogue.events import emit_item_changed
from services.library.catalogue.repository import Repository, page
from services.library.catalogue.uploads import SIGNED
from services.library.idempotency import Key, once
from services.library.jobs import submission
from services.library.jobs.locks import hold_owner
from services.library.jobs.queue import queue_state
from services.library.jobs.submission import NotAdmitted, Quarantined
from services.library.jobs.tables import JobRow
from services.library.jobs.transitions import previews_of
from services.library.jobs.views import job_to_api
from services.library.pipelines.validation import refusal, submit_job
from services.library.routes.context import REFUSED, Context, Reader, Runner

_ITEM = "0197f3a2-5b1c-7d2e-8f30-1a2b3c4d5e6f"
_EXAMPLE = {
    "MIDI of a song": {"value": {"item": _ITEM, "task": "midi"}},
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
        asked: Annotated[JobCreate, Body(openapi_examples=_EXAMPLE)],
        response: Response,
        key: Key = None,
    ) -> Job:
        """Submit a job for an item; an equal job that is queued, running or done is reused.

        The response holds the result only if the credential has the scope `catalogue:read`.
        """
        async with server.database.transaction() as session:
            repository = Repository(session, principal)
            row: JobRow | None = None

            async def act() -> tuple[str, int]:
                nonlocal row
                row, new = await submit_job(repository, asked, policy=server.policy)
                return row.id, 202 if new else 200

            id_, response.status_code = await once(
                session, act, owner=principal.owner, route="POST /jobs", key=key, body=asked
            )
            return _told(principal, row or await repository.job(id_, Action.RUN))

    @router.get("")
    async def list_(
        principal: Reader,
        paging: Paging,
        item: ItemId | None = None,
        state: JobState | None = None,
        task: TaskName | None = None,
        run: RunId | None = None,
    ) -> Page[Job]:
        """List jobs, newest first."""
        async with server.database.session() as session:
            repository = Repository(session, principal)
            query = repository.jobs.select()
            for column, value in (
                (JobRow.item, item),
                (JobRow.state, state),
                (JobRow.task, task),
                (JobRow.run, run),
            ):
                if value is not None:
                    query = query.where(col(column) == value)
            rows, following = await page(repository.jobs, query, paging)
        return Page(items=tuple(map(job_to_api, rows)), next=following)

    @router.get("/{job}")
    async def get(principal: Reader, job: JobId) -> Job:
        """Return a job; while it is queued, also its position and what it waits for."""
        async with server.database.session() as session:
            row = await Repository(session, principal).job(job, Action.READ)
            queue = await queue_state(session, row, policy=server.policy)
        return job_to_api(row).model_copy(update={"queue": queue})

    @router.get("/{job}/previews/{name}")
    async def preview(principal: Reader, job: JobId, name: str) -> Download:
        """Return a signed URL of a preview: a finished part of a file, while the job still runs.

        The names are in `previews` of the job's progress and of its `job.progressed` events.
        """
        async with server.database.session() as session:
            row = await Repository(session, principal).job(job, Action.READ)
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
            await Repository(session, principal).job(job, Action.RUN)
            row = await submission.cancel(session, principal.owner, job)
            if row is None:
                # It was deleted with its item in between.
                raise not_found()
            return _told(principal, row)

    @router.post("/{job}/retry", status_code=202)
    async def retry(principal: Runner, job: JobId, key: Key = None) -> Job:
        """Submit a failed, skipped or cancelled job again, as a new job."""
        async with server.database.transaction() as session:
            repository = Repository(session, principal)

            async def act() -> tuple[str, int]:
                return (await _again(server, repository, job)).id, 202

            route = f"POST /jobs/{job}/retry"
            id_, _ = await once(session, act, owner=principal.owner, route=route, key=key)
            return job_to_api(await repository.job(id_, Action.RUN))

    return router


def _told(principal: Principal, row: JobRow) -> Job:
    """Return a job for a response, without its result if the caller may not read the catalogue."""
    job = job_to_api(row)
    return job if Scope.READ in principal.scopes else job.model_copy(update={"result": None})


async def _again(server: Context, repository: Repository, job: str) -> JobRow:
    row = await repository.job(job, Action.RUN)
    if row.state not in (JobState.FAILED, JobState.SKIPPED, JobState.CANCELLED):
        raise ProblemError(
            ProblemCode.WRONG_STATE,
            f"This job is {row.state}; only one that failed, was skipped or was cancelled can be "
            "retried. To run a finished job again, POST /v1/jobs with `force`.",
        )
    session = repository.session
    await hold_owner(session, repository.owner)
    item = await repository.item(row.item, Action.RUN, hold=True) if row.item else None
    if row.task == UPLOAD_TASK and item is not None:
        if item.state != ItemState.REJECTED:
            raise ProblemError(ProblemCode.WRONG_STATE, f"This item is {item.state} already.")
        item.state, item.rejection = ItemState.INGESTING.value, None
        await session.flush()
        await emit_item_changed(session, item)
    try:
        tempo = item.bpm if item is not None else None
        return await submission.create_again(
            session, repository.owner, row, tempo=tempo, policy=server.policy
        )
    except (NotAdmitted, Quarantined) as error:
        raise refusal(error) from None
