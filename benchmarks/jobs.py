"""No-op jobs through the embedded server: how many a second, and how soon each one starts.

Jobs are submitted over HTTP like any user's, claimed, run in children, stored and applied; only the
work itself is nothing.
"""

import argparse
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.environments import SMALLEST, few
from cratedig import Client
from tests.support.running_server import embedded_server, running
from tests.support.sounds import write_tone


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slots", type=int, default=4)
    arguments = parser.parse_args()
    if SMALLEST:
        arguments.jobs, arguments.rounds = 20, 1
    with tempfile.TemporaryDirectory() as folder:
        server = embedded_server(
            Path(folder), extra={"NOOP_SLOTS": str(arguments.slots), "KIT_LOG_LEVEL": "WARNING"}
        )
        server.parts["server"].command = [sys.executable, "-m", "benchmarks.noop_server"]
        with running(server):
            user = server.user()
            sent = user.uploads.file(write_tone(Path(folder) / "tone.wav"))
            user.jobs.wait(str(sent.job))
            item = str(sent.item)
            rounds = [_throughput(user, item, arguments.jobs) for _ in range(arguments.rounds)]
            print(
                f"no-op jobs: {statistics.median(rounds):.0f} a second end to end "
                f"(median of {len(rounds)} rounds of {arguments.jobs})"
            )
            _delay(user, item)


def _throughput(user: Client, item: str, count: int) -> float:
    """Submit many jobs at once, wait until all have ended, and return jobs per second."""

    def ask(number: int) -> str:
        params = {"minimum_note_ms": 10 + number / 10}
        return user.jobs.create(item, "midi", params=params, force=True).id

    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(ask, range(count)))
    accepted = time.monotonic() - began
    # The last submitted job ends about last. Polling the whole queue would add load that no user
    # causes.
    while not user.jobs.get(jobs[-1]).ended:
        time.sleep(0.05)
    while any(any(user.jobs.list(item=item, state=state)) for state in ("queued", "running")):
        time.sleep(0.05)
    took = time.monotonic() - began
    done = [user.jobs.get(job) for job in jobs[:: max(1, count // 50)]]
    assert all(job.state == "succeeded" for job in done)
    print(
        f"  {count} in {took:.1f} s, {count / took:.0f} a second end to end; accepted "
        f"{count / accepted:.0f} a second"
    )
    return count / took


def _delay(user: Client, item: str) -> None:
    """Print the delay between submission and claim of single jobs on an idle server."""
    delays = []
    for number in few(range(100), 10):
        params = {"minimum_note_ms": 200 + number / 10}
        created = user.jobs.create(item, "midi", params=params, force=True)
        while not (job := user.jobs.get(created.id)).ended:
            time.sleep(0.01)
        assert job.started is not None
        delays.append((job.started - job.created).total_seconds() * 1000)
    delays.sort()
    print(
        f"start delay in an idle server: median {statistics.median(delays):.0f} ms, "
        f"p95 {delays[int(0.94 * len(delays))]:.0f} ms, most {delays[-1]:.0f} ms "
        f"({len(delays)} jobs)"
    )


if __name__ == "__main__":
    main()
