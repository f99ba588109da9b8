"""Settings of identity providers: servers of OpenID Connect that people sign in with."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from contracts.identity import Scope

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
DEFAULT_SCOPES = ("openid", "email", "profile")


def _issuer(text: str) -> str:
    url = urlsplit(text)
    if url.scheme != "https" and not (url.scheme == "http" and url.hostname in LOOPBACK):
        raise ValueError("an issuer is an https:// address (http:// on this machine only)")
    if not url.hostname or url.query or url.fragment or url.username:
        raise ValueError("an issuer is an address without user name, query and fragment")
    return text


class ProviderSettings(BaseModel):
    """One OpenID Connect provider, in `GATEWAY_IDENTITY_PROVIDERS`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    """Its name in addresses, such as `acme`; do not change it."""
    name: Annotated[str, Field(min_length=1, max_length=60)]
    """Its name on the button "Continue with …"."""
    issuer: Annotated[str, Field(max_length=500), AfterValidator(_issuer)]
    """Its issuer, exactly as its discovery document states it."""
    client_id: Annotated[str, Field(min_length=1, max_length=500)]
    client_secret: SecretStr = SecretStr("")
    """Empty for a public client."""
    scopes: Annotated[tuple[str, ...], Field(max_length=20)] = DEFAULT_SCOPES
    """OAuth scopes to ask for; `openid` is among them."""
    sign_up: bool = True
    """Whether somebody who has no account here gets one."""
    link_verified_email: bool = False
    """Whether an existing account with the same e-mail address is taken over, if the provider
    states that it verified the address. Its password, sessions and API keys then end."""
    email_domains: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    """Accept only verified addresses of these domains; empty means any address."""
    groups_claim: Annotated[str, Field(min_length=1, max_length=200)] = "groups"
    """The claim that lists the person's groups."""
    groups: Annotated[dict[str, frozenset[Scope]], Field(max_length=200)] = {}
    """Scopes that each group grants, and who may sign in: with an entry here, only members of a
    named group. `admin` makes an administrator. Empty means anybody, with every scope but that."""
    session_days: Annotated[float, Field(gt=0, le=30)] = 7.0
    """Days after which a session ends and the provider decides again."""

    @model_validator(mode="after")
    def _check_scopes(self) -> Self:
        if "openid" not in self.scopes:
            raise ValueError("scopes must contain openid")
        return self

    @property
    def manages_administrators(self) -> bool:
        """Whether groups of this provider decide who is an administrator."""
        return any(Scope.ADMIN in scopes for scopes in self.groups.values())


def unique_ids(providers: tuple[ProviderSettings, ...]) -> tuple[ProviderSettings, ...]:
    """Refuse two providers with one id or issuer. Raises `ValueError`."""
    for field in ("id", "issuer"):
        values = [getattr(provider, field) for provider in providers]
        if len(set(values)) < len(values):
            raise ValueError(f"two providers have the same {field}")
    return providers
