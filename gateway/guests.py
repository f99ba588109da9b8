"""Requests of callers without an account, which have the link of a collection."""

import re
from datetime import UTC, datetime

from contracts.identity import Principal, Scope
from contracts.ids import OwnerId, UserId
from gateway.authenticator import digest
from gateway.limits import Limits, caller_address

_ID = "00000000-0000-0000-0000-000000000000"
GUEST = Principal(
    user=UserId(_ID),
    owner=OwnerId(_ID),
    scopes=frozenset({Scope.READ}),
    token="guest",  # noqa: S106
    expires=datetime.max.replace(tzinfo=UTC),
)
"""Whoever reads a collection by its link. It owns nothing: no account has this id."""
_PATH = re.compile(r"/v1/shared/([^/]+)(?:/.*)?")
_HIDDEN = "/v1/shared/…"


def secret_of(path: str) -> str | None:
    """Return the secret of a link in a path that is answered without an account, or `None`."""
    match = _PATH.fullmatch(path)
    return match[1] if match else None


def loggable(path: str) -> str:
    """Return a path without the secret of a link."""
    return _HIDDEN if secret_of(path) is not None else path


def admit(limits: Limits, secret: str) -> Principal:
    """Count a request with a link, and return the principal of its caller.

    Raises
    ------
    ProblemError
        There are too many requests from this address, or with this link.
    """
    limits.shared_link(caller_address(), digest(secret))
    return GUEST
