"""`/multitracks`: songs made of the user's own stems."""

from typing import Annotated

from fastapi import APIRouter, Body
from sqlmodel import col

from contracts.ids import JobId
from contracts.ingest import IngestParams
from contracts.multitracks import Multitrack, MultitrackCreate
from contracts.tasks import UPLOAD_TASK
from kit.http.routes import GuardedRoute
from services.library.access import Action
from services.library.catalogue.repository import Repository, item_is_kept
from services.library.catalogue.views import item_to_api
from services.library.idempotency import Key, once
from services.library.jobs.repository import JobRepository
from services.library.jobs.tables import JobRow
from services.library.pipelines.multitracks import create_multitrack
from services.library.routes.context import REFUSED, Context, Writer

_DRUMS = "0197f3a2-5b1c-7d2e-8f30-1a2b3c4d5e6f"
_VOCALS = "0197f3a2-5b1c-7d2e-8f30-1a2b3c4d5e70"
_EXAMPLE = {
    "A song of two stems": {
        "value": {
            "name": "Night Drive",
            "parts": [
                {"item": _DRUMS, "stem": "drums"},
                {"item": _VOCALS, "stem": "vocals"},
            ],
        }
    }
}


def multitrack_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(
        route_class=GuardedRoute, prefix="/multitracks", tags=["multitracks"], responses=REFUSED
    )

    @router.post("", status_code=202)
    async def create(
        principal: Writer,
        request: Annotated[MultitrackCreate, Body(openapi_examples=_EXAMPLE)],
        key: Key = None,
    ) -> Multitrack:
        """Make a song of uploaded stems. Its mix is their sum, which a job makes.

        Pipelines use these stems in place of separated ones. The items become parts of the song:
        they are listed with it, and deleted with it.
        """
        async with server.database.transaction() as session:
            repository = Repository(session, principal)

            async def act() -> tuple[str, int]:
                song, _ = await create_multitrack(
                    repository,
                    request,
                    params=IngestParams(max_duration=server.settings.max_duration),
                    policy=server.policy,
                )
                return song.id, 202

            id_, _ = await once(
                session,
                act,
                owner=principal.owner,
                route="POST /multitracks",
                key=key,
                body=request,
            )
            song = await repository.item(id_, Action.WRITE)
            jobs = JobRepository(session, principal, shown=item_is_kept)
            query = jobs.jobs.select_few().where(
                col(JobRow.item) == song.id, col(JobRow.task) == UPLOAD_TASK
            )
            job = (await session.scalars(query.order_by(col(JobRow.created)).limit(1))).one()
            return Multitrack(item=item_to_api(song), job=JobId(job.id))

    return router
