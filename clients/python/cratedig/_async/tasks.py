"""Tasks: what workers can do."""

from collections.abc import AsyncIterator

from cratedig import types
from cratedig._async.resource import AsyncResource
from cratedig.operations import Operation


class AsyncTasks(AsyncResource):
    """List tasks."""

    def list(self) -> AsyncIterator[types.Task]:
        """Yield every task with the schema of its parameters, offered by a worker or not."""
        return self._connection.pages(Operation("GET", "/v1/tasks", types.Page[types.Task]))
