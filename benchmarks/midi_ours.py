"""Runs the midi service's handler in a process of its own, so that its memory can be seen.

One JSON request a line on stdin, one JSON answer a line on stdout.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

from contracts.ids import ItemId, JobId
from contracts.items import ArtifactKind, ItemKind
from contracts.jobs import ItemFacts
from contracts.midi import MidiParams
from contracts.subjects import Subject
from kit.clock import new_id
from kit.worker.engines import EngineContext
from kit.worker.job import Job, JobInput
from kit.worker.outcomes import Skipped
from services.midi.engine import Engine, load_engine
from services.midi.handler import handle


class Quiet:
    """A reporter that ignores everything."""

    def progress(self, fraction: float, message: str) -> None:
        """Take note of nothing."""

    def preview(self, path: Path) -> None:
        """Take note of nothing."""


def transcribe(path: Path, engine: Engine) -> dict[str, object]:
    """Run a whole job on a file and return its notes, and the seconds it took."""
    with tempfile.TemporaryDirectory() as scratch:
        item = ItemFacts(id=ItemId(new_id()), kind=ItemKind.RECORDING, name=path.stem)
        subject = Subject.of_item(item.id)
        source = JobInput(
            path=path, kind=ArtifactKind.CANONICAL, name=path.name, subject=subject, sha256="0" * 64
        )
        job = Job(JobId(new_id()), subject, (source,), Path(scratch), Quiet(), item)
        started = time.perf_counter()
        try:
            handle(MidiParams(), job, engine)
        except Skipped:
            return {"seconds": time.perf_counter() - started, "notes": []}
        seconds = time.perf_counter() - started
        file = next(output.path for output in job.outputs if output.name == "notes.json")
        notes = json.loads(file.read_text(encoding="utf-8"))["notes"]
    return {"seconds": seconds, "notes": [[n["start"], n["end"], n["pitch"]] for n in notes]}


def peak_mb() -> float:
    """Return this program's peak memory; `getrusage` would count what ran before it, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Serve requests from stdin until it ends."""
    weights = {"basic-pitch": Path(sys.argv[1])}
    engine = load_engine(EngineContext(weights=weights, threads=os.cpu_count() or 1))
    for line in sys.stdin:
        answer = transcribe(Path(json.loads(line)["path"]), engine)
        answer["rss_mb"] = peak_mb()
        answer["engine"] = engine.description
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
