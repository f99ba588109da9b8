"""What a service is: a word, settings, and where its parts are found.

Parts are named by strings (`package.module:attribute`) and imported when they are needed, so
that listing the services of the server imports no engine.
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
    """What every worker service can be told; a subclass sets `env_prefix`."""

    slots: Annotated[int, Field(ge=1, le=256)] = 1
    """Jobs at a time, each in its own child process."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda)$")] = "auto"
    """`cpu`, `cuda` or `auto`."""
    engine: str = "auto"
    """Which engine runs its networks, where its README names several."""
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """Threads of an engine; 0 is one for each processor, shared between the slots."""
    memory_mib: Annotated[int, Field(ge=0, le=1 << 24)] = 0
    """Address space of a child in MiB; 0 is no limit."""

    @property
    def long_slots(self) -> int:
        """Slots that may run jobs at once that are expected to take long."""
        return self.slots


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerService:
    """A service that turns (parameters, audio) into (result, files)."""

    word: TaskName
    version: str
    """Changes when results would."""
    params: type[BaseModel]
    result: type[BaseModel]
    settings: type[WorkerSettings]
    handler: str
    """`services.<word>.handler:handle`."""
    engine: str
    """`services.<word>.engine:load_engine`."""
    weights: Path | None = None
    """Its `weights.toml`."""
    gpu: tuple[str, ...] = ("onnxruntime-gpu",)
    """Packages of which any one lets its engine use a GPU."""


class HttpApp(Protocol):
    """A running HTTP service, as its builder returns it."""

    public: ASGIApp
    """What callers with a token may reach."""
    internal: ASGIApp | None
    """What only services may reach, on a port of its own."""
    background: tuple[Background, ...]

    async def ready(self) -> dict[str, bool]:
        """Return what must be reachable, and whether it is."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...


class HttpSettings(ServiceSettings):
    """What every HTTP service can be told; a subclass sets `env_prefix`."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Port | None = None
    """Where its public application listens; none when it is only reached in-process."""
    internal_port: Port | None = None
    """Where its internal application listens, likewise."""
    connections: Annotated[int, Field(ge=1, le=1_000_000)] = 4_000
    """Connections that each of its ports takes at once; fewer where the system gives the process
    fewer descriptors (two for each, and some are kept for databases and files)."""
    connections_by_address: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Of those, from one address, and never more than half; none is no bound of its own."""
    trusted_proxies: tuple[Network, ...] = ()
    """Networks of proxies whose `X-Forwarded-For` is believed, such as `["10.0.0.0/8"]`. One
    connection of theirs stands for many callers, so they are not bounded by address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpService:
    """A service that answers requests."""

    word: str
    settings: type[HttpSettings]
    build: str
    """`package.app:build`: an async function of (platform, settings) that returns a `HttpApp`."""


Service = WorkerService | HttpService
