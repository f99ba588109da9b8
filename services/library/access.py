"""Who may do what: the one place that decides it (S8)."""

from enum import Enum
from typing import Protocol

from contracts.identity import Principal, Scope


class Action(Enum):
    """What one can do with something in the catalogue, and the scope it takes."""

    READ = Scope.READ
    WRITE = Scope.WRITE
    RUN = Scope.JOBS


class Owned(Protocol):
    """Anything that belongs to an owner."""

    owner: str


def may(principal: Principal, action: Action, item: Owned) -> bool:
    """Return whether somebody may do something with what is there."""
    return item.owner == principal.owner and action.value in principal.scopes
