"""One server of many processes on real Kafka, S3 and Postgres for all tests of this folder."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cratedig import Client
from deploy.servers.postgres import LIBRARY, LIBRARY_OWNER
from embedded.inventory import SERVICES
from kit.service import WorkerService
from tests.support.postgres import give_to_roles, temporary_database, url_as
from tests.support.running_server import RunningServer, cluster_server, eventually, running
from tests.support.servers import server_setting
from tests.support.trace_collector import TraceCollector, trace_collector

EVERY_WORKER = tuple(service.word for service in SERVICES if isinstance(service, WorkerService))


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, str]]:
    """Settings of the real servers, with databases of this run's own."""
    with server_settings() as settings:
        yield settings


@pytest.fixture(scope="session")
def traces() -> Iterator[TraceCollector]:
    """Keeps the spans of the server."""
    with trace_collector() as collector:
        yield collector


@pytest.fixture(scope="session")
def server(
    servers: dict[str, str], traces: TraceCollector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("cluster")
    started = cluster_server(folder, servers, words=EVERY_WORKER, extra=traces.settings)
    with running(started) as server:
        user = server.client()
        user.account.create("first@example.org", "a password for the cluster's tests")
        # A pipeline leaves out what no worker offers.
        eventually(
            lambda: server.ready() and _offered(user) >= set(EVERY_WORKER), what="every worker"
        )
        yield server


def _offered(user: Client) -> set[str]:
    return {task.name for task in user.tasks.list() if task.offered}


@contextmanager
def server_settings() -> Iterator[dict[str, str]]:
    """Give the settings by which a new server finds the servers, its databases being empty."""
    base = server_setting("KIT_DATABASE_URL")
    with _database(base) as gateway, _database(base) as library:
        asyncio.run(give_to_roles(base, library))
        yield {
            "KIT_BUS_URL": server_setting("KIT_BUS_URL"),
            "KIT_OBJECTS_URL": server_setting("KIT_OBJECTS_URL"),
            "GATEWAY_DATABASE_URL": gateway,
            "LIBRARY_DATABASE_URL": url_as(library, LIBRARY),
            "LIBRARY_MIGRATION_URL": url_as(library, LIBRARY_OWNER),
        }


@contextmanager
def _database(base: str) -> Iterator[str]:
    """Keep a temporary database while the block lasts."""
    database = temporary_database(base)
    with asyncio.Runner() as runner:
        url = runner.run(database.__aenter__())
        try:
            yield url
        finally:
            runner.run(database.__aexit__(None, None, None))
