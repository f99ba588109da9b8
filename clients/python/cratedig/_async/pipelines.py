"""Pipelines: tasks whose inputs are the results of others."""

from collections.abc import AsyncIterator, Mapping
from types import NoneType
from typing import Any

from cratedig import types
from cratedig._async.resource import AsyncResource
from cratedig.operations import Operation, idempotency_key


class AsyncPipelines(AsyncResource):
    """List pipelines; store, replace and delete those of the account."""

    async def create(self, spec: Mapping[str, Any]) -> types.Pipeline:
        """Store a pipeline: `{"name": …, "steps": […]}`.

        Raises
        ------
        ConflictError
            There is a pipeline of this name.
        InvalidRequestError
            A step is wrong.
        """
        return await self._connection.send(
            Operation(
                "POST",
                "/v1/pipelines",
                types.Pipeline,
                body=dict(spec),
                headers=idempotency_key(),
            )
        )

    def list(self, *, page_size: int | None = None) -> AsyncIterator[types.Pipeline]:
        """Yield pipelines, built in and stored; `page_size` of them are fetched at a time."""
        return self._connection.pages(
            Operation(
                "GET", "/v1/pipelines", types.Page[types.Pipeline], query={"limit": page_size}
            )
        )

    async def get(self, name: str) -> types.Pipeline:
        """Show a pipeline."""
        return await self._connection.send(
            Operation("GET", "/v1/pipelines/{name}", types.Pipeline, {"name": name})
        )

    async def replace(self, name: str, spec: Mapping[str, Any]) -> types.Pipeline:
        """Replace a stored pipeline. Runs that have begun keep their steps."""
        return await self._connection.send(
            Operation(
                "PUT", "/v1/pipelines/{name}", types.Pipeline, {"name": name}, body=dict(spec)
            )
        )

    async def delete(self, name: str) -> None:
        """Delete a stored pipeline. Runs that have begun go on."""
        await self._connection.send(
            Operation("DELETE", "/v1/pipelines/{name}", NoneType, {"name": name})
        )
