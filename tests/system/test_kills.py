"""T4 in small: the embedded server is killed again and again while it works (R1, R12–R17, R22).

The checker believes only what the client was told: every acknowledged job must end, once, with one
result that belongs to it. `make test-kills` runs it with 40 kills over 200 jobs.
"""

import os
import random
import signal
import sqlite3
import sys
import time
from collections import Counter
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest

from cratedig import Client, CratedigError
from tests.support.running_server import RunningServer, embedded_server, eventually
from tests.support.sounds import write_tone

KILLS = int(os.environ.get("CRATEDIG_TEST_KILLS", "3"))
JOBS = int(os.environ.get("CRATEDIG_TEST_KILL_JOBS", "18"))
SEED = int(os.environ.get("CRATEDIG_TEST_SEED", "20"))

pytestmark = pytest.mark.timeout(60 + 25 * KILLS + JOBS)


@pytest.fixture
def server(tmp_path: Path) -> RunningServer:
    server = embedded_server(tmp_path)
    server.parts["server"].command = [sys.executable, "-m", "tests.support.quick_midi_server"]
    return server


def test_no_job_is_lost_doubled_or_stuck(server: RunningServer, tmp_path: Path) -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    server.start()
    try:
        user = server.user()
        sent = user.uploads.file(write_tone(tmp_path / "tone.wav"))
        user.jobs.wait(str(sent.job))
        item = str(sent.item)
        acknowledged: list[str] = []
        for kill in range(KILLS):
            many = JOBS * (kill + 1) // KILLS - JOBS * kill // KILLS
            acknowledged += submit(user, item, many)
            time.sleep(chance.uniform(0.0, 0.8))
            server.parts["server"].kill()
            server.start()
        wait_for_all(user, acknowledged)
        check(user, item, acknowledged)
        server.stop()
        with closing(sqlite3.connect(tmp_path / "data" / "library.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert database.execute(
                "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')"
            ).fetchone() == (0,)
    finally:
        server.parts["server"].kill()


@pytest.mark.slow
def test_engines_killed_at_work_cost_no_job_and_no_worker(
    server: RunningServer, tmp_path: Path
) -> None:
    server.start()
    try:
        user = server.user()
        sent = user.uploads.file(write_tone(tmp_path / "tone.wav"))
        user.jobs.wait(str(sent.job))
        part = server.parts["server"]
        assert part.process is not None
        first = part.process.pid
        jobs: list[str] = []
        for kill in range(6):
            # An engine that nobody needs is not started again, so there is work at every kill.
            new = submit(user, str(sent.item), JOBS * (kill + 1) // 6 - JOBS * kill // 6)
            jobs += new
            eventually(partial(has_started, user, new), within=20, what="a job at work")
            victim = max(part.engines("midi"), default=None)
            if victim is not None:
                with suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
        wait_for_all(user, jobs)
        check(user, str(sent.item), jobs)
        assert part.process.poll() is None
        assert part.process.pid == first
        server.stop()
        assert query_number(tmp_path, "SELECT sum(crashes) FROM jobs") >= 1, "no job was hit"
        assert query_number(tmp_path, "SELECT sum(lost) FROM jobs") == 0
    finally:
        server.parts["server"].kill()


@pytest.mark.slow
def test_a_job_that_was_at_work_when_the_process_was_killed_counts_as_lost(
    server: RunningServer, tmp_path: Path
) -> None:
    server.start()
    try:
        user = server.user()
        sent = user.uploads.file(write_tone(tmp_path / "tone.wav"))
        user.jobs.wait(str(sent.job))
        jobs: list[str] = []
        hits = 0
        while hits < 2:
            jobs += submit(user, str(sent.item), JOBS // 2)
            eventually(partial(is_running, user, jobs), within=20, what="a job at work")
            server.parts["server"].kill()
            running = query_number(tmp_path, "SELECT count(*) FROM jobs WHERE state = 'running'")
            lost = query_number(tmp_path, "SELECT sum(lost) FROM jobs")
            server.start()
            after = query_number(tmp_path, "SELECT sum(lost) FROM jobs")
            # What an attempt had stored in full by then counts as done, and as nothing lost: such
            # a kill came too late to be one that hits.
            assert lost <= after <= lost + running
            hits += after > lost
        wait_for_all(user, jobs)
        check(user, str(sent.item), jobs)
        server.stop()
    finally:
        server.parts["server"].kill()


@pytest.mark.slow
def test_a_server_stops_in_good_order_within_its_grace_period(
    server: RunningServer, tmp_path: Path
) -> None:
    server.start()
    try:
        user = server.user()
        sent = user.uploads.file(write_tone(tmp_path / "tone.wav"))
        user.jobs.wait(str(sent.job))
        jobs = submit(user, str(sent.item), JOBS)
        eventually(lambda: is_running(user, jobs), within=20, what="a job at work")
        assert server.parts["server"].stop(within=15.0) == 0
        running = "SELECT count(*) FROM jobs WHERE state = 'running'"
        assert query_number(tmp_path, running) == 0, "what ran was finished or given back"
        assert query_number(tmp_path, "SELECT count(*) FROM jobs WHERE state = 'queued'") > 0
        server.start()
        wait_for_all(user, jobs)
        check(user, str(sent.item), jobs)
        server.stop()
        assert query_number(tmp_path, "SELECT max(attempt) FROM jobs") == 1, (
            "no attempt was used up"
        )
        assert query_number(tmp_path, "SELECT sum(lost + crashes + retries) FROM jobs") == 0
    finally:
        server.parts["server"].kill()


def has_started(user: Client, jobs: list[str]) -> bool:
    """Return whether one of the jobs runs now, or all have ended already."""
    states = {user.jobs.get(job).state for job in jobs}
    return "running" in states or "queued" not in states


def is_running(user: Client, jobs: list[str]) -> bool:
    """Return whether one of the jobs runs now."""
    return any(user.jobs.get(job).state == "running" for job in jobs)


def query_number(folder: Path, query: str) -> int:
    """Ask the database of a server for a number."""
    with closing(sqlite3.connect(folder / "data" / "library.db")) as database:
        return int(database.execute(query).fetchone()[0])


def submit(user: Client, item: str, count: int) -> list[str]:
    """Ask for jobs and return those that were acknowledged."""
    jobs = []
    for number in range(count):
        threshold = round(0.1 + 0.85 * (number % 18) / 18, 3)
        params = {"onset_threshold": threshold}
        jobs.append(user.jobs.create(item, "midi", params=params, force=True).id)
    return jobs


def wait_for_all(user: Client, jobs: list[str]) -> None:
    """Wait until every job has ended."""
    waiting = set(jobs)

    def all_ended() -> bool:
        try:
            waiting.difference_update(job for job in list(waiting) if user.jobs.get(job).ended)
        except CratedigError as error:
            raise AssertionError(f"a job that was acknowledged cannot be seen: {error}") from error
        return not waiting

    eventually(all_ended, within=60.0 + len(jobs), what="the end of every job")


def check(user: Client, item: str, jobs: list[str]) -> None:
    """Compare what the client was told with what is there."""
    assert len(set(jobs)) == len(jobs)
    states = Counter(user.jobs.get(job).state for job in jobs)
    assert states == {"succeeded": len(jobs)}
    results = {job: user.jobs.get(job).result for job in jobs}
    assert all(result == {"job": job} for job, result in results.items())
    files = Counter(a.job for a in user.artifacts.list(item) if a.kind == "midi")
    assert files == Counter(jobs)
