"""The gateway's settings."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from gateway.oidc.settings import ProviderSettings, unique_ids
from kit.service import HttpSettings
from kit.settings import Period


class SignUp(StrEnum):
    """Who may create an account."""

    OPEN = "open"
    INVITATION = "invitation"
    CLOSED = "closed"


class GatewaySettings(HttpSettings):
    """Settings of the gateway."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_")

    database_url: SecretStr = SecretStr("")
    """The gateway's database: `sqlite+aiosqlite:///…` or `postgresql+asyncpg://…`."""
    public_url: Annotated[str, Field(pattern=r"^(https?://[^/\s]+/?)?$")] = ""
    """Address at which browsers reach the server, such as `https://music.example.org`. Cookies of
    pages are `Secure` if it is https; one-time sign-in links begin with it."""
    web: Path = Path(__file__).parents[1] / "clients" / "web" / "dist"
    """Folder of the built web client (`make web`); the default is beside the code."""
    hosts: tuple[str, ...] = ()
    """Accepted host names, such as `["music.example.org"]`; empty means any."""
    origins: tuple[str, ...] = ()
    """Origins whose pages may call the API (CORS), such as `["https://music.example.org"]`."""
    connections_by_address: Annotated[int, Field(ge=1, le=1_000_000)] | None = 400
    """Maximum connections per address, never more than half of all; null means no own limit."""
    replicas: Annotated[int, Field(ge=1, le=1_000)] = 1
    """Number of gateway processes; each applies its share of the rate limits."""
    requests_per_minute: Annotated[int, Field(ge=1, le=1_000_000_000)] = 6_000
    """Requests per account and minute; a tenth of them may come at once."""
    guest_requests_per_minute: Annotated[int, Field(ge=1, le=1_000_000_000)] = 600
    """Requests per address and minute that read a shared collection without an account; a quarter
    of them may come at once."""
    link_requests_per_minute: Annotated[int, Field(ge=1, le=1_000_000_000)] = 3_000
    """The same for each link to a collection, from all addresses."""
    logins_per_minute: Annotated[int, Field(ge=1, le=1_000_000_000)] = 60
    """Login attempts per address and minute."""
    accounts_per_hour: Annotated[int, Field(ge=1, le=1_000_000_000)] = 600
    """New accounts per address and hour."""
    signup: SignUp = SignUp.OPEN
    """Who may create an account: `open` means anybody, `invitation` people with an administrator's
    invitation (`cratedig invitations create`), `closed` nobody. The first account of a server can
    always be created."""
    passwords: bool = True
    """Whether people sign up and log in with a password. False leaves `GATEWAY_IDENTITY_PROVIDERS`,
    and the one-time links of administrators and of whoever runs the server."""
    identity_providers: Annotated[
        tuple[ProviderSettings, ...], Field(max_length=20), AfterValidator(unique_ids)
    ] = ()
    """OpenID Connect providers that people sign in with, as a JSON list; see docs/sign-in.md. They
    need `GATEWAY_PUBLIC_URL`."""
    failed_lookups_per_minute: Annotated[int, Field(ge=1, le=1_000_000_000)] = 60
    """Lookups of unknown API keys, refresh tokens and tickets per address and minute."""
    access_minutes: Annotated[int, Field(ge=1, le=15)] = 15
    """Lifetime of an access token in minutes."""
    key_days: Annotated[float, Field(gt=0, le=3_650)] = 30.0
    """Days until the next signing key replaces the current one."""
    stream_events: Annotated[int, Field(ge=1, le=1_000_000)] = 1_000
    """Maximum events waiting for the reader of a live stream; a slower reader is disconnected."""
    streams_per_account: Annotated[int, Field(ge=1, le=100_000)] = 50
    """Maximum open live streams per account."""
    heartbeat: Period = 15.0
    """Seconds between the keep-alive comments of an idle live stream."""
    audit_days: Annotated[int, Field(ge=1, le=3_650)] = 90
    """Days for which the audit log keeps entries."""
    audit_entries: Annotated[int, Field(ge=100, le=10_000_000)] = 20_000
    """Maximum entries of each action in the audit log; the oldest are deleted first."""
    forget_every: Period = 5.0
    """Seconds between attempts to delete the data of deleted accounts."""
