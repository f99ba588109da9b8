"""Authorization: the one function that decides who may do what (S8)."""

from enum import Enum
from typing import Protocol

from contracts.collections import LinkAccess, ShareRole
from contracts.identity import Principal, Scope

SharedRole = ShareRole | LinkAccess
"""How a caller reached an object of another owner: by a share, or by a link without an account."""
_LINKS = frozenset({LinkAccess.LISTEN, LinkAccess.DOWNLOAD})
_SHARES = frozenset({ShareRole.VIEWER, ShareRole.EDITOR})


class Action(Enum):
    """An action on an object of the catalogue: the scope it requires, and the shared roles."""

    READ = (Scope.READ, _SHARES)
    LISTEN = (Scope.READ, _SHARES | _LINKS)
    """See a collection, its items and their waveforms, and hear them."""
    DOWNLOAD = (Scope.READ, _SHARES | {LinkAccess.DOWNLOAD})
    """Download an item of a collection."""
    ARRANGE = (Scope.WRITE, frozenset({ShareRole.EDITOR}))
    """Add items to a collection, remove and reorder them."""
    WRITE = (Scope.WRITE, frozenset[SharedRole]())
    RUN = (Scope.JOBS, frozenset[SharedRole]())

    def __init__(self, scope: Scope, roles: frozenset[SharedRole]) -> None:
        self.scope = scope
        self.roles = roles
        """Roles that allow the action on an object of another owner."""


class Owned(Protocol):
    """Anything that belongs to an owner."""

    owner: str


def may(
    principal: Principal, action: Action, subject: Owned, *, role: SharedRole | None = None
) -> bool:
    """Return whether a caller may perform an action on an object.

    Parameters
    ----------
    role
        The caller's role in the shared collection through which the caller reached the object, or
        what the link to it gives; `None` if the object was reached otherwise.
    """
    if action.scope not in principal.scopes:
        return False
    return subject.owner == principal.owner or role in action.roles
