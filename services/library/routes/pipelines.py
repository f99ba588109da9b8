"""`/pipelines`: built-in pipelines and those that users store."""

from typing import Annotated

from fastapi import APIRouter, Body

from contracts.pipelines import Pipeline, PipelineName, PipelineSpec
from kit.http.etags import READABLE, WRITABLE, IfMatch
from kit.http.pagination import Page, Paging
from kit.http.routes import GuardedRoute
from services.library.access import Action
from services.library.idempotency import Key, once
from services.library.pipelines import store
from services.library.pipelines.builtin import builtin_pipelines
from services.library.pipelines.repository import PipelineRepository
from services.library.pipelines.store import builtin_to_api, pipeline_to_api
from services.library.pipelines.tables import PipelineRow
from services.library.repository import page
from services.library.routes.context import REFUSED, Context, Reader, Runner

_EXAMPLE = {
    "Notes of every stem": {
        "value": {
            "name": "notes-of-stems",
            "title": "Notes of every stem",
            "steps": [
                {"name": "separation", "task": "separation"},
                {
                    "name": "midi",
                    "task": "midi",
                    "inputs": [{"step": "separation", "kind": "stem", "stems": ["bass", "vocals"]}],
                },
            ],
        }
    }
}
SpecBody = Annotated[PipelineSpec, Body(openapi_examples=_EXAMPLE)]


def pipeline_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(
        route_class=GuardedRoute, prefix="/pipelines", tags=["pipelines"], responses=REFUSED
    )

    @router.get("")
    async def list_(principal: Reader, paging: Paging) -> Page[Pipeline]:
        """List pipelines: built-in pipelines on the first page, then stored ones, newest first."""
        async with server.database.session() as session:
            repository = PipelineRepository(session, principal)
            query = repository.pipelines.select()
            rows, following = await page(repository.pipelines, query, paging)
        own = map(pipeline_to_api, rows)
        if paging.after is not None:
            return Page(items=tuple(own), next=following)
        server_own = map(builtin_to_api, builtin_pipelines().values())
        return Page(items=(*server_own, *own), next=following)

    @router.post("", status_code=201)
    async def create(principal: Runner, spec: SpecBody, key: Key = None) -> Pipeline:
        """Store a pipeline; every step is validated against its task's parameters."""
        async with server.database.transaction() as session:
            repository = PipelineRepository(session, principal)
            row: PipelineRow | None = None

            async def act() -> tuple[str, int]:
                nonlocal row
                row = await store.store(
                    repository, spec, max_pipelines=server.settings.owner_pipelines
                )
                return row.name, 201

            name, _ = await once(
                session, act, owner=principal.owner, route="POST /pipelines", key=key, body=spec
            )
            return pipeline_to_api(row or await repository.pipeline(name, Action.RUN))

    @router.get("/{name}", responses=READABLE)
    async def get(principal: Reader, name: PipelineName) -> Pipeline:
        """Return a pipeline."""
        if builtin := builtin_pipelines().get(name):
            return builtin_to_api(builtin)
        async with server.database.session() as session:
            return pipeline_to_api(
                await PipelineRepository(session, principal).pipeline(name, Action.READ)
            )

    @router.put("/{name}", responses=WRITABLE)
    async def replace(
        principal: Runner, name: PipelineName, spec: SpecBody, precondition: IfMatch
    ) -> Pipeline:
        """Replace a stored pipeline; runs in progress keep the version that they started with."""
        async with server.database.transaction() as session:
            repository = PipelineRepository(session, principal)
            if precondition:
                row = await repository.pipeline(name, Action.RUN, hold=True)
                precondition.check(pipeline_to_api(row))
            return pipeline_to_api(await store.replace(repository, name, spec))

    @router.delete("/{name}", status_code=204, responses=WRITABLE)
    async def delete(principal: Runner, name: PipelineName, precondition: IfMatch) -> None:
        """Delete a stored pipeline; its runs and their results stay."""
        async with server.database.transaction() as session:
            repository = PipelineRepository(session, principal)
            if precondition:
                row = await repository.pipeline(name, Action.RUN, hold=True)
                precondition.check(pipeline_to_api(row))
            await store.remove(repository, name)

    return router
