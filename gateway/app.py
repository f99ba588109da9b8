"""The gateway's composition: its routes, middleware and background tasks."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI, Request
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from gateway.accounts import Accounts
from gateway.administration import Administration
from gateway.api_keys import ApiKeys
from gateway.audit import AuditLog
from gateway.authenticator import Authenticator
from gateway.failed_lookups import FailedLookups
from gateway.invitations import Invitations
from gateway.limits import CallerAddressMiddleware, Limits
from gateway.live import Live
from gateway.oidc.identities import Identities
from gateway.oidc.sign_in import ProviderSignIn
from gateway.openapi import merged_openapi
from gateway.page_sessions import PageSessions
from gateway.routes.accounts import account_routes
from gateway.routes.admin import admin_routes
from gateway.routes.events import event_routes
from gateway.routes.invitations import invitation_routes
from gateway.routes.keys import key_routes
from gateway.routes.server import server_routes
from gateway.routes.sign_in import sign_in_routes
from gateway.sessions import Sessions
from gateway.settings import GatewaySettings
from gateway.signing_keys import SigningKeys
from gateway.upstream import Upstream, UpstreamRouter
from gateway.web import WebClient, page_policy, reference_policy
from kit.auth.passwords import Passwords
from kit.database.engine import Database
from kit.http.app import create_app, guarded
from kit.http.health import health_app, health_routes
from kit.http.request_guard import SECURITY
from kit.http.routes import GuardedRoute
from kit.platform import ServicePlatform
from kit.process import StartRefused
from kit.service import Background

MIGRATIONS = Path(__file__).parent / "migrations"
MIN_SECRET = 32
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class _Cors(CORSMiddleware):
    """CORS middleware that adds the security headers to preflight responses too (S26)."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Return the preflight response."""
        response = super().preflight_response(request_headers)
        response.headers.update(SECURITY)
        return response


