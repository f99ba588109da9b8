"""`/admin`: workers, queues, dead letters, storage and models, for administrators."""

from fastapi import APIRouter

from contracts.admin import (
    AdminJob,
    AdminJobState,
    AdminWebhook,
    DeadLetter,
    DeadLetterId,
    Model,
    StorageReport,
    TaskQueue,
    Worker,
)
from contracts.ids import OwnerId
from contracts.jobs import TaskName
from kit.http.pagination import Page
from kit.http.routes import GuardedRoute
from services.library.administration.dead_letters import list_dead_letters, replay_dead_letter
from services.library.administration.jobs import list_jobs
from services.library.administration.queues import list_queues
from services.library.administration.storage import storage_report
from services.library.administration.webhooks import list_webhooks
from services.library.administration.workers import list_models, list_workers
from services.library.routes.context import REFUSED, Admin, Context


def admin_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(route_class=GuardedRoute, prefix="/admin", tags=["admin"], responses=REFUSED)

    @router.get("/workers")
    async def workers(principal: Admin) -> Page[Worker]:
        """List the workers of the last day, at most 500, those online first."""
        async with server.database.session() as session:
            return Page(items=await list_workers(session, policy=server.policy))

    @router.get("/queues")
    async def queues(principal: Admin) -> Page[TaskQueue]:
        """List the queue of every task, with its oldest job and why that job waits."""
        async with server.database.session() as session:
            return Page(items=await list_queues(session, policy=server.policy))

    @router.get("/jobs")
    async def jobs(
        principal: Admin,
        state: AdminJobState = AdminJobState.QUEUED,
        task: TaskName | None = None,
        account: OwnerId | None = None,
    ) -> Page[AdminJob]:
        """List jobs of all accounts, at most 200: waiting and running ones the oldest first.

        Failed ones are those of the last day, the newest first.
        """
        async with server.database.session() as session:
            return Page(items=await list_jobs(session, state, task=task, account=account))

    @router.get("/dead-letters")
    async def dead_letters(principal: Admin) -> Page[DeadLetter]:
        """List the latest 200 dead letters: records that no consumer could decode or handle."""
        return Page(items=await list_dead_letters(server.bus))

    @router.post("/dead-letters/{dead_letter}/replay", status_code=202)
    async def replay(principal: Admin, dead_letter: DeadLetterId) -> DeadLetter:
        """Send a dead letter back to its topic; a second replay does no harm.

        Remove the cause first, or the record becomes a dead letter again.
        """
        return await replay_dead_letter(server.bus, dead_letter)

    @router.get("/storage")
    async def storage(principal: Admin) -> StorageReport:
        """Return the stored bytes by kind and by account, and the free space of the disk."""
        async with server.database.session() as session:
            return await storage_report(session, server.objects, policy=server.policy)

    @router.get("/models")
    async def models(principal: Admin) -> Page[Model]:
        """List the weights of networks in the manifests of the last day's workers.

        `installed` is true if a worker has the files.
        """
        async with server.database.session() as session:
            return Page(items=await list_models(session))

    @router.get("/webhooks")
    async def webhooks(principal: Admin) -> Page[AdminWebhook]:
        """List the webhooks of all accounts, at most 500: those that fail first, then the newest.

        Addresses may contain secrets of their owners, so only their hosts are listed.
        """
        async with server.database.session() as session:
            return Page(items=await list_webhooks(session))

    return router
