# Made from _async/usage.py by make_sync.py: change that file.
"""Storage that the account uses."""

from cratedig import types
from cratedig._sync.resource import Resource
from cratedig.operations import Operation


class Usage(Resource):
    """Show how much the account stores."""

    def get(self) -> types.Usage:
        """Return the bytes that are stored, and the account's limit."""
        return self._connection.send(Operation("GET", "/v1/usage", types.Usage))
