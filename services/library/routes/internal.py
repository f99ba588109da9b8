"""Routes of the library's internal port: claims, heartbeats and account deletion."""

from fastapi import APIRouter, Depends
from pydantic import SecretStr

from contracts.admin import OwnerIds, OwnerStorages, QuotaChange
from contracts.ids import JobId, OwnerId
from contracts.jobs import ClaimRequest, Claims, Heartbeat, HeartbeatAnswer
from kit.auth.dependencies import require_service
from kit.database.engine import Database
from kit.http.routes import GuardedRoute
from services.library.actors import act_as_service
from services.library.administration.storage import storage_of
from services.library.catalogue.item_facts import ITEM_SUBJECTS
from services.library.deletions.deletions import Deletions
from services.library.jobs import claims
from services.library.jobs.policy import Policy
from services.library.jobs.progress import ProgressFeed
from services.library.pipelines.job_facts import describe_job
from services.library.usage import set_quota


def internal_routes(
    database: Database,
    progress: ProgressFeed,
    deletions: Deletions,
    *,
    policy: Policy,
    secret: SecretStr,
) -> APIRouter:
    """Return the routes that only services with the shared secret may call."""
    router = APIRouter(
        route_class=GuardedRoute,
        prefix="/internal",
        dependencies=[Depends(require_service(secret)), Depends(act_as_service)],
        tags=["internal"],
    )

    @router.post("/claims")
    async def claim(request: ClaimRequest) -> Claims:
        async with database.transaction() as session:
            claimed = await claims.claim(
                session,
                request,
                policy=policy,
                subjects=ITEM_SUBJECTS,
                describe=describe_job,
            )
            return Claims(claims=claimed)

    @router.post("/jobs/{job}/heartbeat")
    async def heartbeat(job: JobId, beat: Heartbeat) -> HeartbeatAnswer:
        async with database.transaction() as session:
            status, row = await claims.heartbeat(session, job, beat, policy=policy)
        if row is not None:
            progress.show(row)
        return HeartbeatAnswer(status=status)

    @router.delete("/owners/{owner}", status_code=202)
    async def forget(owner: OwnerId) -> None:
        await deletions.delete_owner(owner)

    @router.post("/owners/storage")
    async def storage(request: OwnerIds) -> OwnerStorages:
        async with database.session() as session:
            owners = await storage_of(session, request.owners, policy=policy)
        return OwnerStorages(owners=owners)

    @router.put("/owners/{owner}/quota", status_code=204)
    async def change_quota(owner: OwnerId, request: QuotaChange) -> None:
        async with database.transaction() as session:
            await set_quota(session, owner, request.quota)

    return router
