"""The pipeline `full` over a song of four minutes through the embedded server, light separator.

`python -m benchmarks.full` prints how long it takes against the song's length, where the time
goes, and each process's peak; `--write` also puts it into docs/performance.md. The song is a
recording with vocals of the test data, repeated until it is long enough; where there are no test
data, the demo's synthetic song, each time at another level.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.environments import ROOT, SMALLEST, test_data, write_figures
from benchmarks.memory import Peaks
from cratedig import Client
from cratedig.types import Run
from tests.support.running_server import embedded_server, running

PAGE = ROOT / "docs" / "performance.md"
RECORDING = Path("vocals_lyrics/ultrastar/shared/northern_star/audio.ogg")
DEMO = ROOT / "examples" / "song" / "song.flac"
GOAL = 0.5


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a run, in seconds since the run was submitted."""

    name: str
    task: str
    jobs: int
    states: str
    begin: float
    end: float
    busy: float
    """Sum of the durations of its jobs, each from its claim to its end."""


def song(folder: Path, seconds: float) -> tuple[Path, str]:
    """Write a song of a length and return its path and a description."""
    data = test_data()
    source = data / RECORDING if data is not None else DEMO
    if not source.is_file():
        source = DEMO
    description = "a recording with vocals of the test data"
    if source == DEMO:
        description = "the demo's synthetic song, each time at another level,"
    audio, rate = soundfile.read(source, dtype="float32", always_2d=True)
    chance = np.random.default_rng(4)
    path, left = folder / "song.flac", round(seconds * rate)
    with soundfile.SoundFile(path, "w", rate, audio.shape[1], "PCM_16") as file:
        while left > 0:
            gain = chance.uniform(0.7, 1.0) if source == DEMO else 1.0
            part = audio[:left] * np.float32(gain)
            file.write(np.clip(part, -1, 1))
            left -= len(part)
    return path, f"{description} ({len(audio) / rate:.0f} s) repeated to {seconds:.0f} s"


def steps_of(user: Client, run: Run) -> Iterator[Step]:
    """Yield the steps of a run in the order in which they began."""
    job_by_id = {job.id: job for job in user.jobs.list(run=run.id)}

    def since(moment: datetime | None) -> float:
        return ((moment or run.created) - run.created).total_seconds()

    for step in run.steps:
        jobs = [job_by_id[id_] for id_ in step.jobs if id_ in job_by_id and job_by_id[id_].started]
        if not jobs:
            yield Step(step.name, step.task, 0, step.skip_reason or "no job", 0.0, 0.0, 0.0)
            continue
        begin = min(since(job.started) for job in jobs)
        end = max(since(job.finished) for job in jobs)
        busy = sum(since(job.finished) - since(job.started) for job in jobs)
        states = ", ".join(sorted({job.state for job in jobs}))
        yield Step(step.name, step.task, len(jobs), states, begin, end, busy)


def measure(seconds: float, rounds: int) -> Iterator[str]:
    """Run the pipeline in a fresh server, and yield the lines of its tables; the quickest round."""
    best: tuple[float, list[str]] | None = None
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            total, lines = _once(Path(name), seconds)
        if best is None or total < best[0]:
            best = total, lines
    assert best is not None
    yield from best[1]


def _once(folder: Path, seconds: float) -> tuple[float, list[str]]:
    path, description = song(folder, seconds)
    place = folder / "server"
    place.mkdir()
    with running(embedded_server(place, extra={"KIT_LOG_LEVEL": "WARNING"})) as server:
        peaks = Peaks(server)
        user = server.user()
        began = time.monotonic()
        sent = user.uploads.file(path, kind="track")
        assert sent.item is not None
        assert sent.job is not None
        user.jobs.wait(sent.job)
        ready = time.monotonic() - began
        before = peaks.seconds_by_name()
        run = user.runs.wait(user.runs.create(sent.item, "full").id)
        assert run.finished is not None
        total = (run.finished - run.created).total_seconds()
        steps = sorted(steps_of(user, run), key=lambda step: (not step.jobs, step.begin, step.end))
        files = len(list(user.artifacts.list(sent.item)))
        children = len(list(user.items.list(parent=sent.item)))
        peaks.stop()
    spent = {name: s - before.get(name, 0.0) for name, s in peaks.seconds_by_name().items()}
    memory = peaks.by_name()
    lines = [
        f"`full` over {seconds:.0f} s of music took **{total:.1f} s, {total / seconds:.2f} of its "
        f"length** (goal: below {GOAL}); uploading and taking it in took {ready:.1f} s before. "
        f"The run {run.state}, with {children} items and {files} files of the song itself.",
        "",
        "| step | jobs | outcome | begins, s | ends, s | jobs' seconds | ÷ length |",
        "|---|---|---|---|---|---|---|",
    ]
    for step in steps:
        if not step.jobs:
            lines.append(f"| {step.name} | 0 | {step.states} | – | – | – | – |")
            continue
        figures = [f"{step.begin:.1f}", f"{step.end:.1f}", f"{step.busy:.1f}"]
        figures.append(f"{step.busy / seconds:.3f}")
        lines.append(f"| {step.name} | {step.jobs} | {step.states} | " + " | ".join(figures) + " |")
    whole = sum(spent.values())
    lines += [
        "",
        "| process | processor s during the run | share | peak MiB |",
        "|---|---|---|---|",
    ]
    for name, used in sorted(spent.items(), key=lambda entry: -entry[1]):
        if used >= 0.05 or memory[name] > 100 << 10:
            share = f"{100 * used / whole:.0f} %"
            lines.append(f"| {name} | {used:.1f} | {share} | {memory[name] / 1024:.0f} |")
    lines += [
        "",
        f"All processors together were busy for {whole / (total * (os.cpu_count() or 1)):.0%} of "
        f"the run. {os.cpu_count()} processors, {platform.machine()}, Python "
        f"{platform.python_version()}; load average of the machine at the end "
        f"{os.getloadavg()[0]:.1f}. The song: {description}.",
    ]
    return total, lines


def main() -> None:
    """Run the benchmark, print the figures and, with `--write`, update the README."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.full", description=__doc__)
    parser.add_argument("--seconds", type=float, default=240.0, help="length of the song")
    parser.add_argument(
        "--rounds", type=int, default=1, help="servers to start; the quickest counts"
    )
    parser.add_argument("--write", action="store_true", help="put the tables into docs")
    args = parser.parse_args(sys.argv[1:])
    if SMALLEST:
        args.seconds = 10.0
    lines = []
    for line in measure(args.seconds, args.rounds):
        print(line, flush=True)
        lines.append(line)
    if args.write:
        write_figures(PAGE, "\n".join(lines), name="full")


if __name__ == "__main__":
    main()
