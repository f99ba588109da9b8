"""An embedded server's data is moved to Postgres and an S3 store, and nothing is lost."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from cratedig import Client, Credentials
from tests.cluster.conftest import server_settings
from tests.support.running_server import (
    ROOT,
    RunningServer,
    cluster_server,
    embedded_server,
    eventually,
    running,
)
from tests.support.sounds import write_tone

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

SECRET = "the secret of the servers to which it moves"


@pytest.fixture
def servers() -> Iterator[dict[str, str]]:
    """Settings of the real servers, with databases of this test's own."""
    with server_settings() as settings:
        yield settings


def test_everything_is_there_after_a_move(servers: dict[str, str], tmp_path: Path) -> None:
    settings = {**servers, "KIT_INTERNAL_SECRET": SECRET}
    with running(embedded_server(tmp_path)) as old:
        user = old.user()
        key = user.keys.create("for scripts", ["catalogue:read"]).key
        first, second = (_tone(user, tmp_path, frequency) for frequency in (110.0, 440.0))
        user.tags.add(first, "dusty")
        child = user.collections.create("Child").id
        parent = user.collections.create("Parent").id
        user.collections.add(parent, [first, second])
        # The older one becomes a child of the newer one: the order of ids is not that of the tree.
        user.collections.update(child, parent=parent)
        before = _seen(user, first)
        session = user.credentials
    moved = _move(settings, tmp_path)
    assert (moved.returncode, moved.stderr) == (0, ""), moved.stderr
    again = _move(settings, tmp_path)
    assert (again.returncode, "has accounts" in again.stderr) == (1, True), again.stderr
    services = cluster_server(tmp_path, servers, words=("ingest", "tagging"), extra=settings)
    with running(services) as new:
        user = _client(new, replace(session, url=new.url))
        assert _seen(user, first) == before
        assert user.collections.get(child).parent == parent
        by_key = _client(new, Credentials(new.url, access_token=str(key)))
        assert {item.id for item in by_key.items.list()} == {first, second}
        # New rows get numbers after those that were copied, and new sounds join the old ones.
        third = _tone(user, tmp_path, 450.0)

        def similar() -> set[str]:
            return {hit.item.id for hit in user.search.find(f"like:{second}").items}

        eventually(lambda: similar() == {first, third}, what="the new sound being compared")


def _move(settings: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "embedded.move"],
        cwd=ROOT,
        env={**os.environ, **settings, "CRATEDIG_DATA": str(folder / "data")},
        capture_output=True,
        text=True,
        check=False,
    )


def _client(server: RunningServer, credentials: Credentials) -> Client:
    client = Client(credentials, save=lambda _: None)
    server.clients.append(client)
    return client


def _tone(user: Client, folder: Path, frequency: float) -> str:
    """Upload a tone, and wait until it is tagged."""
    path = write_tone(folder / f"tone {frequency:g}.wav", seconds=1.0, frequency=frequency)
    sent = user.uploads.file(path, kind="sample")
    user.jobs.wait(str(sent.job))
    for job in user.jobs.list(item=str(sent.item)):
        user.jobs.wait(job.id)
    return str(sent.item)


def _seen(user: Client, item: str) -> dict[str, object]:
    """Return what a user sees of everything that they have, and the bytes of an item's files."""
    return {
        "account": user.account.get(),
        "items": list(user.items.list()),
        "collections": list(user.collections.list()),
        "jobs": list(user.jobs.list()),
        "usage": user.usage.get(),
        "tagged": [hit.item.id for hit in user.search.find("tag:dusty").items],
        "by name": [hit.item.id for hit in user.search.find("tone sort:name").items],
        "near": [(hit.item.id, hit.distance) for hit in user.search.find(f"like:{item}").items],
        "files": {
            file.name: httpx.get(user.artifacts.url(file.id).url).content
            for file in user.artifacts.list(item)
        },
    }