class Gateway:
    """The running gateway."""

    def __init__(
        self,
        platform: ServicePlatform,
        settings: GatewaySettings,
        *,
        database: Database,
        signing_keys: SigningKeys,
    ) -> None:
        kit, clock = platform.settings, platform.clock
        self._platform = platform
        self.signing_keys = signing_keys
        self._database = database
        self._clients = (
            platform.client(kit.library_url),
            platform.client(kit.library_internal_url),
        )
        self._library = platform.application(kit.library_url)
        self._passwords = Passwords()
        limits = Limits(settings, clock)
        lookups = FailedLookups(limits)
        self.authenticator = authenticator = Authenticator(
            database, clock=clock, signing_keys=signing_keys, limits=limits, lookups=lookups
        )
        self.audit = audit = AuditLog(database, settings=settings, clock=clock)
        invitations = Invitations(database, settings=settings, clock=clock, audit=audit)
        self.upstream = Upstream(self._library, self._clients[0], authenticator, audit, limits)
        sessions = Sessions(
            settings=settings,
            clock=clock,
            signing_keys=signing_keys,
            lookups=lookups,
            audit=audit,
        )
        accounts = Accounts(
            database,
            settings=settings,
            clock=clock,
            sessions=sessions,
            authenticator=authenticator,
            limits=limits,
            lookups=lookups,
            invitations=invitations,
            audit=audit,
            passwords=self._passwords,
            library=self._clients[1],
            secret=kit.internal_secret.get_secret_value(),
        )
        administration = Administration(
            database,
            clock=clock,
            authenticator=authenticator,
            audit=audit,
            library=self._clients[1],
            secret=kit.internal_secret.get_secret_value(),
        )
        self._sign_in = sign_in = ProviderSignIn(
            database,
            settings=settings,
            clock=clock,
            limits=limits,
            identities=Identities(
                database,
                clock=clock,
                sessions=sessions,
                authenticator=authenticator,
                audit=audit,
            ),
            audit=audit,
        )
        keys = ApiKeys(
            database, clock=clock, authenticator=authenticator, lookups=lookups, audit=audit
        )
        self.live = live = Live(
            platform.bus,
            upstream=self.upstream,
            authenticator=authenticator,
            settings=settings,
            clock=clock,
        )

        def address_of(request: Request) -> str:
            return limits.address(request.scope)

        app = create_app("Cratedig")
        app.state.authenticate = authenticator.authenticate
        routes = APIRouter(route_class=GuardedRoute, prefix="/v1")
        pages = PageSessions(settings.public_url)
        routes.include_router(account_routes(accounts, pages, address_of))
        routes.include_router(sign_in_routes(sign_in, accounts, pages, address_of))
        routes.include_router(key_routes(keys))
        routes.include_router(invitation_routes(invitations))
        routes.include_router(event_routes(live, keys))
        routes.include_router(admin_routes(administration, audit, settings.public_url))
        app.include_router(routes)
        app.include_router(server_routes(signing_keys, self._describe))
        app.router.routes.extend(health_routes(self.ready, with_metrics=False))
        if (objects := platform.objects.application()) is not None:
            app.mount("/objects", objects)
        self._app: FastAPI = app
        web = WebClient(
            app,
            settings.web,
            policy=page_policy(platform.objects),
            reference_policy=reference_policy(platform.objects),
        )
        self.public: ASGIApp = CallerAddressMiddleware(
            self._with_middleware(UpstreamRouter(web, self.upstream), settings), limits
        )
        self.internal: ASGIApp | None = guarded(health_app(self.ready))
        self.background: tuple[Background, ...] = (
            signing_keys.run,
            live.run,
            accounts.forget_deleted,
            audit.run,
        )

    async def ready(self) -> dict[str, bool]:
        """Return the readiness of each dependency."""
        names = ("database", "bus", "objects", "library")
        ready = await asyncio.gather(
            self._database.ready(),
            self._platform.bus.ready(),
            self._platform.objects.ready(),
            self.upstream.ready(),
        )
        return dict(zip(names, ready, strict=True))

    async def close(self) -> None:
        """Close every client and the database."""
        for client in self._clients:
            await client.aclose()
        await self._library.aclose()
        await self._sign_in.close()
        self._passwords.close()
        await self._database.close()

    def _with_middleware(self, inner: ASGIApp, settings: GatewaySettings) -> ASGIApp:
        """Wrap the application with the request guard and CORS."""
        hosts = settings.hosts
        if not hosts and settings.host in ("127.0.0.1", "localhost", "::1"):
            # A server on loopback accepts only loopback's host names, against DNS rebinding.
            hosts = (*_LOOPBACK, urlsplit(self._platform.settings.gateway_url).hostname or "")
        app = guarded(inner, hosts=hosts, streamed=("/objects/",))
        if settings.origins:
            app = _Cors(
                app,
                allow_origins=settings.origins,
                allow_methods=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
                allow_headers=(
                    *("Authorization", "Content-Type", "Idempotency-Key", "Range"),
                    *("If-Match", "If-None-Match"),
                ),
                expose_headers=("Content-Range", "ETag", "Location", "Retry-After"),
                max_age=3600,
            )
        return app

    async def _describe(self) -> dict[str, Any]:
        return merged_openapi(self._app.openapi(), await self.upstream.document())


async def build(platform: ServicePlatform, settings: GatewaySettings) -> Gateway:
    """Migrate the database, load the signing keys and build the gateway.

    Raises
    ------
    StartRefused
        The server's secret is missing or too short, or the settings leave no way to sign in.
    """
    secret = platform.settings.internal_secret.get_secret_value()
    if len(secret) < MIN_SECRET:
        raise StartRefused(
            f"KIT_INTERNAL_SECRET has {len(secret)} characters; give it {MIN_SECRET} or more, "
            "the same for every service, for example from `openssl rand -base64 48`"
        )
    if settings.identity_providers and not settings.public_url:
        raise StartRefused(
            "GATEWAY_IDENTITY_PROVIDERS needs GATEWAY_PUBLIC_URL, the address at which browsers "
            "reach the server: providers send browsers back to it"
        )
    if not settings.passwords and not settings.identity_providers:
        raise StartRefused(
            "GATEWAY_PASSWORDS is false and GATEWAY_IDENTITY_PROVIDERS is empty, so nobody could "
            "sign in"
        )
    database = platform.database(settings.database_url.get_secret_value())
    try:
        await database.migrate(MIGRATIONS)
        life = timedelta(days=settings.key_days)
        signing_keys = SigningKeys(database, clock=platform.clock, life=life, secret=secret)
        await signing_keys.load()
        return Gateway(platform, settings, database=database, signing_keys=signing_keys)
    except BaseException:
        await database.close()
        raise
