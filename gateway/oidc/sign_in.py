"""Sign in with OpenID Connect providers: pages by the code flow, programs by device codes.

The code flow uses PKCE, a nonce, and a `state` that is valid once, for ten minutes, in the browser
that it was started in. Each provider has a redirect address of its own, so that a response cannot
be passed off as another provider's (RFC 9700, section 4.4).
"""

import logging
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from contracts.admin import AuditAction
from contracts.identity import (
    DeviceAuthorization,
    DeviceSession,
    DeviceStatus,
    Principal,
    SignInOptions,
    SignInProvider,
    TokenPair,
)
from contracts.problems import FieldProblem, ProblemCode
from gateway import repository
from gateway.audit import AuditLog
from gateway.authenticator import digest
from gateway.limits import Limits
from gateway.oidc.identities import REASONS, Identities, Refused, SignInRefusal
from gateway.oidc.provider import (
    DeviceWait,
    IdentityProvider,
    Person,
    ProviderRefused,
    ProviderUnavailable,
    Unsupported,
    provider_client,
)
from gateway.settings import GatewaySettings
from gateway.tables import AuthorizationRow
from kit.auth.tokens import BadToken
from kit.clock import Clock
from kit.database.base import DatabaseUnavailable
from kit.database.engine import Database
from kit.http.errors import ProblemError, not_found

log = logging.getLogger(__name__)

LIFE = timedelta(minutes=10)
"""How long somebody may take at the provider."""
MAX_PATH = 2_000
_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
"""A path of this server, with query. `//host` and `/\\host` name another server to browsers."""


@dataclass(frozen=True, slots=True)
class AuthorizationStart:
    """An authorization request, to be sent to the provider by the browser."""

    url: str
    browser: str
    """The secret of the browser's cookie."""


@dataclass(frozen=True, slots=True)
class AuthorizationOutcome:
    """A finished authorization request."""

    return_to: str
    """The path that the browser came from; `/` if the request is unknown."""
    tokens: TokenPair | None
    refusal: SignInRefusal | None = None


