"""What a service depends on and cannot use now: the base of every port's own error.

Whoever answers callers needs to know no port: a refusal follows from these two.
"""


class DependencyUnavailable(Exception):
    """Something that this service depends on cannot be used now; the same may work later."""


class StorageFull(DependencyUnavailable):
    """There is no room left; only room that is made helps, not another try at once."""
