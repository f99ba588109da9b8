"""The gateway's tables. Secrets are stored as digests, signing keys encrypted."""

from datetime import datetime

from sqlalchemy import Index, MetaData, false
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from kit.database.base import Utc

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Table(SQLModel, registry=registry(metadata=METADATA)):
    """Base of the gateway's tables."""


class AccountRow(Table, table=True):
    """An account. A deleted one keeps its row until the library has deleted its data."""

    __tablename__ = "accounts"

    id: str = Field(primary_key=True)
    email: str = Field(unique=True)
    """Folded to lower case."""
    name: str
    password: str
    """The Argon2id hash in PHC format."""
    admin: bool
    deleted: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    disabled_at: datetime | None = Field(default=None, sa_type=Utc)
    """Since when nobody can sign in to it."""
    last_sign_in: datetime | None = Field(default=None, sa_type=Utc)
    scopes: str | None = None
    """Separated by spaces: what the groups of its OpenID Connect provider grant. Null grants all
    that an account can have."""
    created: datetime = Field(sa_type=Utc)


class SessionRow(Table, table=True):
    """A session. A transaction that refreshes or revokes it locks this row."""

    __tablename__ = "sessions"

    id: str = Field(primary_key=True)
    account: str = Field(foreign_key="accounts.id", ondelete="CASCADE", index=True)
    created: datetime = Field(sa_type=Utc)
    expires: datetime = Field(sa_type=Utc)
    revoked_at: datetime | None = Field(default=None, sa_type=Utc)
    issuer: str | None = None
    """The OpenID Connect provider that it was started by."""
    id_token: str | None = None
    """The provider's ID token, which the provider's logout asks for; deleted when it is revoked."""


class IdentityRow(Table, table=True):
    """Somebody at an OpenID Connect provider, and the account that they sign in to."""

    __tablename__ = "identities"

    issuer: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    account: str = Field(foreign_key="accounts.id", ondelete="CASCADE", index=True)
    created: datetime = Field(sa_type=Utc)


class AuthorizationRow(Table, table=True):
    """An authorization request that a provider has not answered yet."""

    __tablename__ = "authorizations"

    sha256: str = Field(primary_key=True)
    """Of its `state`."""
    provider: str
    browser: str
    """Digest of the cookie of the browser that it was started in."""
    nonce: str
    verifier: str
    return_to: str
    expires: datetime = Field(sa_type=Utc)


class RefreshRow(Table, table=True):
    """A refresh token of a session; only the newest can be exchanged."""

    __tablename__ = "refresh_tokens"

    sha256: str = Field(primary_key=True)
    session: str = Field(foreign_key="sessions.id", ondelete="CASCADE", index=True)
    used: datetime | None = Field(default=None, sa_type=Utc)
    created: datetime = Field(sa_type=Utc)


class ApiKeyRow(Table, table=True):
    """An API key."""

    __tablename__ = "api_keys"

    id: str = Field(primary_key=True)
    account: str = Field(foreign_key="accounts.id", ondelete="CASCADE", index=True)
    name: str
    prefix: str
    sha256: str = Field(unique=True)
    scopes: str
    """Separated by spaces."""
    created: datetime = Field(sa_type=Utc)
    expires: datetime = Field(sa_type=Utc)
    last_used: datetime | None = Field(default=None, sa_type=Utc)


class SigningKeyRow(Table, table=True):
    """A key that signs tokens."""

    __tablename__ = "signing_keys"

    kid: str = Field(primary_key=True)
    pem: str
    """Encrypted with the server's secret."""
    signs_from: datetime = Field(sa_type=Utc)
    retires: datetime = Field(sa_type=Utc)


class TicketRow(Table, table=True):
    """A single-use ticket to a live stream."""

    __tablename__ = "tickets"

    sha256: str = Field(primary_key=True)
    account: str = Field(foreign_key="accounts.id", ondelete="CASCADE", index=True)
    session: str
    """The id of the session or API key that created it."""
    expires: datetime = Field(sa_type=Utc)
    token_expires: datetime = Field(sa_type=Utc)
    """When the token that created it expires; the stream ends then."""


class SignInCodeRow(Table, table=True):
    """A single-use code that starts a session."""

    __tablename__ = "sign_in_codes"

    sha256: str = Field(primary_key=True)
    account: str = Field(foreign_key="accounts.id", ondelete="CASCADE", index=True)
    expires: datetime = Field(sa_type=Utc)
    reset: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Whether its use clears the password."""


class AuditRow(Table, table=True):
    """An entry of the audit log; it outlives the accounts that it names."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_action", "action", "id"),
        Index("ix_audit_actor", "actor", "id"),
        Index("ix_audit_account", "account", "id"),
    )

    id: str = Field(primary_key=True)
    """Grows with time."""
    at: datetime = Field(sa_type=Utc)
    action: str
    actor: str | None = None
    account: str | None = None
    address: str
    target: str
    detail: str


class InvitationRow(Table, table=True):
    """An invitation to open one account."""

    __tablename__ = "invitations"

    id: str = Field(primary_key=True)
    sha256: str = Field(unique=True)
    account: str = Field(foreign_key="accounts.id", ondelete="CASCADE", index=True)
    """The administrator who created it."""
    note: str
    created: datetime = Field(sa_type=Utc)
    expires: datetime = Field(sa_type=Utc)
    used: datetime | None = Field(default=None, sa_type=Utc)
