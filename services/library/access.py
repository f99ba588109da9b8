"""Authorization: the one function that decides who may do what (S8)."""

from enum import Enum
from typing import Protocol

from contracts.collections import ShareRole
from contracts.identity import Principal, Scope


class Action(Enum):
    """An action on an object of the catalogue: the scope it requires, and the shared roles."""

    READ = (Scope.READ, frozenset({ShareRole.VIEWER, ShareRole.EDITOR}))
    ARRANGE = (Scope.WRITE, frozenset({ShareRole.EDITOR}))
    """Add items to a collection, remove and reorder them."""
    WRITE = (Scope.WRITE, frozenset[ShareRole]())
    RUN = (Scope.JOBS, frozenset[ShareRole]())

    def __init__(self, scope: Scope, roles: frozenset[ShareRole]) -> None:
        self.scope = scope
        self.roles = roles
        """Roles that allow the action on an object of another owner."""


class Owned(Protocol):
    """Anything that belongs to an owner."""

    owner: str


def may(
    principal: Principal, action: Action, subject: Owned, *, role: ShareRole | None = None
) -> bool:
    """Return whether a caller may perform an action on an object.

    Parameters
    ----------
    role
        The caller's role in the shared collection through which the caller reached the object;
        `None` if the object was reached otherwise.
    """
    if action.scope not in principal.scopes:
        return False
    return subject.owner == principal.owner or role in action.roles
