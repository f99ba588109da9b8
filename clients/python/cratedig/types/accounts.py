"""Accounts, sessions, API keys and invitations."""

from datetime import datetime
from typing import Literal

from cratedig.types.base import Answer

KeyScope = Literal["catalogue:read", "catalogue:write", "jobs:write"]
"""A scope that an API key can have."""


class Account(Answer):
    """An account.

    One that was created on the server's own machine has no password until its owner sets one.
    """

    id: str
    email: str
    name: str
    admin: bool
    created: datetime
    has_password: bool = True
    provider: str | None = None
    """The OpenID Connect provider that the account signs in with."""


class Session(Answer):
    """Tokens of a session: `access_token` expires after `expires_in` seconds, `refresh_token` works
    once."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105


class SignInProvider(Answer):
    """An OpenID Connect provider that people can sign in with."""

    id: str
    name: str


class SignInOptions(Answer):
    """How people can sign in to a server: with passwords, and with which providers."""

    passwords: bool
    providers: tuple[SignInProvider, ...]


class DeviceAuthorization(Answer):
    """A device code: the user opens `verification_uri` and enters `user_code` there."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None = None
    expires_in: int
    interval: int


class DeviceSession(Answer):
    """How far a sign-in with a device code is; `tokens` is set once it is `complete`."""

    status: Literal["pending", "slow_down", "complete"]
    tokens: Session | None = None


class LoggedOut(Answer):
    """All sessions have ended; `url` is where the provider's own session ends, if it does."""

    url: str | None = None


class ApiKey(Answer):
    """An API key; `key`, its secret, is only in the response that creates it."""

    id: str
    name: str
    prefix: str
    scopes: frozenset[str]
    created: datetime
    expires: datetime
    last_used: datetime | None = None
    key: str | None = None


class Invitation(Answer):
    """An invitation to create an account; `invitation`, its code, is only in the response that
    creates it."""

    id: str
    note: str
    created: datetime
    expires: datetime
    used: datetime | None = None
    invitation: str | None = None


class HiddenUsage(Answer):
    """Bytes of hidden items, which can be restored."""

    originals: int
    results: int
    total: int


class Usage(Answer):
    """Bytes that an account stores; those of hidden items count in `originals` and `results`."""

    originals: int
    results: int
    uploads: int
    hidden: HiddenUsage
    total: int
    limit: int
