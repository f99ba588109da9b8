# Made from _async/resource.py by make_sync.py: change that file.
"""Base of the resources."""

from cratedig._sync.connection import Connection


class Resource:
    """Operations on one kind of thing, over a connection that all resources share."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
