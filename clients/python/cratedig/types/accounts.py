"""Accounts and what proves who sends a request."""

from datetime import datetime
from typing import Literal

from cratedig.types.base import Answer

KeyScope = Literal["catalogue:read", "catalogue:write", "jobs:write"]
"""What an API key can allow."""


class Account(Answer):
    """An account."""

    id: str
    email: str
    name: str
    admin: bool
    created: datetime


class Session(Answer):
    """Tokens of a login: `access_token` ends after `expires_in` seconds, `refresh_token` works
    once."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105


class ApiKey(Answer):
    """An API key; `key`, its secret, is only in the answer that creates it."""

    id: str
    name: str
    prefix: str
    scopes: frozenset[str]
    created: datetime
    expires: datetime
    last_used: datetime | None = None
    key: str | None = None


class Invitation(Answer):
    """An invitation to open an account; `invitation`, its code, is only in the answer that creates
    it."""

    id: str
    note: str
    created: datetime
    expires: datetime
    used: datetime | None = None
    invitation: str | None = None


class Usage(Answer):
    """What an account stores, in bytes."""

    originals: int
    results: int
    uploads: int
    total: int
    limit: int
