"""Talk to one OpenID Connect provider: discovery, keys, tokens, user info and device codes.

OpenID Connect Discovery 1.0, OpenID Connect Core 1.0, RFC 7636 (PKCE), RFC 8628 (device codes).
Environment proxies are not used, redirects are not followed, and every answer is bounded.
"""

import asyncio
import base64
import hashlib
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.music import Seconds
from gateway.oidc.settings import LOOPBACK, ProviderSettings
from kit.auth.id_tokens import read_id_token
from kit.auth.jwk import Jwk
from kit.auth.tokens import BadToken, UnknownKey, decoded_object
from kit.clock import Clock

log = logging.getLogger(__name__)

TIMEOUT: Seconds = 10.0
MAX_ANSWER = 512 * 1024
"""Maximum bytes of an answer of a provider."""
METADATA_AGE: Seconds = 3600.0
KEYS_AGE: Seconds = 3600.0
"""Seconds after which the keys are fetched again, which drops those that were withdrawn."""
KEYS_PAUSE: Seconds = 30.0
"""Minimum seconds between two fetches of the keys, whatever tokens arrive."""
MAX_KEYS = 100
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class ProviderUnavailable(Exception):
    """The provider cannot be reached, or answers with something that is not in the standard."""


class ProviderRefused(Exception):
    """The provider refused a request; `error` is its OAuth error code."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class Unsupported(Exception):
    """The provider does not offer what was asked for."""


class DiscoveryDocument(BaseModel):
    """The part of a provider's discovery document that is used."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    device_authorization_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class DeviceAnswer(BaseModel):
    """Answer of the device authorization endpoint (RFC 8628, section 3.2)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    device_code: Annotated[str, Field(min_length=1, max_length=2000)]
    user_code: Annotated[str, Field(min_length=1, max_length=100)]
    verification_uri: Annotated[str, Field(pattern=r"^https?://", max_length=2000)]
    verification_uri_complete: (
        Annotated[str, Field(pattern=r"^https?://", max_length=2000)] | None
    ) = None
    expires_in: Annotated[int, Field(ge=1, le=86_400)]
    interval: Annotated[int, Field(ge=1, le=300)] = 5


class _Tokens(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    id_token: str
    access_token: str


class DeviceWait(StrEnum):
    """Why a device code has no tokens yet."""

    PENDING = "authorization_pending"
    SLOW_DOWN = "slow_down"


@dataclass(frozen=True, slots=True)
class Person:
    """Who signed in, as the provider states it in a verified ID token."""

    issuer: str
    subject: str
    email: str
    """Folded to lower case; empty if the provider names none."""
    email_verified: bool
    name: str
    groups: frozenset[str]
    id_token: str


def provider_client() -> httpx.AsyncClient:
    """Return a client for providers; it trusts the authorities in the file `SSL_CERT_FILE`, if set.

    It reads nothing else from the environment.
    """
    return httpx.AsyncClient(
        timeout=TIMEOUT,
        trust_env=False,
        follow_redirects=False,
        verify=httpx.create_ssl_context(),
    )


class IdentityProvider:
    """One provider.

    Parameters
    ----------
    client
        Sends the requests; closed by the caller.
    """

    def __init__(
        self, settings: ProviderSettings, client: httpx.AsyncClient, *, clock: Clock
    ) -> None:
        self.settings = settings
        self._client = client
        self._clock = clock
        self._metadata: DiscoveryDocument | None = None
        self._metadata_at = 0.0
        self._keys: tuple[Jwk, ...] = ()
        self._keys_at: float | None = None
        self._lock = asyncio.Lock()

    async def metadata(self) -> DiscoveryDocument:
        """Return the discovery document, at most an hour old while the provider answers.

        Raises
        ------
        ProviderUnavailable
        """
        async with self._lock:
            now = self._clock.monotonic()
            if self._metadata is None or now - self._metadata_at > METADATA_AGE:
                try:
                    self._metadata = await self._discover()
                except ProviderUnavailable as error:
                    if self._metadata is None:
                        raise
                    log.warning("the discovery document cannot be fetched again: %s", error)
                self._metadata_at = now
            return self._metadata

    async def authorization_url(
        self, *, state: str, nonce: str, verifier: str, redirect_uri: str
    ) -> str:
        """Return where to send the browser. Raises `ProviderUnavailable`."""
        metadata = await self.metadata()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.settings.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return _with_query(metadata.authorization_endpoint, query)

    async def check_issuer(self, named: str | None) -> None:
        """Check the issuer that an authorization response names (RFC 9207).

        Raises
        ------
        BadToken
            It is another, or the provider always names one and the response does not.
        ProviderUnavailable
        """
        metadata = await self.metadata()
        missing = named is None and metadata.authorization_response_iss_parameter_supported
        if missing or named not in (None, self.settings.issuer):
            raise BadToken("the response is from another issuer")

    async def exchange(self, code: str, *, verifier: str, nonce: str, redirect_uri: str) -> Person:
        """Exchange an authorization code for the person who signed in.

        Raises
        ------
        ProviderUnavailable, ProviderRefused, BadToken
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        return await self._person(await self._token(form), nonce=nonce)

    async def start_device(self) -> DeviceAnswer:
        """Ask for a device code.

        Raises
        ------
        Unsupported
            The provider has no device flow.
        ProviderUnavailable, ProviderRefused
        """
        endpoint = (await self.metadata()).device_authorization_endpoint
        if endpoint is None:
            raise Unsupported
        answer = await self._post(endpoint, {"scope": " ".join(self.settings.scopes)})
        try:
            return DeviceAnswer.model_validate(answer)
        except ValidationError as error:
            raise ProviderUnavailable("its device code cannot be read") from error

    async def poll_device(self, device_code: str) -> Person | DeviceWait:
        """Return who signed in with a device code, or why nobody has yet.

        Raises
        ------
        ProviderUnavailable, ProviderRefused, BadToken
        """
        form = {"grant_type": DEVICE_GRANT, "device_code": device_code}
        try:
            return await self._person(await self._token(form), nonce=None)
        except ProviderRefused as error:
            if error.error in set(DeviceWait):
                return DeviceWait(error.error)
            raise

    async def logout_url(self, id_token: str, *, redirect_uri: str) -> str | None:
        """Return where the provider's own session ends (RP-Initiated Logout 1.0).

        `None` if the provider has no such address. Raises `ProviderUnavailable`.
        """
        endpoint = (await self.metadata()).end_session_endpoint
        if endpoint is None:
            return None
        query = {"client_id": self.settings.client_id, "post_logout_redirect_uri": redirect_uri}
        if id_token:
            query["id_token_hint"] = id_token
        return _with_query(endpoint, query)

    async def _person(self, tokens: _Tokens, *, nonce: str | None) -> Person:
        claims = dict(await self._verified(tokens.id_token, nonce))
        needed = {"email"} | ({self.settings.groups_claim} if self.settings.groups else set())
        endpoint = (await self.metadata()).userinfo_endpoint
        if needed - claims.keys() and endpoint is not None:
            more = await self._json(
                "GET", endpoint, headers={"Authorization": f"Bearer {tokens.access_token}"}
            )
            if more.get("sub") != claims["sub"]:
                raise BadToken("the user info is about another person")
            claims = more | claims
        email = _text(claims.get("email"))
        groups = claims.get(self.settings.groups_claim)
        return Person(
            issuer=self.settings.issuer,
            subject=claims["sub"],
            email=email.casefold() if _EMAIL.fullmatch(email) else "",
            email_verified=claims.get("email_verified") is True,
            name=_text(claims.get("name")),
            groups=frozenset(filter(None, map(_text, groups if isinstance(groups, list) else ()))),
            id_token=tokens.id_token,
        )

    async def _verified(self, token: str, nonce: str | None) -> Mapping[str, Any]:
        for fetched in (False, True):
            keys = await self._current_keys(again=fetched)
            try:
                return read_id_token(
                    token,
                    keys,
                    issuer=self.settings.issuer,
                    client_id=self.settings.client_id,
                    nonce=nonce,
                    now=self._clock.now(),
                )
            except UnknownKey:
                # The provider may have begun to sign with a new key.
                if fetched:
                    raise
        raise AssertionError

    async def _current_keys(self, *, again: bool) -> tuple[Jwk, ...]:
        uri = (await self.metadata()).jwks_uri
        async with self._lock:
            now = self._clock.monotonic()
            age = KEYS_AGE + 1 if self._keys_at is None else now - self._keys_at
            if age > (KEYS_PAUSE if again or not self._keys else KEYS_AGE):
                keys = (await self._json("GET", uri)).get("keys")
                if not isinstance(keys, list):
                    raise ProviderUnavailable("its key set is not one")
                self._keys = tuple(
                    {name: value for name, value in key.items() if isinstance(value, str)}
                    for key in keys[:MAX_KEYS]
                    if isinstance(key, dict)
                )
                self._keys_at = now
            return self._keys

    async def _discover(self) -> DiscoveryDocument:
        issuer = self.settings.issuer
        document = await self._json("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        try:
            metadata = DiscoveryDocument.model_validate(document)
        except ValidationError as error:
            raise ProviderUnavailable("its discovery document cannot be read") from error
        if metadata.issuer != issuer:
            raise ProviderUnavailable(
                f"its discovery document names the issuer {metadata.issuer[:200]!r}, and the "
                f"setting {issuer!r}; they must be the same"
            )
        for name, url in metadata:
            if isinstance(url, str) and not _allowed(url, issuer):
                raise ProviderUnavailable(f"{name} is not an https address")
        return metadata

    async def _token(self, form: dict[str, str]) -> _Tokens:
        metadata = await self.metadata()
        try:
            return _Tokens.model_validate(await self._post(metadata.token_endpoint, form))
        except ValidationError as error:
            raise ProviderUnavailable("its answer contains no ID token") from error

    async def _post(self, url: str, form: dict[str, str]) -> dict[str, Any]:
        """Send a form as this client; basic authentication is what every provider must know."""
        metadata, headers = await self.metadata(), {}
        client_id = self.settings.client_id
        secret = self.settings.client_secret.get_secret_value()
        methods = metadata.token_endpoint_auth_methods_supported
        if not secret or ("client_secret_basic" not in methods and "client_secret_post" in methods):
            form = form | {"client_id": client_id} | ({"client_secret": secret} if secret else {})
        else:
            pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return await self._json("POST", url, headers=headers, form=form)

    async def _json(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        body = bytearray()
        try:
            async with (
                asyncio.timeout(TIMEOUT),
                self._client.stream(
                    method,
                    url,
                    headers={"Accept": "application/json", **(headers or {})},
                    data=form,
                ) as response,
            ):
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_ANSWER:
                        raise ProviderUnavailable("its answer is too large")
            document = decoded_object(bytes(body))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise ProviderUnavailable(type(error).__name__) from error
        except BadToken as error:
            raise ProviderUnavailable("its answer is not a JSON object") from error
        if response.is_success:
            return document
        if response.status_code in (400, 401, 403) and isinstance(document.get("error"), str):
            raise ProviderRefused(document["error"][:100])
        raise ProviderUnavailable(f"it answered with HTTP status {response.status_code}")


def _allowed(url: str, issuer: str) -> bool:
    """Return whether an endpoint is https, or on this machine as the issuer is."""
    parsed = urlsplit(url)
    local = urlsplit(issuer).hostname in LOOPBACK and parsed.hostname in LOOPBACK
    return bool(parsed.hostname) and (
        parsed.scheme == "https" or (parsed.scheme == "http" and local)
    )


def _with_query(url: str, query: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def _text(value: object) -> str:
    return value[:254] if isinstance(value, str) and "\x00" not in value else ""
