"""Base classes of the errors of all ports, for a dependency that is unavailable.

HTTP error handlers need only these two and import no port.
"""


class DependencyUnavailable(Exception):
    """A dependency of this service is unavailable; a retry may succeed."""


class StorageFull(DependencyUnavailable):
    """The storage is full; a retry helps only after space was freed."""
