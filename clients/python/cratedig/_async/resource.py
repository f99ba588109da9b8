"""Base of the resources."""

from cratedig._async.connection import AsyncConnection


class AsyncResource:
    """Operations on one kind of thing, over a connection that all resources share."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
