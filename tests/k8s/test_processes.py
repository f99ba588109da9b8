"""Pods of gateway, library and two workers run as processes, with the manifests' environment."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from cratedig import Client, Credentials
from deploy.k8s.generate import jobs_query
from deploy.servers.postgres import USER
from kit.settings import cache_root
from tests.cluster.conftest import server_settings
from tests.k8s.cluster import NAMESPACE, Cluster, as_text, remove, rolled_out, settle
from tests.k8s.kubelet import Kubelet
from tests.k8s.test_overlays import OVERLAYS, volume
from tests.support.kustomize import render_text
from tests.support.postgres import url_as
from tests.support.running_server import ROOT
from tests.support.sounds import write_tone

pytestmark = pytest.mark.k8s

SONG = ROOT / "examples" / "song" / "song.flac"
RUNNING = ("gateway", "library", "ingest", "midi")
Scale = Callable[[str, int], None]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, str]]:
    with server_settings() as settings:
        yield settings


@pytest.fixture(scope="module")
def kubelet(
    cluster: Cluster, servers: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kubelet]:
    """Apply the overlay for servers outside, with the addresses of this machine's servers."""
    folder = tmp_path_factory.mktemp("pods")
    shared = {
        "KIT_BUS_URL": servers["KIT_BUS_URL"],
        "KIT_OBJECTS_URL": servers["KIT_OBJECTS_URL"],
        "KIT_INTERNAL_SECRET": secrets.token_urlsafe(32),
        # The weights that tests use everywhere.
        "KIT_PINNED_WEIGHTS": "true",
    }
    own = {
        "gateway": {"GATEWAY_DATABASE_URL": servers["GATEWAY_DATABASE_URL"]},
        "library": {
            name: servers[name] for name in ("LIBRARY_DATABASE_URL", "LIBRARY_MIGRATION_URL")
        },
    }
    try:
        cluster.kubectl("create", "namespace", NAMESPACE)
        cluster.kubectl("create", "-f", "-", stdin=as_text([volume("weights")]))
        cluster.apply(
            as_text(
                [
                    {
                        "apiVersion": "v1",
                        "kind": "Secret",
                        "metadata": {"name": f"cratedig-{word}", "namespace": NAMESPACE},
                        "stringData": shared | own.get(word, {}),
                    }
                    for word in RUNNING
                ]
            )
        )
        cluster.apply(render_text(OVERLAYS / "external"))
        cluster.kubectl("delete", "job", "--all", "-n", NAMESPACE)
        for name in cluster.deployments():
            number = int(name in RUNNING)
            cluster.kubectl("scale", f"deployment/{name}", f"--replicas={number}", "-n", NAMESPACE)
        volumes = {"weights": cache_root() / "weights"}
        with Kubelet(cluster, "real-1", folder, volumes=volumes) as kubelet:
            try:
                settle(cluster, lambda: ready(cluster, kubelet), what="pods that are ready")
                yield kubelet
            except BaseException as error:
                error.add_note(kubelet.logs())
                raise
    finally:
        remove(cluster)


def ready(cluster: Cluster, kubelet: Kubelet) -> bool:
    """Return whether every deployment is ready; fail if a process of a pod ended by itself."""
    if kubelet.fault is not None:
        raise kubelet.fault
    assert not any(kubelet.exits.values()), f"{kubelet.exits}\n{kubelet.logs()}"
    return rolled_out(cluster)


@pytest.fixture(scope="module")
def user(kubelet: Kubelet) -> Iterator[Client]:
    url = f"http://{kubelet.address('gateway')}:8080"
    with Client(Credentials(url), save=lambda _: None) as client:
        client.account.create("first@example.org", "a password for the cluster's tests")
        yield client


@pytest.fixture
def scale(cluster: Cluster, kubelet: Kubelet) -> Scale:
    def to(name: str, number: int) -> None:
        cluster.kubectl("scale", f"deployment/{name}", f"--replicas={number}", "-n", NAMESPACE)
        settle(
            cluster,
            lambda: (
                ready(cluster, kubelet)
                and len(cluster.pods(f"app.kubernetes.io/name={name}")) == number
            ),
            what=f"{number} pods of {name}",
        )

    return to


def test_a_song_goes_through_the_pods(user: Client) -> None:
    sent = user.uploads.file(SONG, kind="track")
    assert sent.job is not None
    assert user.jobs.wait(sent.job).state == "succeeded"


def test_a_worker_is_counted_to_zero_and_back(
    user: Client,
    servers: dict[str, str],
    scale: Scale,
    kubelet: Kubelet,
    tmp_path: Path,
) -> None:
    """What KEDA reads says how many pods there must be; a pod that goes loses nothing."""
    settled = kubelet.exits.copy()
    assert counted(servers, "ingest") == 0
    scale("ingest", 0)
    ended = {name: code for name, code in kubelet.exits.items() if name not in settled}
    assert list(ended.values()) == [0], "SIGTERM ends a worker in good order"
    sent = user.uploads.file(write_tone(tmp_path / "tone.wav"), kind="track")
    assert sent.job is not None
    assert counted(servers, "ingest") == 1
    scale("ingest", 1)
    assert user.jobs.wait(sent.job).state == "succeeded"
    assert counted(servers, "ingest") == 0


def counted(servers: dict[str, str], task: str) -> int:
    """Return what KEDA's query counts, as a user who may read these two columns only."""
    url = make_url(url_as(servers["LIBRARY_DATABASE_URL"], USER))

    async def count() -> int:
        connection = await asyncpg.connect(
            host=url.host,
            port=url.port,
            user=url.username,
            password=url.password,
            database=url.database,
        )
        try:
            async with connection.transaction():
                await connection.execute("CREATE ROLE counter")
                await connection.execute("GRANT SELECT (task, state) ON jobs TO counter")
                await connection.execute("SET LOCAL cratedig.actor = '*'")
                await connection.execute("SET LOCAL ROLE counter")
                number = int(await connection.fetchval(jobs_query(task)))
                await connection.execute("RESET ROLE")
                await connection.execute("REVOKE ALL (task, state) ON jobs FROM counter")
                await connection.execute("DROP ROLE counter")
            return number
        finally:
            await connection.close()

    return asyncio.run(count())