class ProviderSignIn:
    """Use cases of sign-in with providers."""

    def __init__(
        self,
        database: Database,
        *,
        settings: GatewaySettings,
        clock: Clock,
        limits: Limits,
        identities: Identities,
        audit: AuditLog,
    ) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits
        self._identities = identities
        self._audit = audit
        self._passwords = settings.passwords
        self.public_url = settings.public_url.rstrip("/")
        # A client reads the machine's certificates, which takes a while: only where it is needed.
        self._clients = [provider_client() for _ in settings.identity_providers[:1]]
        self._providers = {
            each.id: IdentityProvider(each, self._clients[0], clock=clock)
            for each in settings.identity_providers
        }

    async def close(self) -> None:
        """Close the connections to providers."""
        for client in self._clients:
            await client.aclose()

    def options(self) -> SignInOptions:
        """Return how people can sign in."""
        return SignInOptions(
            passwords=self._passwords,
            providers=tuple(
                SignInProvider(id=each.settings.id, name=each.settings.name)
                for each in self._providers.values()
            ),
        )

    async def start(
        self, provider_id: str, *, return_to: str, browser: str | None, address: str
    ) -> AuthorizationStart:
        """Store an authorization request and return where to send the browser.

        Parameters
        ----------
        return_to
            A path of this server, to which the browser comes back.
        browser
            The secret of the browser's cookie, if it has one already.

        Raises
        ------
        ProblemError
            The provider is unknown, or `return_to` is not a path of this server.
        Refused
            The provider cannot be reached, or there are too many sign-ins from this address.
        """
        provider = self._provider(provider_id)
        if len(return_to) > MAX_PATH or not _PATH.fullmatch(return_to):
            raise ProblemError(
                ProblemCode.INVALID_REQUEST,
                "The page to return to must be a path of this server, such as /crate.",
                fields=(FieldProblem(field="query.return_to", message="not a path"),),
            )
        self._count(address)
        browser = browser or secrets.token_urlsafe(32)
        state, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        verifier = secrets.token_urlsafe(48)
        try:
            url = await provider.authorization_url(
                state=state,
                nonce=nonce,
                verifier=verifier,
                redirect_uri=self._redirect_uri(provider),
            )
        except ProviderUnavailable as error:
            log.warning("%s: %s", provider_id, error)
            raise Refused(SignInRefusal.UNAVAILABLE) from error
        async with self._database.transaction() as session:
            session.add(
                AuthorizationRow(
                    sha256=digest(state),
                    provider=provider_id,
                    browser=digest(browser),
                    nonce=nonce,
                    verifier=verifier,
                    return_to=return_to,
                    expires=self._clock.now() + LIFE,
                )
            )
        return AuthorizationStart(url, browser)

    async def finish(
        self,
        provider_id: str,
        *,
        state: str,
        code: str | None,
        issuer: str | None,
        browser: str | None,
        address: str,
    ) -> AuthorizationOutcome:
        """Finish the authorization request of a browser; a refusal is part of the result.

        Parameters
        ----------
        code
            The authorization code; `None` if the provider refused.
        issuer
            The `iss` parameter of the response.

        Raises
        ------
        ProblemError
            The provider is unknown.
        """
        provider = self._provider(provider_id)
        try:
            self._count(address)
        except Refused as refused:
            return AuthorizationOutcome("/", None, refused.refusal)
        async with self._database.transaction() as session:
            request = await repository.take_authorization(
                session,
                digest(state),
                provider=provider_id,
                browser=digest(browser or ""),
                now=self._clock.now(),
            )
        if request is None:
            return AuthorizationOutcome("/", None, SignInRefusal.EXPIRED)
        try:
            if code is None:
                raise Refused(SignInRefusal.CANCELLED)
            person = await self._exchange(provider, request, code, issuer)
            pair = await self._identities.sign_in(provider.settings, person)
        except Refused as refused:
            await self._record_failure(provider, refused.refusal)
            return AuthorizationOutcome(request.return_to, None, refused.refusal)
        return AuthorizationOutcome(request.return_to, pair)

    async def start_device(self, provider_id: str, *, address: str) -> DeviceAuthorization:
        """Return a device code of a provider.

        Raises
        ------
        ProblemError
            The provider is unknown, cannot be reached, or has no device flow.
        """
        provider = self._provider(provider_id)
        self._limits.sign_in(address)
        try:
            device = await provider.start_device()
        except Unsupported:
            raise _without_device_codes(provider) from None
        except ProviderRefused as error:
            log.warning("%s refused a device code: %s", provider_id, error)
            raise _without_device_codes(provider) from error
        except ProviderUnavailable as error:
            raise _unavailable(provider, error) from error
        return DeviceAuthorization(**device.model_dump())

    async def poll_device(
        self, provider_id: str, device_code: str, *, address: str
    ) -> DeviceSession:
        """Return the session of a device code once the user has signed in.

        Raises
        ------
        ProblemError
            The provider is unknown or cannot be reached, the code has expired, or the user may not
            sign in.
        """
        provider = self._provider(provider_id)
        self._limits.sign_in(address)
        try:
            person = await provider.poll_device(device_code)
            if isinstance(person, DeviceWait):
                slow = person is DeviceWait.SLOW_DOWN
                return DeviceSession(
                    status=DeviceStatus.SLOW_DOWN if slow else DeviceStatus.PENDING
                )
            pair = await self._identities.sign_in(provider.settings, person)
        except ProviderUnavailable as error:
            raise _unavailable(provider, error) from error
        except ProviderRefused as error:
            log.warning("%s refused a device code: %s", provider_id, error)
            raise _device_refused() from error
        except BadToken as error:
            log.warning("security: an invalid ID token of %s: %s", provider_id, error)
            raise _refused(SignInRefusal.INVALID) from error
        except Refused as refused:
            await self._record_failure(provider, refused.refusal)
            raise _refused(refused.refusal) from None
        return DeviceSession(status=DeviceStatus.COMPLETE, tokens=pair)

    async def logout_url(self, principal: Principal) -> str | None:
        """Return where the provider's own session ends; `None` if no provider started this one."""
        try:
            async with self._database.session() as session:
                row = await repository.session_row(session, principal.session)
            for provider in self._providers.values():
                if row is not None and row.issuer == provider.settings.issuer:
                    return await provider.logout_url(
                        row.id_token or "", redirect_uri=f"{self.public_url}/"
                    )
        except (ProviderUnavailable, DatabaseUnavailable, SQLAlchemyError) as error:
            # Nobody is kept signed in here because the provider does not answer.
            log.warning("the address of the provider's logout is not known: %s", error)
        return None

    async def _exchange(
        self, provider: IdentityProvider, request: AuthorizationRow, code: str, issuer: str | None
    ) -> Person:
        try:
            await provider.check_issuer(issuer)
            return await provider.exchange(
                code,
                verifier=request.verifier,
                nonce=request.nonce,
                redirect_uri=self._redirect_uri(provider),
            )
        except ProviderUnavailable as error:
            log.warning("%s: %s", provider.settings.id, error)
            raise Refused(SignInRefusal.UNAVAILABLE) from error
        except (ProviderRefused, BadToken) as error:
            log.warning(
                "security: an invalid answer of %s: %s",
                provider.settings.id,
                error,
                extra={"event": "login.provider.failed"},
            )
            raise Refused(SignInRefusal.INVALID) from error

    async def _record_failure(self, provider: IdentityProvider, refusal: SignInRefusal) -> None:
        log.warning(
            "security: login through %s failed: %s",
            provider.settings.id,
            refusal,
            extra={"event": "login.provider.failed"},
        )
        await self._audit.record(AuditAction.SIGN_IN_FAILED, target=provider.settings.id)

    def _count(self, address: str) -> None:
        try:
            self._limits.sign_in(address)
        except ProblemError:
            raise Refused(SignInRefusal.BUSY) from None

    def _provider(self, provider_id: str) -> IdentityProvider:
        if (provider := self._providers.get(provider_id)) is None:
            raise not_found()
        return provider

    def _redirect_uri(self, provider: IdentityProvider) -> str:
        return f"{self.public_url}/v1/sign-in/{provider.settings.id}/callback"


def _refused(refusal: SignInRefusal) -> ProblemError:
    return ProblemError(ProblemCode.FORBIDDEN, REASONS[refusal])


def _unavailable(provider: IdentityProvider, error: ProviderUnavailable) -> ProblemError:
    log.warning("%s: %s", provider.settings.id, error)
    return ProblemError(
        ProblemCode.UNAVAILABLE,
        f"{provider.settings.name} cannot be reached now. Try again in a moment.",
        retry_after=5,
    )


def _without_device_codes(provider: IdentityProvider) -> ProblemError:
    return ProblemError(
        ProblemCode.CONFLICT,
        f"{provider.settings.name} offers no device codes to this server. Sign in on the server's "
        "page and create an API key there, or ask an administrator to allow device codes.",
    )


def _device_refused() -> ProblemError:
    return ProblemError(
        ProblemCode.WRONG_CREDENTIALS,
        "The sign-in was refused, or its code has expired. Start again.",
    )
