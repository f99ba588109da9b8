"""Who asks, and what they may do."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.base import Message, StrictModel, pattern_string
from contracts.ids import OwnerId, UserId


class Scope(StrEnum):
    """What a token or a key allows. Every operation of the API names one."""

    READ = "catalogue:read"
    WRITE = "catalogue:write"
    JOBS = "jobs:write"
    ACCOUNT = "account"
    """Change password, keys, account: never given to an API key."""
    ADMIN = "admin"
    """Operate the server: only of an administrator's session."""


class Audience(StrEnum):
    """For whom a token is meant."""

    GATEWAY = "gateway"
    LIBRARY = "library"


class Principal(Message):
    """Who asks, as a verified token says."""

    user: UserId
    owner: OwnerId
    scopes: frozenset[Scope]
    admin: bool = False
    token: str
    """The token's own id (`jti`)."""
    session: str = ""
    """The login or the API key that it came from; nothing between services."""
    expires: datetime


class Service(Message):
    """A service of ours that asks on its own behalf, over the internal port."""

    name: str


Email = Annotated[
    str,
    pattern_string(
        r"^[^@\s\x00]{1,64}@[^@\s\x00]{1,190}$",
        "this is not an e-mail address; one looks like name@example.org",
        max_length=254,
    ),
]
"""An address; compared without regard to case."""
Password = Annotated[str, StringConstraints(min_length=8, max_length=256)]
"""Eight characters or more."""


class AccountCreate(StrictModel):
    """Open an account. The first one on a fresh server administers it."""

    email: Email
    password: Password
    name: Annotated[str, StringConstraints(max_length=100)] = ""
    invitation: Annotated[str, StringConstraints(max_length=200)] = ""
    """From an administrator, where the server takes nobody else."""


class SessionCreate(StrictModel):
    """Log in."""

    email: Email
    password: Annotated[str, StringConstraints(max_length=256)]


class SessionRefresh(StrictModel):
    """Trade a refresh token, once, for a new pair."""

    refresh_token: Annotated[str, StringConstraints(min_length=20, max_length=200)]


class PasswordChange(StrictModel):
    """Change the password; every session ends, and every API key unless they are kept."""

    current: Annotated[str, StringConstraints(max_length=256)]
    new: Password
    keep_keys: bool = False
    """Let API keys go on working. Whoever knew the old password may have made one."""


class AccountDelete(StrictModel):
    """Delete the account and all its data; the password says that it is meant."""

    password: Annotated[str, StringConstraints(max_length=256)]


class Account(Message):
    """An account as its owner sees it."""

    id: UserId
    email: str
    name: str
    admin: bool
    created: datetime


class TokenPair(Message):
    """A session: a short access token and a refresh token that works once."""

    access_token: str
    refresh_token: str
    token_type: str = "Bearer"  # noqa: S105
    expires_in: Annotated[int, Field(ge=0)]
    """Seconds until the access token ends."""


class KeyCreate(StrictModel):
    """Make an API key."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]
    days: Annotated[int, Field(ge=1, le=366)] = 90
    """How long it is valid."""


class ApiKey(Message):
    """An API key as its owner sees it; the secret is shown once, when it is made."""

    id: str
    name: str
    prefix: str
    scopes: frozenset[Scope]
    created: datetime
    expires: datetime
    last_used: datetime | None = None


class NewApiKey(ApiKey):
    """A new key with its secret."""

    key: str


class StreamTicket(Message):
    """A single-use ticket that opens one live stream within its lifetime."""

    ticket: str
    expires_in: int


class InvitationCreate(StrictModel):
    """Invite somebody to open an account."""

    note: Annotated[str, StringConstraints(max_length=200)] = ""
    """For whom it is; only administrators see it."""
    days: Annotated[int, Field(ge=1, le=90)] = 7
    """How long it is valid."""


class Invitation(Message):
    """An invitation as administrators see it; its secret is shown once, when it is made."""

    id: str
    note: str
    created: datetime
    expires: datetime
    used: datetime | None = None
    """When an account was opened with it; it opens no second one."""


class NewInvitation(Invitation):
    """A new invitation with its secret."""

    invitation: str
