"""The midi service compared with upstream Basic Pitch: notes found, time, memory.

`python -m benchmarks.midi` prints the figures; `--write` also puts them into the service's README.
The reference lives in an environment of its own, `.venv-reference-midi`, made on first use.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.environments import (
    ROOT,
    SMALLEST,
    few,
    reference_python,
    shorter,
    test_data,
    write_figures,
)
from benchmarks.midi_cases import RATE, Case, cases
from benchmarks.midi_monophonic import line_figures
from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store

ROUNDS = 5
TIMED_SECONDS = 180
LONG_SECONDS = 3600


class Peer:
    """A process that answers one request at a time."""

    def __init__(self, command: Sequence[str | Path]) -> None:
        # Upstream's network is run without a GPU and with all processors, as is ours.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )

    def ask(self, **request: object) -> dict[str, Any]:
        """Send a request and wait for its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self._process.args!r} ended with status {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@contextmanager
def peer(*command: str | Path) -> Iterator[Peer]:
    """Start a process and end it afterwards."""
    process = Peer(command)
    try:
        yield process
    finally:
        process.close()


@dataclass(frozen=True, slots=True)
class Score:
    """F1 of one case, ours and upstream's."""

    case: Case
    ours: dict[str, float]
    theirs: dict[str, float]


def measure_notes(data: Path | None, folder: Path, ours: Peer, theirs: Peer) -> Iterator[Score]:
    """Transcribe every case with both and score both with mir_eval."""
    for case in few(cases(data)):
        path = folder / "case.flac"
        soundfile.write(path, case.audio, RATE, subtype="PCM_24")
        truth = [[note.start, note.end, note.pitch] for note in case.notes]
        estimate, reference = (
            [note for note in peer_.ask(do="transcribe", path=str(path))["notes"]
             if note[0] < case.until]
            for peer_ in (ours, theirs)
        )  # fmt: skip
        yield Score(
            case,
            theirs.ask(do="judge", truth=truth, estimate=estimate),
            theirs.ask(do="judge", truth=truth, estimate=reference),
        )


def song(data: Path | None, seconds: int, folder: Path) -> Path:
    """Write music of a length, made of the cases one after the other."""
    path = folder / f"song-{seconds}.flac"
    parts = [case.audio for case in cases(data, split="tune")]
    with soundfile.SoundFile(path, "w", RATE, 2, subtype="PCM_24") as file:
        left, index = seconds * RATE, 0
        while left > 0:
            part = parts[index % len(parts)][:left]
            file.write(np.stack([part, part], axis=1))
            left -= len(part)
            index += 1
    return path


def _mean(scores: Sequence[Score], which: str, field: str) -> float:
    return statistics.fmean(getattr(score, which)[field] for score in scores)


def notes_table(scores: Sequence[Score]) -> Iterator[str]:
    """Yield a Markdown table of F1 by split and group."""
    yield "| material | split | n | onset F1: ours | upstream | onset + end F1: ours | upstream |"
    yield "|---|---|---|---|---|---|---|"
    for split in ("held_out", "tune"):
        for group in ("synthetic", "piano", "recording"):
            some = [s for s in scores if s.case.split == split and s.case.group == group]
            if some:
                figures = [
                    f"{_mean(some, which, field):.3f}"
                    for field in ("onset", "end")
                    for which in ("ours", "theirs")
                ]
                label = split.replace("_", " ")
                yield f"| {group} | {label} | {len(some)} | " + " | ".join(figures) + " |"


def time_table(path: Path, ours: Peer, theirs: Peer) -> Iterator[str]:
    """Yield the time that both take for the same file, in alternating rounds."""
    seconds: dict[str, list[float]] = {"ours": [], "upstream": []}
    memory = {"ours": 0.0, "upstream": 0.0}
    engine = ""
    for turn in few(range(ROUNDS + 1), 2):
        for name, transcriber in (("ours", ours), ("upstream", theirs)):
            answer = transcriber.ask(do="transcribe", path=str(path))
            engine = answer.get("engine", engine)
            memory[name] = max(memory[name], answer["rss_mb"])
            # The first turn warms caches up and is not counted.
            if turn:
                seconds[name].append(answer["seconds"])
    median = {name: statistics.median(values) for name, values in seconds.items()}
    ratios = [a / b for a, b in zip(seconds["ours"], seconds["upstream"], strict=True)]
    yield f"| {TIMED_SECONDS} s of stereo music | median s | × real time | peak memory MB |"
    yield "|---|---|---|---|"
    for name, label in (("ours", f"ours, {engine}"), ("upstream", "upstream 0.4.0, onnxruntime")):
        speed = TIMED_SECONDS / median[name]
        yield f"| {label} | {median[name]:.2f} | {speed:.0f} | {memory[name]:.0f} |"
    yield ""
    yield (
        f"Time ÷ upstream: **{statistics.median(ratios):.2f}** (median of {ROUNDS} interleaved "
        f"rounds, {min(ratios):.2f} to {max(ratios):.2f}; {os.cpu_count()} processors, "
        f"{platform.machine()}, Python {platform.python_version()}, load {os.getloadavg()[0]:.0f}: "
        "seconds are only worth something at a load of 2 or less, the ratio at any)."
    )


def long_figure(data: Path | None, folder: Path) -> str:
    """Return a sentence on the memory that an hour takes, in a fresh process each."""
    peaks = []
    for length in (300, LONG_SECONDS):
        with peer(sys.executable, "-m", "benchmarks.midi_ours") as ours:
            answer = ours.ask(do="transcribe", path=str(song(data, length, folder)))
            peaks.append((answer["rss_mb"], answer["seconds"], len(answer["notes"])))
    (short, _, _), (hour, seconds, notes) = peaks
    return (
        f"An hour of stereo music ({notes} notes) takes {seconds:.0f} s and a peak of "
        f"{hour:.0f} MB; five minutes take {short:.0f} MB."
    )


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, print the figures and, with `--write`, update the README."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.midi", description=__doc__)
    parser.add_argument("--each", action="store_true", help="also print every case")
    parser.add_argument("--no-hour", action="store_true", help="leave the hour of audio out")
    parser.add_argument("--lines", action="store_true", help="only one note at a time")
    parser.add_argument("--write", action="store_true", help="put the figures into the README")
    args = parser.parse_args(arguments)
    data = test_data()
    manifest = read_manifest(ROOT / "services" / "midi" / "weights.toml")
    store = open_store(KitSettings())
    store.verified(manifest)
    official = store.folder(manifest.weights[0]) / manifest.weights[0].parts[0].file
    script = ROOT / "benchmarks" / "midi_reference.py"
    readme = ROOT / "services" / "midi" / "README.md"
    lines: list[str] = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        peer(sys.executable, "-m", "benchmarks.midi_ours") as ours,
        peer(reference_python("midi"), script, official) as theirs,
    ):
        folder = Path(scratch)
        one_at_a_time = "\n".join(line_figures(data, folder, ours, theirs, each=args.each))
        print(one_at_a_time)
        if args.write:
            write_figures(readme, one_at_a_time, name="lines")
        if args.lines:
            return
        scores = list(measure_notes(data, folder, ours, theirs))
        lines += notes_table(scores)
        lines.append("")
        lines += time_table(song(data, shorter(TIMED_SECONDS), folder), ours, theirs)
        if not (args.no_hour or SMALLEST):
            lines += ["", long_figure(data, folder)]
    if args.each:
        for score in scores:
            print(
                f"{score.case.split:9} {score.case.name:28} "
                f"onset {score.ours['onset']:.3f} / {score.theirs['onset']:.3f}   "
                f"end {score.ours['end']:.3f} / {score.theirs['end']:.3f}"
            )
    text = "\n".join(lines)
    print(text)
    if args.write:
        write_figures(readme, text)


if __name__ == "__main__":
    main(sys.argv[1:])
