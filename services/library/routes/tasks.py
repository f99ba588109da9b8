"""`/tasks` and `/feed`: the tasks of this server, and past events."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import select
from sqlmodel import col

from contracts.events import Feed
from contracts.ids import JobId, RunId
from contracts.tasks import TASKS, TaskInfo
from kit.http.pagination import MAX_LIMIT, Page
from kit.http.routes import GuardedRoute
from kit.http.subjects import SubjectFilter
from services.library.events.feed import FeedFilter, read_feed
from services.library.jobs.tables import ProducerRow
from services.library.routes.context import REFUSED, Context, Reader


def task_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(route_class=GuardedRoute, tags=["tasks"], responses=REFUSED)

    @router.get("/tasks")
    async def tasks(principal: Reader) -> Page[TaskInfo]:
        """List tasks: parameters and results as JSON Schema, and whether a worker offers them."""
        since = server.database.now(offset=-server.policy.offered)
        query = select(col(ProducerRow.task)).where(col(ProducerRow.last_seen) > since).distinct()
        async with server.database.session() as session:
            offered = set(await session.scalars(query))
        return Page(
            items=tuple(
                TaskInfo(
                    name=name,
                    params=task.params.model_json_schema(),
                    result=task.result.model_json_schema(mode="serialization"),
                    reads=tuple(sorted(task.reads)),
                    side_inputs=tuple(sorted(task.side_inputs)),
                    accepts_many=task.accepts_many,
                    subjects=tuple(sorted(task.subjects)),
                    collects=tuple(sorted(task.collects)),
                    offered=name.value in offered,
                )
                for name, task in TASKS.items()
            )
        )

    @router.get("/feed", tags=["feed"])
    async def feed(
        principal: Reader,
        subject: SubjectFilter,
        after: Annotated[
            str | None,
            Query(
                max_length=200,
                description="Return events after this `cursor` or `next` of the feed, event id or "
                "`start`. If absent, the response holds only the cursor of the feed's end.",
            ),
        ] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 100,
        job: JobId | None = None,
        run: RunId | None = None,
    ) -> Feed:
        """Return events, oldest first; the server keeps them for seven days, or as it is set."""
        async with server.database.session() as session:
            return await read_feed(
                session,
                principal.owner,
                after=after,
                limit=limit,
                events=FeedFilter(subject=subject, job=job, run=run),
                retention=server.settings.feed_retention,
            )

    return router
