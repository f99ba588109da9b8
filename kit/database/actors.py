"""Who a transaction acts as: the setting by which Postgres's row-level security decides.

The actor is a variable of the context. A request sets it once its caller is known, background work
sets it for as long as it runs. `kit.database.actor_connections` tells it to Postgres; SQLite has no
such setting, so there the variable has no effect.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

SETTING = "cratedig.actor"
"""The name of the setting in Postgres."""
NOBODY = ""
"""Sees no row."""
SERVICE = "*"
"""Sees all rows: background work, workers' claims, and administrators."""
_ACTOR: ContextVar[str | None] = ContextVar("actor", default=None)
_WELL_FORMED = re.compile(r"[0-9A-Za-z:_.@-]{0,200}|\*")


@contextmanager
def acting_as(actor: str) -> Iterator[None]:
    """Run the block, and what it awaits, as an actor."""
    token = _ACTOR.set(_checked(actor))
    try:
        yield
    finally:
        _ACTOR.reset(token)


def act_as(actor: str) -> None:
    """Act as somebody from now on, until the surrounding block of `acting_as` ends."""
    _ACTOR.set(_checked(actor))


def current_actor(default: str) -> str:
    """Return whom this context acts as; `default` if it does not say."""
    actor = _ACTOR.get()
    return default if actor is None else actor


def _checked(actor: str) -> str:
    if not _WELL_FORMED.fullmatch(actor):
        raise ValueError("an actor is an id, or `*`")
    return actor
