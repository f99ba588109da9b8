"""Declare services: a name, settings, and the import paths of handler, engine or application.

Parts are named by strings (`package.module:attribute`) and imported when they are needed, so that
listing all services imports no engine.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, Field
from starlette.types import ASGIApp

from contracts.jobs import TaskName
from kit.settings import Network, Port, ServiceSettings

Background = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""A task that runs until the event is set."""


def resolve(name: str) -> Any:
    """Import `package.module:attribute` and return the attribute."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


class WorkerSettings(ServiceSettings):
    """Settings common to all workers; a subclass sets `env_prefix`."""

    slots: Annotated[int, Field(ge=1, le=256)] = 1
    """Number of jobs that run at the same time, each in its own child process."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda)$")] = "auto"
    """`cpu`, `cuda` or `auto`."""
    engine: str = "auto"
    """Engine of the networks, for services whose README names several."""
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """Threads of an engine; 0 divides the processors between the slots."""
    memory_mib: Annotated[int, Field(ge=0, le=1 << 24)] = 0
    """Maximum address space of a child process in MiB; 0 is no limit."""

    @property
    def long_slots(self) -> int:
        """Maximum number of slots that run long jobs at the same time."""
        return self.slots


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerService:
    """A service whose workers run the jobs of one task."""

    word: TaskName
    version: str
    """Changes whenever results change."""
    params: type[BaseModel]
    result: type[BaseModel]
    settings: type[WorkerSettings]
    handler: str
    """`services.<word>.handler:handle`."""
    engine: str
    """`services.<word>.engine:load_engine`."""
    weights: Path | None = None
    """Path of its `weights.toml`, if it has one."""
    gpu: tuple[str, ...] = ("onnxruntime-gpu",)
    """Packages of which any one lets its engine use a GPU."""


class HttpApp(Protocol):
    """A built HTTP service."""

    public: ASGIApp
    """The application for callers with a token."""
    internal: ASGIApp | None
    """The application for other services, on a separate port."""
    background: tuple[Background, ...]
    """Tasks that run as long as the service."""

    async def ready(self) -> dict[str, bool]:
        """Return the dependencies by name, and whether each is available."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class HttpSettings(ServiceSettings):
    """Settings common to all HTTP services; a subclass sets `env_prefix`."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Address on which both ports listen."""
    port: Port | None = None
    """Port of the public application; none if it is only used in-process."""
    internal_port: Port | None = None
    """Port of the internal application; none if it is only used in-process."""
    connections: Annotated[int, Field(ge=1, le=1_000_000)] = 4_000
    """Maximum open connections of each port; fewer if the process may not open enough files: two
    for each connection, besides those reserved for databases and files."""
    connections_by_address: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Maximum connections of one address, capped at half of all; none is no limit."""
    trusted_proxies: tuple[Network, ...] = ()
    """Networks of proxies whose `X-Forwarded-For` is trusted, such as `["10.0.0.0/8"]`. Their
    connections serve many callers, so they are exempt from the limit by address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpService:
    """A service that answers HTTP requests."""

    word: str
    settings: type[HttpSettings]
    build: str
    """`package.app:build`: an async function of (platform, settings) that returns a `HttpApp`."""


Service = WorkerService | HttpService
