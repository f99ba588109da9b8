"""Everything is killed and deleted, then restored: nothing that was acknowledged is missing."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from contracts.objects import Bucket
from cratedig import Client
from kit.objects.factory import open_objects
from kit.settings import KitSettings
from tests.cluster.conftest import server_settings
from tests.support.running_server import ROOT, RunningServer, cluster_server, eventually, running
from tests.support.sounds import write_tone

pytestmark = pytest.mark.cluster
ADDRESS, PASSWORD = "restored@example.org", "a password that survives"


def backup(servers: Mapping[str, str], *arguments: str) -> None:
    """Run the command with the settings of a server."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.backup", *arguments],
        cwd=ROOT,
        env={**os.environ, **servers},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def uploads(user: Client, folder: Path) -> Iterator[list[str]]:
    """Upload one file after the other while the block lasts; give the items acknowledged so far."""
    items: list[str] = []
    stop = threading.Event()

    def upload() -> None:
        while not stop.is_set():
            path = write_tone(folder / "tone.wav", seconds=0.2, frequency=200.0 + 7 * len(items))
            items.append(str(user.uploads.file(path).item))

    thread = threading.Thread(target=upload)
    thread.start()
    try:
        yield items
    finally:
        stop.set()
        thread.join()


def kill(server: RunningServer) -> None:
    for part in server.parts.values():
        part.kill()


async def delete_objects(servers: Mapping[str, str], owner: str) -> None:
    store = open_objects(KitSettings(objects_url=servers["KIT_OBJECTS_URL"]))
    removed = [await store.delete_prefix(bucket, f"{owner}/") for bucket in Bucket]
    await store.close()
    assert all(removed)


def test_nothing_is_missing_after_a_restore(tmp_path: Path) -> None:
    saved = str(tmp_path / "backup")
    with server_settings() as before, server_settings() as after:
        with running(cluster_server(tmp_path, before)) as server:
            user = server.client()
            user.account.create(ADDRESS, PASSWORD)
            owner = user.account.get().id
            first = user.uploads.file(write_tone(tmp_path / "first.wav", frequency=197.0))
            user.jobs.wait(str(first.job))
            run = user.runs.wait(user.runs.create(str(first.item), "midi").id)
            with uploads(user, tmp_path) as items:
                eventually(lambda: len(items) >= 2, what="two uploads")
                acknowledged = {str(first.item), *items}
                backup(before, "save", saved)
            kill(server)
        asyncio.run(delete_objects(before, owner))
        backup(after, "restore", saved)
        folder = tmp_path / "restored"
        folder.mkdir()
        with running(cluster_server(folder, after)) as server:
            user = server.client()
            user.sessions.create(ADDRESS, PASSWORD)
            assert user.account.get().id == owner
            listed = {item.id for item in user.items.list()}
            assert listed >= acknowledged
            assert user.runs.get(run.id).state == "succeeded"
            # What the queue held goes on, and every file of every item is there.
            for job in list(user.jobs.list()):
                if job.state in ("queued", "running"):
                    user.jobs.wait(job.id)
            for item in listed:
                for artifact in user.artifacts.list(item):
                    content = httpx.get(user.artifacts.url(artifact.id).url)
                    assert len(content.content) == artifact.size, artifact.name
            entries = {entry.id for entry in user.feed.list(after="start")}
            again = user.runs.wait(user.runs.create(str(first.item), "midi").id)
            assert again.state == "succeeded"
            assert {entry.id for entry in user.feed.list(after="start")} > entries
