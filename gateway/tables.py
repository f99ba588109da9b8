"""Every row the gateway keeps. Secrets are there as digests, signing keys encrypted."""

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
    """An account. One that is being deleted keeps its row until the library has forgotten it."""

    __tablename__ = "accounts"

    id: str = Field(primary_key=True)
    email: str = Field(unique=True)
    """Folded to lower case."""
    name: str
    password: str
    """Argon2id's own text of the hash."""
    admin: bool
    deleted: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    created: datetime = Field(sa_type=Utc)


class RefreshRow(Table, table=True):
    """A refresh token: works once; its family is one login."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (Index("ix_refresh_tokens_family", "family"),)

    sha256: str = Field(primary_key=True)
    family: str
    account: str = Field(foreign_key="accounts.id", ondelete="CASCADE", index=True)
    used: datetime | None = Field(default=None, sa_type=Utc)
    revoked: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    created: datetime = Field(sa_type=Utc)
    expires: datetime = Field(sa_type=Utc)
    """The same for the whole family."""


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
    """Encrypted with the house's secret."""
    signs_from: datetime = Field(sa_type=Utc)
    retires: datetime = Field(sa_type=Utc)


class TicketRow(Table, table=True):
    """A single-use ticket to a live stream."""

    __tablename__ = "tickets"

    sha256: str = Field(primary_key=True)
    account: str = Field(foreign_key="accounts.id", ondelete="CASCADE", index=True)
    session: str
    """The login or the key that bought it."""
    expires: datetime = Field(sa_type=Utc)
    token_expires: datetime = Field(sa_type=Utc)
    """When the token that bought it ends: the stream ends then."""
