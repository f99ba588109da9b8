# Made from _async/runs.py by make_sync.py: change that file.
"""Runs: executions of a pipeline on an item."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cratedig import types
from cratedig._sync.polling import wait_until_ended
from cratedig._sync.resource import Resource
from cratedig.operations import Operation, idempotency_key


class Runs(Resource):
    """Start, follow and cancel runs."""

    def create(
        self,
        item: str,
        pipeline: str | Mapping[str, Any],
        *,
        params: Mapping[str, Mapping[str, Any]] | None = None,
        priority: types.Priority = "interactive",
        force: bool = False,
    ) -> types.Run:
        """Run a pipeline on an item.

        Parameters
        ----------
        pipeline
            The name of a pipeline, or a whole one.
        params
            Parameters by the name of the step.
        force
            Do the work even if its results are there.
        """
        body = {
            "item": item,
            "pipeline": pipeline if isinstance(pipeline, str) else dict(pipeline),
            "params": {step: dict(values) for step, values in (params or {}).items()},
            "priority": priority,
            "force": force,
        }
        return self._connection.send(
            Operation("POST", "/v1/runs", types.Run, body=body, headers=idempotency_key())
        )

    def list(
        self,
        *,
        item: str | None = None,
        state: types.RunState | None = None,
        page_size: int | None = None,
    ) -> Iterator[types.Run]:
        """Yield runs, newest first; `page_size` of them are fetched at a time."""
        query = {"item": item, "state": state, "limit": page_size}
        return self._connection.pages(
            Operation("GET", "/v1/runs", types.Page[types.Run], query=query)
        )

    def get(self, run: str) -> types.Run:
        """Show a run."""
        return self._connection.send(Operation("GET", "/v1/runs/{run}", types.Run, {"run": run}))

    def wait(
        self,
        run: str,
        *,
        timeout: float | None = None,
        on_progress: Callable[[types.Run], None] = lambda run: None,
    ) -> types.Run:
        """Wait until every step of a run has ended. Its `state` says whether they succeeded.

        Parameters
        ----------
        timeout
            Seconds to wait at most.
        on_progress
            Called with the run again and again while it goes on.

        Raises
        ------
        WaitTimeoutError
            It has not ended in time; it goes on.
        """
        return wait_until_ended(lambda: self.get(run), on_progress, timeout)

    def cancel(self, run: str) -> types.Run:
        """Cancel a run and its jobs."""
        return self._connection.send(
            Operation(
                "POST", "/v1/runs/{run}/cancel", types.Run, {"run": run}, headers=idempotency_key()
            )
        )
