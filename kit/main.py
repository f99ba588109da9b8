"""Start services: build the platform, run the services on it, and drain on a signal."""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import cast

import uvloop
from starlette.types import ASGIApp

from kit.http.connection_limits import ConnectionLimits
from kit.http.health import health_app
from kit.http.server import Server
from kit.observability import logging as logs
from kit.observability.metrics import LOOP_LAG
from kit.observability.tracing import record
from kit.platform import Platform, open_platform
from kit.process import StartRefused, prepare
from kit.service import (
    Background,
    HttpApp,
    HttpService,
    HttpSettings,
    Service,
    WorkerService,
    WorkerSettings,
    resolve,
)
from kit.settings import KitSettings, ServiceSettings, read
from kit.worker.library_client import HttpLibraryClient
from kit.worker.runtime import WorkerRuntime

log = logging.getLogger(__name__)

_COLLECT_AFTER = (10_000, 20, 50)
"""Thresholds of the three generations of Python's garbage collector."""
Chosen = Mapping[str, ServiceSettings]
"""Settings by service, set by the caller instead of read from the environment."""


def run(*services: Service) -> None:
    """Run services in this process until SIGTERM or Ctrl-C; exit with a line if it cannot start."""
    prepare()
    try:
        settings = read(KitSettings)
        logs.configure(settings.log_level, settings.log_format)
        uvloop.run(serve(services, settings))
    except StartRefused as error:
        sys.exit(f"cratedig: {error}")


async def serve(
    services: Sequence[Service],
    settings: KitSettings,
    *,
    chosen: Chosen | None = None,
    started: Callable[["ServiceHost"], Awaitable[None]] | None = None,
) -> None:
    """Run services on one platform until SIGTERM or Ctrl-C; a second signal stops them at once.

    Parameters
    ----------
    services
        The services; HTTP services are built in this order.
    settings
        Addresses of bus, store and library.
    chosen
        Settings by service, which are not read from the environment then.
    started
        Called once every server listens.

    Raises
    ------
    StartRefused
        The settings, a port that is in use or the files on disk prevent the start.
    """
    settings_by_word = dict(chosen or {})
    for service in services:
        if service.word not in settings_by_word:
            settings_by_word[service.word] = read(service.settings)
    if settings.traces_url:
        words = [service.word for service in services]
        name = f"cratedig-{words[0]}" if len(words) == 1 else "cratedig"
        record(settings.traces_url, service=name, share=settings.traces_share)
    server = ServiceHost(open_platform(settings), settings_by_word)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.run(services, started=started)


class ServiceHost:
    """Runs the services of one process and stops them in order."""

    def __init__(self, platform: Platform, chosen: Chosen) -> None:
        self.platform = platform
        self.workers: list[WorkerRuntime] = []
        self._chosen = chosen
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Drain: finish running jobs and claim no new ones; a second call releases them at once."""
        if self._stopping.is_set():
            log.warning("stopping at once: running jobs are released")
            for worker in self.workers:
                worker.force_stop()
        else:
            log.info("stopping: no new jobs are claimed; running ones may finish")
            self._stopping.set()

    async def run(
        self,
        services: Sequence[Service],
        *,
        started: Callable[["ServiceHost"], Awaitable[None]] | None = None,
    ) -> None:
        """Start all services and run until `stop`; then stop the workers before the servers."""
        async with AsyncExitStack() as stack:
            await self.platform.open(stack)
            # Set when the workers have ended: until then they need the servers of this process.
            workers_done = asyncio.Event()
            tasks: list[asyncio.Task[None]] = [asyncio.create_task(_measure_lag(workers_done))]
            work: list[asyncio.Task[None]] = []
            servers: list[Server] = []
            try:
                for service in services:
                    if isinstance(service, HttpService):
                        background = await self._add_http_service(service, stack, servers)
                        tasks += [asyncio.create_task(run(workers_done)) for run in background]
                for service in services:
                    if isinstance(service, WorkerService):
                        await self._add_worker(service, stack, servers)
                tasks += [asyncio.create_task(server.serve()) for server in servers]
                work += [asyncio.create_task(worker.run(self._stopping)) for worker in self.workers]
                watched = {asyncio.create_task(self._stopping.wait()), *tasks, *work}
                tune_gc()
                if started is not None:
                    listening = asyncio.create_task(_until_bind_server(servers))
                    await asyncio.wait({listening, *watched}, return_when=asyncio.FIRST_COMPLETED)
                    if listening.done():
                        await started(self)
                    else:
                        listening.cancel()
                done, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                # Also after a failed start: whatever runs must end before its dependencies close.
                self._stopping.set()
                await asyncio.gather(*work, return_exceptions=True)
                for server in servers:
                    server.should_exit = True
                workers_done.set()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
                for error in ended:
                    if isinstance(error, BaseException):
                        log.error("a background task failed", exc_info=error)

    async def _add_http_service(
        self, service: HttpService, stack: AsyncExitStack, servers: list[Server]
    ) -> tuple[Background, ...]:
        settings = cast(HttpSettings, self._chosen[service.word])
        app = cast(HttpApp, await resolve(service.build)(self.platform, settings))
        stack.push_async_callback(app.close)
        self.platform.offer(service.word, app.public)
        if settings.port is not None:
            servers.append(_bind_server(app.public, settings.port, settings, stack))
        if app.internal is not None:
            self.platform.offer(f"{service.word}-internal", app.internal)
            if settings.internal_port is not None:
                internal = _bind_server(app.internal, settings.internal_port, settings, stack)
                servers.append(internal)
        return app.background

    async def _add_worker(
        self, service: WorkerService, stack: AsyncExitStack, servers: list[Server]
    ) -> None:
        settings = cast(WorkerSettings, self._chosen[service.word])
        client = self.platform.client(self.platform.settings.library_internal_url)
        stack.push_async_callback(client.aclose)
        secret = self.platform.settings.internal_secret.get_secret_value()
        library = HttpLibraryClient(client, secret=secret)
        worker = WorkerRuntime(service, settings, platform=self.platform, library=library)
        self.workers.append(worker)
        port = self.platform.settings.health_port
        if port is not None:

            async def ready() -> dict[str, bool]:
                return {"engine": worker.ready, "bus": await self.platform.bus.ready()}

            app = health_app(ready, alive=lambda: worker.device_works)
            server = Server(app, self.platform.settings.health_host, port)
            server.bind()
            stack.callback(server.release)
            servers.append(server)


def _bind_server(
    application: ASGIApp, port: int, settings: HttpSettings, stack: AsyncExitStack
) -> Server:
    limits = ConnectionLimits(
        max_connections=settings.connections,
        by_address=settings.connections_by_address,
        unbounded=settings.trusted_proxies,
    )
    server = Server(application, settings.host, port, limits=limits)
    server.bind()
    stack.callback(server.release)
    return server


def tune_gc() -> None:
    """Exclude the objects of the start from garbage collection, because they live until the end.

    Without this, a full collection stops the process for 0.1 s or more, about once a second under
    load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


async def _until_bind_server(servers: Sequence[Server]) -> None:
    # uvicorn has a flag for it but no event.
    while not all(server.started for server in servers):  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def _measure_lag(stopping: asyncio.Event) -> None:
    """Measure the delay of the event loop twice a second; log if it was blocked for over 1 s."""
    loop = asyncio.get_running_loop()
    while not stopping.is_set():
        before = loop.time()
        await asyncio.sleep(0.5)
        lag = loop.time() - before - 0.5
        LOOP_LAG.set(lag)
        if lag > 1.0:
            log.warning("the event loop was blocked for %.1f s", lag)
