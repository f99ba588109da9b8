"""`/runs`: start, read and cancel runs of pipelines."""

from typing import Annotated

from fastapi import APIRouter, Body, Response
from sqlmodel import col

from contracts.ids import ItemId, RunId
from contracts.pipelines import Run, RunCreate, RunState
from kit.http.etags import READABLE
from kit.http.pagination import Page, Paging
from kit.http.routes import GuardedRoute
from services.library.access import Action
from services.library.idempotency import Key, once
from services.library.pipelines.repository import PipelineRepository
from services.library.pipelines.requests import cancel_run, request_run
from services.library.pipelines.runs import job_summaries, run_to_api, step_states_of
from services.library.pipelines.tables import RunRow
from services.library.repository import page
from services.library.routes.context import REFUSED, Context, Reader, Runner

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
        request: Annotated[RunCreate, Body(openapi_examples=_EXAMPLE)],
        response: Response,
        key: Key = None,
    ) -> Run:
        """Run a pipeline for an item; equal jobs that are queued, running or done are reused."""
        async with server.database.transaction() as session:
            repository = PipelineRepository(session, principal)

            async def act() -> tuple[str, int]:
                row = await request_run(repository, request, policy=server.policy)
                return row.id, 202 if row.state == RunState.RUNNING else 200

            id_, response.status_code = await once(
                session, act, owner=principal.owner, route="POST /runs", key=key, body=request
            )
            return await _show(repository, await repository.run(id_, Action.RUN))

    @router.get("")
    async def list_(
        principal: Reader, paging: Paging, item: ItemId | None = None, state: RunState | None = None
    ) -> Page[Run]:
        """List runs, newest first."""
        async with server.database.session() as session:
            repository = PipelineRepository(session, principal)
            query = repository.runs.select()
            if item is not None:
                query = repository.runs.select_few().where(col(RunRow.item) == item)
            if state is not None:
                query = query.where(col(RunRow.state) == state)
            rows, following = await page(repository.runs, query, paging)
            shown = [await _show(repository, row) for row in rows]
        return Page(items=tuple(shown), next=following)

    @router.get("/{run}", responses=READABLE)
    async def get(principal: Reader, run: RunId) -> Run:
        """Return a run with its steps and its overall progress."""
        async with server.database.session() as session:
            repository = PipelineRepository(session, principal)
            return await _show(repository, await repository.run(run, Action.READ))

    @router.post("/{run}/cancel")
    async def cancel(principal: Runner, run: RunId, key: Key = None) -> Run:
        """Cancel a run and the jobs that no other run needs; finished jobs stay."""
        await cancel_run(server.database, principal, run, policy=server.policy)
        async with server.database.session() as session:
            repository = PipelineRepository(session, principal)
            return await _show(repository, await repository.run(run, Action.RUN))

    return router


async def _show(repository: PipelineRepository, row: RunRow) -> Run:
    return run_to_api(row, await job_summaries(repository.session, step_states_of(row)))
