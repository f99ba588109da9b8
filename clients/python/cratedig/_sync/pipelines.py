# Made from _async/pipelines.py by make_sync.py: change that file.
"""Pipelines: tasks whose inputs are the results of others."""

from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any

from cratedig import types
from cratedig._sync.resource import Resource
from cratedig.operations import Operation, idempotency_key


class Pipelines(Resource):
    """List pipelines; store, replace and delete those of the account."""

    def create(self, spec: Mapping[str, Any]) -> types.Pipeline:
        """Store a pipeline: `{"name": …, "steps": […]}`.

        Raises
        ------
        ConflictError
            There is a pipeline of this name.
        InvalidRequestError
            A step is wrong.
        """
        return self._connection.send(
            Operation(
                "POST",
                "/v1/pipelines",
                types.Pipeline,
                body=dict(spec),
                headers=idempotency_key(),
            )
        )

    def list(self, *, page_size: int | None = None) -> Iterator[types.Pipeline]:
        """Yield pipelines, built in and stored; `page_size` of them are fetched at a time."""
        return self._connection.pages(
            Operation(
                "GET", "/v1/pipelines", types.Page[types.Pipeline], query={"limit": page_size}
            )
        )

    def get(self, name: str) -> types.Pipeline:
        """Show a pipeline."""
        return self._connection.send(
            Operation("GET", "/v1/pipelines/{name}", types.Pipeline, {"name": name})
        )

    def replace(self, name: str, spec: Mapping[str, Any]) -> types.Pipeline:
        """Replace a stored pipeline. Runs that have begun keep their steps."""
        return self._connection.send(
            Operation(
                "PUT", "/v1/pipelines/{name}", types.Pipeline, {"name": name}, body=dict(spec)
            )
        )

    def delete(self, name: str) -> None:
        """Delete a stored pipeline. Runs that have begun go on."""
        self._connection.send(Operation("DELETE", "/v1/pipelines/{name}", NoneType, {"name": name}))
