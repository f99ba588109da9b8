"""T3 in small: processes and the broker are killed alone while jobs go on (R1, R9, R11, R14, R22).

Every service is its own process on real servers. The checker believes only what the client was
told: each job that was acknowledged must end, once, with one result that belongs to it.
"""

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator

import httpx
import pytest

from cratedig import Client, CratedigError, UnavailableError
from deploy.servers import fleet
from tests.cluster.conftest import server_settings
from tests.support.running_server import (
    FAST,
    ROOT,
    Part,
    RunningServer,
    cluster_server,
    eventually,
    running,
)
from tests.support.sounds import write_tone
from tests.support.timeouts import HANG_TIMEOUT

pytestmark = pytest.mark.cluster

SEED = 20
WORKERS = ("midi0", "midi1")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose MIDI is quick, with two libraries and two workers of each kind."""
    with server_settings() as servers:
        folder = tmp_path_factory.mktemp("server")
        server = cluster_server(folder, servers, workers=2, libraries=2)
        for name in WORKERS:
            server.parts[name].command = [sys.executable, "-m", "tests.support.quick_midi_worker"]
        with running(server):
            yield server


@pytest.fixture(scope="module")
def user(server: RunningServer) -> Client:
    return server.user()


@pytest.fixture(scope="module")
def item(user: Client, tmp_path_factory: pytest.TempPathFactory) -> str:
    sent = user.uploads.file(write_tone(tmp_path_factory.mktemp("sound") / "tone.wav"))
    user.jobs.wait(str(sent.job))
    return str(sent.item)


class JobSubmitter:
    """A client that asks for jobs, whatever happens, and writes down which were acknowledged."""

    def __init__(self, user: Client, item: str, chance: random.Random) -> None:
        self.user = user
        self.item = item
        self.acknowledged: list[str] = []
        self._chance = chance

    def submit(self, count: int) -> None:
        """Ask for so many jobs; what is not acknowledged is not counted, and asked for again."""
        accepted = 0
        last = time.monotonic()
        while accepted < count:
            assert time.monotonic() < last + HANG_TIMEOUT, "the server takes no jobs"
            params = {"onset_threshold": round(self._chance.uniform(0.1, 0.95), 6)}
            try:
                job = self.user.jobs.create(self.item, "midi", params=params, force=True)
            except (CratedigError, httpx.TransportError):
                continue
            self.acknowledged.append(job.id)
            accepted, last = accepted + 1, time.monotonic()

    def check(self) -> None:
        """Wait for every end, and compare what was told with what is there."""
        waiting = set(self.acknowledged)

        def over() -> bool:
            try:
                waiting.difference_update(j for j in list(waiting) if self.user.jobs.get(j).ended)
            except (UnavailableError, httpx.TransportError):
                return False
            return not waiting

        eventually(over, what="the end of every job")
        assert len(set(self.acknowledged)) == len(self.acknowledged)
        jobs = [self.user.jobs.get(job) for job in self.acknowledged]
        assert Counter(job.state for job in jobs) == {"succeeded": len(jobs)}
        assert all(job.result == {"job": job.id} for job in jobs)
        files = Counter(a.job for a in self.user.artifacts.list(self.item) if a.kind == "midi")
        assert [files[job.id] for job in jobs] == [1] * len(jobs)


@pytest.fixture
def submitter(user: Client, item: str) -> JobSubmitter:
    print(f"seed {SEED}")
    return JobSubmitter(user, item, random.Random(SEED))


def nemesis(submitter: JobSubmitter, fault: Callable[[], None], *, faults: int, jobs: int) -> None:
    """Strike at random moments between jobs that are asked for."""
    chance = random.Random(SEED)
    for _ in range(faults):
        submitter.submit(jobs // faults)
        time.sleep(chance.uniform(0.0, 0.5))
        fault()
    submitter.check()


@pytest.mark.parametrize("name", ["gateway", "library0", "library1", *WORKERS])
def test_a_process_killed_alone_costs_no_job(
    server: RunningServer, submitter: JobSubmitter, name: str
) -> None:
    def fault() -> None:
        server.parts[name].kill()
        server.parts[name].start()
        server.until_ready()

    nemesis(submitter, fault, faults=2, jobs=20)


def test_a_broker_that_is_killed_costs_no_job(
    server: RunningServer, submitter: JobSubmitter
) -> None:
    assert fleet.environment()["KIT_BUS_URL"] == server.parts["library0"].environment["KIT_BUS_URL"]

    def fault() -> None:
        servers("kill", "kafka")
        submitter.submit(5)  # Submitting works while the broker is unavailable, too.
        servers("start", "kafka")

    nemesis(submitter, fault, faults=2, jobs=40)
    server.until_ready()


def test_engines_killed_at_work_cost_no_worker(
    server: RunningServer, submitter: JobSubmitter
) -> None:
    before = {name: server.parts[name].process for name in WORKERS}

    def fault() -> None:
        for name in WORKERS:
            for engine in server.parts[name].engines():
                subprocess.run(("kill", "-9", str(engine)), check=False)

    nemesis(submitter, fault, faults=2, jobs=20)
    assert {name: server.parts[name].process for name in WORKERS} == before
    assert all(p is not None and p.poll() is None for p in before.values())


def test_a_worker_stops_in_good_order(server: RunningServer, submitter: JobSubmitter) -> None:
    submitter.submit(20)
    part = server.parts["midi0"]
    eventually(lambda: bool(part.engines()), what="an engine")
    began = time.monotonic()
    assert part.stop() == 0
    stopping = time.monotonic() - began
    submitter.check()
    # How fast this machine is now is told by the time that the same process takes to start.
    assert stopping < float(FAST["KIT_GRACE"]) + starting(part)


def starting(part: Part) -> float:
    """Start a part, and return the seconds until it was ready."""
    began = time.monotonic()
    part.start()
    eventually(part.ready, what=f"{part.name} being ready")
    return time.monotonic() - began


def servers(*arguments: str) -> None:
    """Do something to the servers of this checkout."""
    command = (sys.executable, "-m", "deploy.servers", *arguments)
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
