"""Accounts, sessions, API keys and invitations, and the scopes that they grant."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.base import Message, StrictModel, pattern_string
from contracts.ids import OwnerId, UserId


class Scope(StrEnum):
    """A permission of an access token or API key; every API operation requires one."""

    READ = "catalogue:read"
    WRITE = "catalogue:write"
    JOBS = "jobs:write"
    ACCOUNT = "account"
    """Manage the password, keys and account; API keys never have this scope."""
    ADMIN = "admin"
    """Administer the server; only the sessions of administrators have this scope."""


class Audience(StrEnum):
    """The audience of an access token (`aud`)."""

    GATEWAY = "gateway"
    LIBRARY = "library"


class Principal(Message):
    """The authenticated caller of a request, from a verified token."""

    user: UserId
    owner: OwnerId
    scopes: frozenset[Scope]
    admin: bool = False
    token: str
    """The token's id (`jti`)."""
    session: str = ""
    """The id of the session or API key that the token stems from; empty between services."""
    expires: datetime


Email = Annotated[
    str,
    pattern_string(
        r"^[^@\s\x00]{1,64}@[^@\s\x00]{1,190}$",
        "this is not an e-mail address; one looks like name@example.org",
        max_length=254,
    ),
]
"""An e-mail address; comparison ignores case."""
Password = Annotated[str, StringConstraints(min_length=8, max_length=256)]
"""Eight characters or more."""


class AccountCreate(StrictModel):
    """Request body to create an account. The first account of a server is its administrator."""

    email: Email
    password: Password
    name: Annotated[str, StringConstraints(max_length=100)] = ""
    invitation: Annotated[str, StringConstraints(max_length=200)] = ""
    """The secret of an administrator's invitation, if the server requires one."""


class SessionCreate(StrictModel):
    """Request body to log in."""

    email: Email
    password: Annotated[str, StringConstraints(max_length=256)]


class SessionRefresh(StrictModel):
    """Request body to exchange a refresh token for new tokens."""

    refresh_token: Annotated[str, StringConstraints(min_length=20, max_length=200)] | None = None
    """Leave it out in a page that sends `X-Cratedig-Client: web`: its token is in a cookie."""


class SignInCode(StrictModel):
    """Request body to log in with a one-time code, as the address of a sign-in link has it."""

    code: Annotated[str, StringConstraints(min_length=20, max_length=200)]


class TokenPair(Message):
    """The tokens of a session: a short-lived access token and a single-use refresh token."""

    access_token: str
    refresh_token: str
    """Empty for a page that sent `X-Cratedig-Client: web`: its token is in a cookie."""
    token_type: str = "Bearer"  # noqa: S105
    expires_in: Annotated[int, Field(ge=0)]
    """Seconds until the access token expires."""


class SignInProvider(Message):
    """An OpenID Connect provider that people can sign in with."""

    id: str
    name: str


class SignInOptions(Message):
    """How people can sign in to this server."""

    passwords: bool
    """Whether they can sign up and log in with a password."""
    providers: tuple[SignInProvider, ...]


class DeviceAuthorization(Message):
    """A device code of a provider: the user opens the address, and enters the user code there."""

    device_code: str
    """The secret to ask for the session with."""
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None = None
    """The address with the user code in it, if the provider has one."""
    expires_in: Annotated[int, Field(ge=1)]
    """Seconds until the codes expire."""
    interval: Annotated[int, Field(ge=1)]
    """Minimum seconds between two requests for the session."""


class DeviceCode(StrictModel):
    """Request body to ask for the session of a device code."""

    device_code: Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class DeviceStatus(StrEnum):
    """How far a sign-in with a device code is."""

    PENDING = "pending"
    """The user has not finished; ask again after the interval."""
    SLOW_DOWN = "slow_down"
    """As `pending`; from now on, wait 5 seconds longer between two requests."""
    COMPLETE = "complete"


class DeviceSession(Message):
    """The session of a device code."""

    status: DeviceStatus
    tokens: TokenPair | None = None
    """Set once the status is `complete`."""


class LoggedOut(Message):
    """All sessions of the account have ended."""

    url: str | None = None
    """Where the provider's own session ends, to be opened in the browser; null if the session was
    not started by a provider, or the provider has no such address."""


class PasswordChange(StrictModel):
    """Request body to change the password, which ends all sessions and API keys."""

    current: Annotated[str, StringConstraints(max_length=256)]
    """Empty if the account has no password yet."""
    new: Password
    keep_keys: bool = False
    """Keep the API keys valid. Do not set it if somebody else may know the old password: they may
    have created a key."""


class AccountDelete(StrictModel):
    """Request body to delete the account and all its data; the password confirms it."""

    password: Annotated[str, StringConstraints(max_length=256)]


class Account(Message):
    """An account."""

    id: UserId
    email: str
    name: str
    admin: bool
    created: datetime
    has_password: bool = True
    """False for an account that was created on the server's own machine: its owner logs in with
    one-time codes until a password is set, with `current` empty. False too if `provider` is set."""
    provider: str | None = None
    """Name of the OpenID Connect provider that the account signs in with; its password is there.
    Only `GET /v1/account` says so."""


class KeyCreate(StrictModel):
    """Request body to create an API key."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]
    days: Annotated[int, Field(ge=1, le=366)] = 90
    """Days until it expires."""


class ApiKey(Message):
    """An API key without its secret, which only the response that creates the key contains."""

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
    """Request body to create an invitation."""

    note: Annotated[str, StringConstraints(max_length=200)] = ""
    """A note about the invited person; only administrators see it."""
    days: Annotated[int, Field(ge=1, le=90)] = 7
    """Days until it expires."""


class Invitation(Message):
    """An invitation without its secret, which only the response that creates it contains."""

    id: str
    note: str
    created: datetime
    expires: datetime
    used: datetime | None = None
    """When an account was created with it; an invitation works once."""


class NewInvitation(Invitation):
    """A new invitation with its secret."""

    invitation: str
