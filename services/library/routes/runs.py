"""`/runs`: start, read and cancel runs of pipelines."""

from typing import Annotated

from fastapi import APIRouter, Body, Response
from sqlmodel import col

from contracts.ids import ItemId, RunId
from contracts.pipelines import Run, RunCreate, RunState
from kit.http.pagination import Page, Paging
from kit.http.routes import GuardedRoute
from services.library.access import Action
from services.library.catalogue.repository import Repository, page
from services.library.idempotency import Key, once
from services.library.jobs import submission
from services.library.jobs.locks import hold_owner
from services.library.jobs.submission import NotAdmitted
from services.library.pipelines.runs import (
    advance,
    job_summaries,
    own_live_jobs,
    run_to_api,
    start_run,
    step_states_of,
)
from services.library.pipelines.store import check_steps, spec_named, with_params
from services.library.pipelines.tables import RunRow
from services.library.pipelines.validation import (
    check_stem,
    check_weights,
    refusal,
    require_ready_item,
)
from services.library.routes.context import REFUSED, Context, Reader, Runner

CANCELLED_AT_ONCE = 25
"""How many jobs one transaction cancels; each needs a few statements."""
_ITEM = "0197f3a2-5b1c-7d2e-8f30-1a2b3c4d5e6f"
_EXAMPLE = {
    "By name": {"value": {"item": _ITEM, "pipeline": "stems"}},
    "With parameters of its steps": {
        "value": {
            "item": _ITEM,
            "pipeline": "full",
            "params": {"separation": {"precision": "balanced"}},
        }
    },
    "A pipeline in the request": {
        "value": {
            "item": _ITEM,
            "pipeline": {"name": "just-midi", "steps": [{"name": "midi", "task": "midi"}]},
        }
    },
}


def run_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(route_class=GuardedRoute, prefix="/runs", tags=["runs"], responses=REFUSED)

    @router.post(
        "", status_code=202, responses={200: {"description": "All results exist already."}}
    )
    async def create(
        principal: Runner,
        asked: Annotated[RunCreate, Body(openapi_examples=_EXAMPLE)],
        response: Response,
        key: Key = None,
    ) -> Run:
        """Run a pipeline for an item; equal jobs that are queued, running or done are reused."""
        async with server.database.transaction() as session:
            repository = Repository(session, principal)

            async def act() -> tuple[str, int]:
                row = await _begin(server, repository, asked)
                return row.id, 202 if row.state == RunState.RUNNING else 200

            id_, response.status_code = await once(
                session, act, owner=principal.owner, route="POST /runs", key=key, body=asked
            )
            return await _show(repository, await repository.run(id_, Action.RUN))

    @router.get("")
    async def list_(
        principal: Reader, paging: Paging, item: ItemId | None = None, state: RunState | None = None
    ) -> Page[Run]:
        """List runs, newest first."""
        async with server.database.session() as session:
            repository = Repository(session, principal)
            query = repository.runs.select()
            if item is not None:
                query = query.where(col(RunRow.item) == item)
            if state is not None:
                query = query.where(col(RunRow.state) == state)
            rows, following = await page(repository.runs, query, paging)
            shown = [await _show(repository, row) for row in rows]
        return Page(items=tuple(shown), next=following)

    @router.get("/{run}")
    async def get(principal: Reader, run: RunId) -> Run:
        """Return a run with its steps and its overall progress."""
        async with server.database.session() as session:
            repository = Repository(session, principal)
            return await _show(repository, await repository.run(run, Action.READ))

    @router.post("/{run}/cancel")
    async def cancel(principal: Runner, run: RunId, key: Key = None) -> Run:
        """Cancel a run and the jobs that no other run needs; finished jobs stay."""
        left = await _ask_to_stop(server, principal, run)
        for start in range(0, len(left), CANCELLED_AT_ONCE):
            await _cancel(server, principal, left[start : start + CANCELLED_AT_ONCE])
        async with server.database.transaction() as session:
            await hold_owner(session, principal.owner)
            repository = Repository(session, principal)
            held = await repository.run(run, Action.RUN, hold=True)
            if held.state == RunState.RUNNING:
                await advance(session, held, policy=server.policy)
            return await _show(repository, held)

    return router


async def _begin(server: Context, repository: Repository, asked: RunCreate) -> RunRow:
    if isinstance(asked.pipeline, str):
        spec = check_steps(await spec_named(repository, asked.pipeline), field="pipeline.steps")
    else:
        spec = check_steps(asked.pipeline, field="body.pipeline.steps")
    spec = with_params(spec, asked.params, field="body.params")
    for step in spec.steps:
        where = f"body.params.{step.name}"
        await check_weights(repository.session, step.task, step.params, field=where)
    await hold_owner(repository.session, repository.owner)
    item = await require_ready_item(repository, asked.item)
    if isinstance(asked.pipeline, str):
        check_stem(item, asked.pipeline)
    try:
        return await start_run(
            repository.session,
            item,
            spec,
            priority=asked.priority,
            force=asked.force,
            policy=server.policy,
        )
    except NotAdmitted as error:
        raise refusal(error) from None


async def _ask_to_stop(server: Context, principal: Runner, run: str) -> list[str]:
    async with server.database.transaction() as session:
        repository = Repository(session, principal)
        row = await repository.run(run, Action.RUN, hold=True)
        if row.state != RunState.RUNNING:
            return []
        row.cancel_requested = True
        await session.flush()
        return list(await own_live_jobs(session, row))


async def _cancel(server: Context, principal: Runner, ids: list[str]) -> None:
    """Cancel some jobs in their own transaction, because a job's row is locked before a run's."""
    async with server.database.transaction() as session:
        await hold_owner(session, principal.owner)
        for job in sorted(ids):
            await submission.cancel(session, principal.owner, job)


async def _show(repository: Repository, row: RunRow) -> Run:
    return run_to_api(row, await job_summaries(repository.session, step_states_of(row)))
