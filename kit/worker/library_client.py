"""Client of the library's internal port for workers: claims and heartbeats."""

from typing import Protocol

import httpx

from contracts.ids import JobId
from contracts.jobs import Claim, ClaimRequest, Claims, Heartbeat, HeartbeatAnswer, LeaseStatus


class LibraryUnavailable(Exception):
    """The library did not answer; try again later."""


class LibraryClient(Protocol):
    """Claims jobs and extends leases."""

    async def claim(self, request: ClaimRequest) -> tuple[Claim, ...]:
        """Claim up to `request.max_jobs` jobs; may be none. Raises `LibraryUnavailable`."""
        ...

    async def heartbeat(self, job: JobId, beat: Heartbeat) -> LeaseStatus:
        """Extend a job's lease and report progress. Raises `LibraryUnavailable`."""
        ...


class HttpLibraryClient:
    """The library over HTTP.

    Parameters
    ----------
    secret
        `KIT_INTERNAL_SECRET`, sent as a bearer token.
    """

    def __init__(self, client: httpx.AsyncClient, *, secret: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {secret}"}

    async def claim(self, request: ClaimRequest) -> tuple[Claim, ...]:
        """Claim up to `request.max_jobs` jobs; may be none."""
        answer = await self._post("/internal/claims", request.model_dump_json())
        return Claims.model_validate_json(answer.content).claims

    async def heartbeat(self, job: JobId, beat: Heartbeat) -> LeaseStatus:
        """Extend a job's lease and report progress."""
        answer = await self._post(f"/internal/jobs/{job}/heartbeat", beat.model_dump_json())
        return HeartbeatAnswer.model_validate_json(answer.content).status

    async def _post(self, path: str, body: str) -> httpx.Response:
        headers = {**self._headers, "Content-Type": "application/json"}
        try:
            answer = await self._client.post(path, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise LibraryUnavailable(f"the library cannot be reached: {error}") from error
        if answer.is_error:
            raise LibraryUnavailable(f"the library answered {answer.status_code} to {path}")
        return answer
