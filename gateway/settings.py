"""What can be told to the gateway."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from kit.service import HttpSettings
from kit.settings import Period


class SignUp(StrEnum):
    """Who may open an account."""

    OPEN = "open"
    INVITATION = "invitation"
    CLOSED = "closed"


class GatewaySettings(HttpSettings):
    """Settings of the gateway."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_")

    database_url: SecretStr = SecretStr("")
    """Its own database: `sqlite+aiosqlite:///…` or `postgresql+asyncpg://…`."""
    hosts: tuple[str, ...] = ()
    """Names by which it may be called, such as `["music.example.org"]`; empty is any."""
    origins: tuple[str, ...] = ()
    """Origins whose pages may call it, such as `["https://music.example.org"]`."""
    connections_by_address: Annotated[int, Field(ge=1, le=1_000_000)] | None = 400
    """Connections from one address, never more than half of all; none is no bound of its own."""
    replicas: Annotated[int, Field(ge=1, le=1_000)] = 1
    """How many gateways share the load: each takes its part of the limits."""
    requests_per_minute: Annotated[int, Field(ge=1, le=1_000_000_000)] = 6_000
    """How much one account may ask; a burst of a tenth is taken at once."""
    logins_per_minute: Annotated[int, Field(ge=1, le=1_000_000_000)] = 60
    """How often one address may try to log in."""
    accounts_per_hour: Annotated[int, Field(ge=1, le=1_000_000_000)] = 600
    """How many accounts one address may open."""
    signup: SignUp = SignUp.OPEN
    """Who may open an account: `open` is anybody, `invitation` whom an administrator invited
    (`cratedig invitations create`), `closed` nobody. The first account of a fresh server can always
    be made."""
    failed_lookups_per_minute: Annotated[int, Field(ge=1, le=1_000_000_000)] = 60
    """How many unknown keys, refresh tokens and tickets of one address are looked up."""
    access_minutes: Annotated[int, Field(ge=1, le=15)] = 15
    """How long an access token lasts."""
    key_days: Annotated[float, Field(gt=0, le=3_650)] = 30.0
    """How long a signing key signs before the next one does."""
    stream_events: Annotated[int, Field(ge=1, le=1_000_000)] = 1_000
    """Events that may wait for a slow reader of a live stream before it is disconnected."""
    streams_per_account: Annotated[int, Field(ge=1, le=100_000)] = 50
    """Live streams that one account may hold open."""
    heartbeat: Period = 15.0
    """How often a quiet live stream shows that it lives."""
    forget_every: Period = 5.0
    """How often the library is asked again to forget a deleted account."""
