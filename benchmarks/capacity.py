"""What a server needs: processor time by service, storage by length of music, connections.

`python -m benchmarks.capacity` sends a song of four minutes through the pipeline `full` and an
export on an embedded server with the light separator, and prints the tables of docs/operating.md;
`--write` puts them there. The processor time of a job hardly depends on what else the machine does,
elapsed time does, so the tables hold the first only. What gateway, library and waiting workers use
is in the table of `benchmarks.full`. Nothing is said of GPUs: none is measured.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import ROOT, SMALLEST, write_figures
from benchmarks.full import song
from benchmarks.memory import Peaks
from contracts.jobs import TaskName
from kit.database.engine import POOL
from services.library.settings import LibrarySettings
from tests.support.running_server import embedded_server, running

PAGE = ROOT / "docs" / "operating.md"
MIB = 1 << 20
ENGINES = 2
"""Pools of a database: one for reading, one for writing."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one song cost."""

    seconds: float
    """Length of the song."""
    jobs: dict[str, int]
    """Number of jobs by task."""
    processor: dict[str, float]
    """Processor seconds by task, starts of child processes included."""
    original: int
    """Bytes of the upload, in FLAC."""
    results: int
    """Bytes of everything that jobs stored."""
    database: int
    """Bytes by which the library's database grew."""
    song: str


def measure(seconds: float) -> Measured:
    """Send a song through every service of a fresh server."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, description = song(folder, seconds)
        place = folder / "server"
        place.mkdir()
        with running(embedded_server(place, extra={"KIT_LOG_LEVEL": "WARNING"})) as server:
            user = server.user()
            empty = _database(place)
            peaks = Peaks(server)
            sent = user.uploads.file(path, kind="track")
            assert sent.item is not None
            assert sent.job is not None
            user.jobs.wait(sent.job)
            run = user.runs.wait(user.runs.create(sent.item, "full").id)
            assert run.state == "succeeded", run
            export = user.jobs.create(sent.item, "export")
            assert user.jobs.wait(export.id).state == "succeeded"
            jobs = Counter(str(job.task) for job in user.jobs.list())
            usage = user.usage.get()
            peaks.stop()
            spent = peaks.seconds_by_name()
            grown = _database(place) - empty
    children = {task.value: spent.get(f"child {task.value}", 0.0) for task in TaskName}
    return Measured(
        seconds,
        dict(jobs),
        children,
        usage.originals,
        usage.results,
        grown,
        description,
    )


def _database(place: Path) -> int:
    return sum(path.stat().st_size for path in place.rglob("library.db*"))


def tables(measured: Measured) -> Iterator[str]:
    """Yield the lines of the tables."""
    minutes = measured.seconds / 60
    yield (
        "| service | jobs of a song | processor s of a song | jobs an hour and core "
        "| hours of music an hour and core |"
    )
    yield "|---|---|---|---|---|"
    whole = 0.0
    for task in TaskName:
        number, spent = measured.jobs.get(task.value, 0), measured.processor[task.value]
        whole += spent
        if number and spent:
            yield (
                f"| {task.value} | {number} | {spent:.1f} | {_rounded(3600 * number / spent)} "
                f"| {_rounded(measured.seconds / spent)} |"
            )
    yield (
        f"| **all of it** | {sum(measured.jobs.values())} | {whole:.1f} | – "
        f"| {_rounded(measured.seconds / whole)} |"
    )
    yield ""
    yield "| stored | MiB of the song | GiB of an hour of music |"
    yield "|---|---|---|"
    for what, size in (
        ("original, as FLAC", measured.original),
        ("results", measured.results),
        ("library's database (SQLite)", measured.database),
    ):
        hour = size * 3600 / measured.seconds / (1 << 30)
        yield f"| {what} | {size / MIB:.1f} | {hour:.2f} |"
    yield ""
    yield "| replica of | connections to Postgres at most |"
    yield "|---|---|"
    pool = LibrarySettings.model_fields["database_pool"].default
    yield f"| gateway | {ENGINES * POOL} |"
    yield f"| library | {ENGINES * pool} (twice `LIBRARY_DATABASE_POOL`) |"
    yield "| a worker | 0 |"
    yield ""
    yield (
        f"One song of {minutes:.0f} minutes ({measured.song}) through the pipeline `full` and an "
        f"export, with `spleeter-2stems`, {os.cpu_count()} processors, {platform.machine()}, "
        f"Python {platform.python_version()}."
    )


def _rounded(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 20 else f"{figure:.1f}"


def main() -> None:
    """Run the benchmark, print the tables and, with `--write`, update the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=__doc__)
    parser.add_argument("--seconds", type=float, default=240.0, help="length of the song")
    parser.add_argument("--write", action="store_true", help="put the tables into docs")
    args = parser.parse_args(sys.argv[1:])
    if SMALLEST:
        args.seconds = 10.0
    lines = list(tables(measure(args.seconds)))
    print("\n".join(lines))
    if args.write:
        write_figures(PAGE, "\n".join(lines), name="capacity")


if __name__ == "__main__":
    main()
