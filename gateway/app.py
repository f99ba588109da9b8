"""The gateway, composed."""

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
from gateway.api_keys import ApiKeys
from gateway.authenticator import Authenticator
from gateway.failed_lookups import FailedLookups
from gateway.invitations import Invitations
from gateway.limits import Arrivals, Limits
from gateway.live import Live
from gateway.openapi import merged_openapi
from gateway.routes.accounts import account_routes
from gateway.routes.events import event_routes
from gateway.routes.invitations import invitation_routes
from gateway.routes.keys import key_routes
from gateway.routes.server import server_routes
from gateway.settings import GatewaySettings
from gateway.signing_keys import SigningKeys
from gateway.upstream import Upstream, UpstreamRouter
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
    """Answers what browsers ask first with the headers of every other answer (S26)."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Return the answer."""
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
        keyring: SigningKeys,
    ) -> None:
        kit, clock = platform.settings, platform.clock
        self._platform = platform
        self.signing_keys = keyring
        self._database = database
        self._clients = (
            platform.client(kit.library_url),
            platform.client(kit.library_internal_url),
        )
        self._library = platform.application(kit.library_url)
        self._passwords = Passwords()
        limits = Limits(settings, clock)
        lookups = FailedLookups(limits)
        self.authenticator = bearers = Authenticator(
            database, clock=clock, keyring=keyring, limits=limits, lookups=lookups
        )
        invitations = Invitations(database, settings=settings, clock=clock)
        self.upstream = Upstream(self._library, self._clients[0], bearers)
        accounts = Accounts(
            database,
            settings=settings,
            clock=clock,
            keyring=keyring,
            bearers=bearers,
            limits=limits,
            lookups=lookups,
            invitations=invitations,
            passwords=self._passwords,
            library=self._clients[1],
            secret=kit.internal_secret.get_secret_value(),
        )
        keys = ApiKeys(database, clock=clock, bearers=bearers, lookups=lookups)
        self.live = live = Live(
            platform.bus,
            upstream=self.upstream,
            bearers=bearers,
            settings=settings,
            clock=clock,
        )

        def address_of(request: Request) -> str:
            return limits.address(request.scope)

        app = create_app("Cratedig")
        app.state.authenticate = bearers.authenticate
        routes = APIRouter(route_class=GuardedRoute, prefix="/v1")
        routes.include_router(account_routes(accounts, address_of))
        routes.include_router(key_routes(keys))
        routes.include_router(invitation_routes(invitations))
        routes.include_router(event_routes(live, keys))
        app.include_router(routes)
        app.include_router(server_routes(keyring, self._describe))
        app.router.routes.extend(health_routes(self.ready, measured=False))
        if (objects := platform.objects.application()) is not None:
            app.mount("/objects", objects)
        self._app: FastAPI = app
        self.public: ASGIApp = Arrivals(
            self._faced(UpstreamRouter(app, self.upstream), settings), limits
        )
        self.internal: ASGIApp | None = guarded(health_app(self.ready))
        self.background: tuple[Background, ...] = (
            keyring.run,
            live.run,
            accounts.forget_deleted,
        )

    async def ready(self) -> dict[str, bool]:
        """Return what must be reachable, and whether it is."""
        names = ("database", "bus", "objects", "library")
        found = await asyncio.gather(
            self._database.ready(),
            self._platform.bus.ready(),
            self._platform.objects.ready(),
            self.upstream.ready(),
        )
        return dict(zip(names, found, strict=True))

    async def close(self) -> None:
        """Let go of everything."""
        for client in self._clients:
            await client.aclose()
        await self._library.aclose()
        self._passwords.close()
        await self._database.close()

    def _faced(self, inner: ASGIApp, settings: GatewaySettings) -> ASGIApp:
        """Return the application as the outside meets it."""
        hosts = settings.hosts
        if not hosts and settings.host in ("127.0.0.1", "localhost", "::1"):
            # Whoever listens on loopback only is called by loopback's names only.
            hosts = (*_LOOPBACK, urlsplit(self._platform.settings.gateway_url).hostname or "")
        faced = guarded(inner, hosts=hosts, streamed=("/objects/",))
        if settings.origins:
            faced = _Cors(
                faced,
                allow_origins=settings.origins,
                allow_methods=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
                allow_headers=("Authorization", "Content-Type", "Idempotency-Key", "Range"),
                expose_headers=("Content-Range", "ETag", "Location", "Retry-After"),
                max_age=3600,
            )
        return faced

    async def _describe(self) -> dict[str, Any]:
        return merged_openapi(self._app.openapi(), await self.upstream.document())


async def build(platform: ServicePlatform, settings: GatewaySettings) -> Gateway:
    """Open the database, bring it up to date, load the signing keys, and compose.

    Raises
    ------
    StartRefused
        The server has no secret.
    """
    secret = platform.settings.internal_secret.get_secret_value()
    if len(secret) < MIN_SECRET:
        raise StartRefused(
            f"KIT_INTERNAL_SECRET has {len(secret)} characters; give it {MIN_SECRET} or more, "
            "the same for every service, for example from `openssl rand -base64 48`"
        )
    database = platform.database(settings.database_url.get_secret_value())
    try:
        await database.migrate(MIGRATIONS)
        life = timedelta(days=settings.key_days)
        keyring = SigningKeys(database, clock=platform.clock, life=life, secret=secret)
        await keyring.load()
        return Gateway(platform, settings, database=database, keyring=keyring)
    except BaseException:
        await database.close()
        raise
