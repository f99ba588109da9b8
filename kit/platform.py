"""The platform of a process: settings, clock, bus, object store, and access to other services."""

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Protocol

import httpx
from starlette.types import ASGIApp

from contracts.topics import TOPICS
from kit.bus.base import Bus
from kit.bus.factory import open_bus
from kit.clock import Clock, SystemClock
from kit.http.client import build_client
from kit.http.remote import Remote, remote_application
from kit.objects.base import ObjectStore
from kit.objects.factory import open_objects
from kit.process import StartRefused
from kit.settings import KitSettings

if TYPE_CHECKING:
    # Imported when a service opens a database: the images of workers have no SQLAlchemy.
    from kit.database.engine import Database


class ServicePlatform(Protocol):
    """The part of the platform that services use."""

    settings: KitSettings
    clock: Clock
    bus: Bus
    objects: ObjectStore

    def database(self, url: str, *, pool: int | None = None) -> "Database":
        """Open the database at an address; the caller migrates and closes it.

        `pool` is the number of connections, by default `kit.database.engine.POOL`.
        """
        ...

    def client(self, url: str) -> httpx.AsyncClient:
        """Return an HTTP client for another service; the caller closes it."""
        ...

    def application(self, url: str) -> Remote:
        """Return the ASGI application of another service; the caller closes it."""
        ...


class Platform:
    """The platform of one process; see `ServicePlatform`."""

    def __init__(
        self, settings: KitSettings, *, bus: Bus, objects: ObjectStore, clock: Clock | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.bus = bus
        self.objects = objects
        self._applications: dict[str, ASGIApp] = {}

    async def open(self, stack: AsyncExitStack) -> None:
        """Connect to the bus and the store, and create missing topics and buckets.

        They are closed with the stack. Raises `BusError` or `ObjectError`.
        """
        stack.push_async_callback(self.objects.close)
        await self.objects.ensure()
        stack.push_async_callback(self.bus.close)
        await self.bus.start()
        await self.bus.ensure(TOPICS)

    def offer(self, name: str, application: ASGIApp) -> None:
        """Register an application of this process as `inprocess://<name>`."""
        self._applications[name] = application

    def database(self, url: str, *, pool: int | None = None) -> "Database":
        """Open the database at an address."""
        from kit.database.engine import POOL, Database

        return Database(url, clock=self.clock, pool=pool or POOL)

    def client(self, url: str) -> httpx.AsyncClient:
        """Return an HTTP client for `http(s)://…`, or for a registered `inprocess://<name>`."""
        return build_client(url, application=self._find)

    def application(self, url: str) -> Remote:
        """Return the application at `http(s)://…`, or a registered `inprocess://<name>`."""
        return remote_application(url, application=self._find)

    def _find(self, name: str) -> ASGIApp:
        try:
            return self._applications[name]
        except KeyError:
            raise RuntimeError(f"no service named {name!r} runs in this process") from None


def open_platform(settings: KitSettings) -> Platform:
    """Return the platform for the addresses in the settings, not yet connected.

    Raises
    ------
    StartRefused
        An address is malformed.
    """
    try:
        return Platform(settings, bus=open_bus(settings), objects=open_objects(settings))
    except ValueError as error:
        raise StartRefused(str(error)) from error
