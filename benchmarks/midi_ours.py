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
from contracts.midi import MidiParams, Tracker
from contracts.music import Stem
from contracts.subjects import Subject
from kit.clock import new_id
from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
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


def transcribe(
    path: Path, engine: Engine, tracker: Tracker = Tracker.AUTO, stem: Stem | None = None
) -> dict[str, object]:
    """Run a whole job on a file and return its notes, the seconds it took, and the tracker."""
    with tempfile.TemporaryDirectory() as scratch:
        item = ItemFacts(id=ItemId(new_id()), kind=ItemKind.RECORDING, name=path.stem)
        subject = Subject.of_item(item.id)
        source = JobInput(
            path=path,
            kind=ArtifactKind.STEM if stem else ArtifactKind.CANONICAL,
            name=path.name,
            subject=subject,
            sha256="0" * 64,
            stem=stem,
        )
        job = Job(JobId(new_id()), subject, (source,), Path(scratch), Quiet(), item)
        started, before = time.perf_counter(), time.process_time()
        try:
            result = handle(MidiParams(tracker=tracker), job, engine)
        except Skipped:
            seconds = time.perf_counter() - started
            return {"seconds": seconds, "notes": [], "pedals": [], "reason": "skipped"}
        seconds = time.perf_counter() - started
        processor = time.process_time() - before
        file = next(output.path for output in job.outputs if output.name == "notes.json")
        document = json.loads(file.read_text(encoding="utf-8"))
    return {
        "seconds": seconds,
        "processor_seconds": processor,
        "notes": [[n["start"], n["end"], n["pitch"]] for n in document["notes"]],
        "pedals": [[press["start"], press["end"]] for press in document["pedals"]],
        "tracker": result.tracker,
        "reason": result.tracker_reason,
        "simultaneous": result.simultaneous_share,
    }


def peak_mb() -> float:
    """Return this program's peak memory; `getrusage` would count what ran before it, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Serve requests from stdin until it ends."""
    manifest = read_manifest(Path(__file__).parents[1] / "services" / "midi" / "weights.toml")
    weights = open_store(KitSettings()).verified(manifest)
    engine = load_engine(EngineContext(weights=weights, threads=os.cpu_count() or 1))
    for line in sys.stdin:
        request = json.loads(line)
        tracker = Tracker(request.get("tracker", Tracker.AUTO))
        stem = Stem(request["stem"]) if request.get("stem") else None
        answer = transcribe(Path(request["path"]), engine, tracker, stem)
        answer["rss_mb"] = peak_mb()
        answer["engine"] = engine.description
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
