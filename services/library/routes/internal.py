"""What services ask on the library's internal port: claims, heartbeats, releases, farewells."""

from fastapi import APIRouter, Depends, Response
from pydantic import SecretStr

from contracts.ids import JobId, OwnerId
from contracts.jobs import (
    Claim,
    ClaimRequest,
    Heartbeat,
    HeartbeatAnswer,
    JobState,
    ReleaseRequest,
    Standing,
)
from kit.auth.dependencies import require_service
from kit.database.engine import Database
from services.library import claims, endings
from services.library.owners import forget_owner
from services.library.policy import Policy
from services.library.progress import ProgressFeed
from services.library.runs import job_ended


def internal_routes(
    database: Database, progress: ProgressFeed, *, policy: Policy, secret: SecretStr
) -> APIRouter:
    """Return the routes that only services with the shared secret may call."""
    router = APIRouter(
        prefix="/internal", dependencies=[Depends(require_service(secret))], tags=["internal"]
    )

    @router.post("/claims", responses={204: {"description": "Nothing waits."}})
    async def claim(request: ClaimRequest) -> Claim:
        async with database.transaction() as session:
            claimed = await claims.claim(session, request, policy=policy)
        return claimed[0] if claimed else Response(status_code=204)  # type: ignore[return-value]

    @router.post("/jobs/{job}/heartbeat")
    async def heartbeat(job: JobId, beat: Heartbeat) -> HeartbeatAnswer:
        async with database.transaction() as session:
            standing, row = await claims.heartbeat(session, job, beat, policy=policy)
        if row is not None:
            progress.show(row)
        return HeartbeatAnswer(standing=standing)

    @router.post("/jobs/{job}/release")
    async def release(job: JobId, given: ReleaseRequest) -> HeartbeatAnswer:
        async with database.transaction() as session:
            row = await endings.release(session, job, given.epoch)
            if row is not None and JobState(row.state).terminal:
                await job_ended(session, row, policy=policy)
        if row is None:
            return HeartbeatAnswer(standing=Standing.LOST)
        cancelled = row.state == JobState.CANCELLED
        return HeartbeatAnswer(standing=Standing.CANCELLED if cancelled else Standing.HELD)

    @router.delete("/owners/{owner}", status_code=202)
    async def forget(owner: OwnerId) -> None:
        async with database.transaction() as session:
            await forget_owner(session, owner)

    return router
