"""A crate of 100,000 sounds, used by the command line: searched, taught, deduplicated and mapped.

Real sounds are uploaded and go through the whole chain; the rest is made from them
(`benchmarks.crate_sounds`) and written into the database while the server is stopped. Then each
command runs as a user would type it; its time includes the start of the command itself, which
`cratedig --version` shows alone. `--cluster` runs the same on Kafka, an S3 store and Postgres, with
every service as its own process. The exit status is 1 if an answer is wrong. `--write` puts the
times into docs/performance.md.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlmodel import col

from benchmarks.crate_sounds import multiply, write_real
from benchmarks.environments import ROOT, SMALLEST, write_figures
from kit.clock import SystemClock
from kit.database.actors import SERVICE
from kit.database.engine import Database
from services.library.similarity.tables import SoundRow
from tests.cluster.conftest import server_settings
from tests.support.running_server import RunningServer, cluster_server, embedded_server, running
from tests.system.shell import Shell, shell_of

SOUNDS = 1_000 if SMALLEST else 100_000
EACH = 1 if SMALLEST else 12
"""Real sounds of each class of each source."""
WORKERS = ("ingest", "tagging")
POLL = 5.0
"""Seconds between two looks at what runs in the background: each starts the command line."""


@dataclass(slots=True)
class Steps:
    """Runs and times commands, and keeps what is wrong with their answers."""

    shell: Shell
    wrong: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    """The times as rows of a table in Markdown."""

    def __call__(self, *words: str) -> Any:
        """Run a command with `--json`, print its time, and return what it prints."""
        began = time.monotonic()
        answer = self.shell.json(*words)
        self._say(" ".join(("cratedig", *words)), time.monotonic() - began)
        return answer

    def until(self, what: str, is_done: Callable[[], bool]) -> None:
        """Wait until something that runs in the background is done, and print how long it took."""
        began = time.monotonic()
        while not is_done():
            time.sleep(POLL)
        self._say(what, time.monotonic() - began)

    def check(self, is_right: bool, what: str) -> None:
        """Print what an answer shows, and keep it if it is wrong."""
        print(f"    {'' if is_right else 'WRONG: '}{what}", flush=True)
        if not is_right:
            self.wrong.append(what)

    def _say(self, what: str, seconds: float) -> None:
        shown = what if len(what) <= 70 else f"{what[:67]}…"
        self.rows.append(f"| {shown.replace(str(self.shell.folder), '')} | {seconds:.1f} |")
        print(f"  {shown:<70} {seconds:8.2f} s", flush=True)


def main() -> int:
    """Print the times; the exit status says whether every answer was right."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crate", description=__doc__)
    parser.add_argument("--sounds", type=int, default=SOUNDS)
    parser.add_argument("--cluster", action="store_true", help="on the servers of this checkout")
    parser.add_argument("--write", action="store_true", help="put the times into docs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, _server(Path(name), arguments.cluster) as started:
        server, library, vectors = started
        steps = use(server, library, vectors, arguments.sounds)
    if arguments.write and not steps.wrong:
        table = "\n".join(("| | s |", "|---|---:|", *steps.rows))
        mark = "crate-cluster" if arguments.cluster else "crate"
        write_figures(ROOT / "docs" / "performance.md", table, name=mark)
    return 1 if steps.wrong else 0


@contextmanager
def _server(folder: Path, on_cluster: bool) -> Iterator[tuple[RunningServer, str, Path]]:
    """Give a running server, the URL of its library's database, and its folder of vectors."""
    vectors = folder / "data" / "library-vectors"
    if not on_cluster:
        with running(embedded_server(folder)) as server:
            yield server, f"sqlite+aiosqlite:///{folder}/data/library.db", vectors
        return
    with (
        server_settings() as settings,
        running(cluster_server(folder, settings, words=WORKERS)) as server,
    ):
        yield server, settings["LIBRARY_DATABASE_URL"], vectors


def use(
    server: RunningServer, library: str, vectors: Path, sounds: int, *, each: int = EACH
) -> Steps:
    """Fill a crate and use it by the command line; return times, and what was wrong.

    Parameters
    ----------
    library
        URL of the library's database.
    vectors
        Where the vectors' files lie, on SQLite.
    each
        Real sounds of each class of each source.
    """
    shell = shell_of(server, server.folder)
    step = Steps(shell)
    print(
        f"\n{'SQLite' if library.startswith('sqlite') else 'Postgres'}, {sounds:,} sounds, "
        f"{os.cpu_count()} CPUs, load average {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    folder = server.folder / "sounds"
    folder.mkdir()
    real = len(write_real(folder, each))
    step("upload", "--kind", "sample", str(folder))
    step.until(f"{real} real sounds described", lambda: _described(library) >= real)
    owner = step.shell.user.account.get().id
    step.until("real sounds compared for duplicates", lambda: _compared(library))
    natural = _count_duplicates(step)
    server.stop()
    began = time.monotonic()
    planted = asyncio.run(_multiply(library, vectors, owner, sounds))
    print(f"  {sounds - real:,} generated in {time.monotonic() - began:.0f} s", flush=True)
    server.start()
    step("ls", "--limit", "1")
    _search(step, sounds)
    _teach(step)
    _map(step, sounds)
    _duplicates(step, library, planted + natural)
    print(f"  load average at the end {os.getloadavg()[0]:.1f}", flush=True)
    return step


def _search(step: Steps, sounds: int) -> None:
    total = step("search", "", "--limit", "1")["total"]
    step.check(total == sounds, f"{total:,} sounds")
    kicks = step("search", "dusty kick -short len:<2", "--limit", "20")
    step.check(
        bool(kicks["items"]) and all("dusty" in _name(row) for row in kicks["items"]),
        f"{kicks['total']:,} dusty kicks",
    )
    last = step("search", "sort:name", "--offset", str(sounds * 6 // 10), "--limit", "5")
    names = [_name(row) for row in last["items"]]
    step.check(len(names) == 5 and names == sorted(names), "rows far down are in order")
    near = step("similar", kicks["items"][0]["item"]["id"], "class:kick", "--limit", "20")
    step.check(len(near["items"]) == 20, "20 similar kicks")
    step("similar", str(next((step.shell.folder / "sounds").glob("*.wav"))), "--limit", "20")


def _teach(step: Steps) -> None:
    """Teach a tag by its class, of which the crate holds many, and accept what it proposes."""
    answers, totals = [], []
    for option, query in ("--yes", "class:clap"), ("--no", "kind:sample -class:clap"):
        page = step("search", query, "--limit", "10")
        totals.append(page["total"])
        for row in page["items"]:
            answers += [option, row["item"]["id"]]
    step("tag", "teach", "clappy", *answers)
    proposals = step("tag", "proposals", "clappy", "--limit", "50")
    classes = [row["hit"]["sound_class"] for row in proposals]
    claps = classes.count("clap")
    share = totals[0] / sum(totals)
    step.check(
        claps >= 3 * share * len(classes) > 0,
        f"{claps} of {len(classes)} proposals are claps, as {share:.1%} of all sounds are",
    )
    step("tag", "accept", "clappy", *(row["hit"]["item"]["id"] for row in proposals[:5]))
    tagged = step("search", "tag:clappy", "--limit", "1")["total"]
    step.check(tagged >= 5, f"{tagged} sounds have the tag")


def _map(step: Steps, sounds: int) -> None:
    step("map", "create", "All")

    def state() -> Any:
        return next(each for each in step.shell.json("map", "list") if each["name"] == "All")

    step.until("the map", lambda: state()["state"] in ("ready", "failed"))
    step.check(state()["points"] == sounds, f"{state()['points']:,} points, {state()['state']}")


def _duplicates(step: Steps, library: str, expected: int) -> None:
    step.until("all sounds compared for duplicates", lambda: _compared(library))
    recognised = _count_duplicates(step)
    step.check(
        abs(recognised - expected) <= max(1, 0.05 * expected),
        f"{recognised:,} of {expected:,} duplicates recognised",
    )


def _count_duplicates(step: Steps) -> int:
    """Return how many sounds are duplicates of an older one."""
    return sum(len(group["items"]) - 1 for group in step("duplicates", "--limit", "100000"))


def _name(row: dict[str, Any]) -> str:
    return str(row["item"]["name"]).lower()


def _described(library: str) -> int:
    return asyncio.run(_count(library, compared_only=False))


def _compared(library: str) -> bool:
    return asyncio.run(_count(library, compared_only=True)) == _described(library)


async def _count(library: str, *, compared_only: bool) -> int:
    database = Database(library, clock=SystemClock(), statement_timeout=120.0, actor=SERVICE)
    try:
        async with database.session() as session:
            query = select(func.count()).select_from(SoundRow)
            if compared_only:
                query = query.where(col(SoundRow.compared))
            return (await session.execute(query)).scalar_one()
    finally:
        await database.close()


async def _multiply(library: str, vectors: Path, owner: str, sounds: int) -> int:
    database = Database(library, clock=SystemClock(), statement_timeout=120.0, actor=SERVICE)
    try:
        return await multiply(database, vectors, owner, sounds)
    finally:
        await database.close()


if __name__ == "__main__":
    sys.exit(main())
