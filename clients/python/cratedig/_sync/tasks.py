# Made from _async/tasks.py by make_sync.py: change that file.
"""Tasks: what workers can do."""

from collections.abc import Iterator

from cratedig import types
from cratedig._sync.resource import Resource
from cratedig.operations import Operation


class Tasks(Resource):
    """List tasks."""

    def list(self) -> Iterator[types.Task]:
        """Yield every task with the schema of its parameters, offered by a worker or not."""
        return self._connection.pages(Operation("GET", "/v1/tasks", types.Page[types.Task]))
