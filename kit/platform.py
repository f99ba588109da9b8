"""The platform: what every service of this process is built on, made from addresses."""

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
    """What a service may use of the process it lives in."""

    settings: KitSettings
    clock: Clock
    bus: Bus
    objects: ObjectStore

    def database(self, url: str, *, pool: int | None = None) -> "Database":
        """Return the database at an address; the caller migrates and closes it.

        `pool` is the number of connections, `kit.database.engine.POOL` by default.
        """
        ...

    def client(self, url: str) -> httpx.AsyncClient:
        """Return a client for another service; the caller closes it."""
        ...

    def application(self, url: str) -> Remote:
        """Return the application of another service; the caller closes it."""
        ...


class Platform:
    """The platform of a process."""

    def __init__(
        self, settings: KitSettings, *, bus: Bus, objects: ObjectStore, clock: Clock | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.bus = bus
        self.objects = objects
        self._applications: dict[str, ASGIApp] = {}

    async def open(self, stack: AsyncExitStack) -> None:
        """Connect to the bus and the store, and make what they lack."""
        stack.push_async_callback(self.objects.close)
        await self.objects.ensure()
        stack.push_async_callback(self.bus.close)
        await self.bus.start()
        await self.bus.ensure(TOPICS)

    def offer(self, name: str, application: ASGIApp) -> None:
        """Make an application of this process reachable as `inprocess://<name>`."""
        self._applications[name] = application

    def database(self, url: str, *, pool: int | None = None) -> "Database":
        """Return the database at an address."""
        from kit.database.engine import POOL, Database

        return Database(url, clock=self.clock, pool=pool or POOL)

    def client(self, url: str) -> httpx.AsyncClient:
        """Return a client for `http(s)://…`, or `inprocess://<name>` once that is offered."""
        return build_client(url, application=self._find)

    def application(self, url: str) -> Remote:
        """Return the application at `http(s)://…`, or at `inprocess://<name>` once offered."""
        return remote_application(url, application=self._find)

    def _find(self, name: str) -> ASGIApp:
        try:
            return self._applications[name]
        except KeyError:
            raise RuntimeError(f"no service named {name!r} runs in this process") from None


def open_platform(settings: KitSettings) -> Platform:
    """Return the platform that the addresses in the settings describe, not yet connected.

    Raises
    ------
    StartRefused
        An address is none.
    """
    try:
        return Platform(settings, bus=open_bus(settings), objects=open_objects(settings))
    except ValueError as error:
        raise StartRefused(str(error)) from error
