"""Uploads for tests: made by `ffmpeg` itself from signals with known answers, and ingested."""

import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contracts.ingest import CANONICAL, PEAKS, IngestParams, IngestResult, RejectionReason
from contracts.items import ArtifactKind, ItemKind
from kit.arrays import AudioBlock
from kit.audio.decode import read
from kit.audio.encode import AudioForm, Encoder
from kit.worker.job import Job, JobInput
from kit.worker.outcomes import Rejected
from services.ingest.engine import ConfinedFfmpeg
from services.ingest.handler import handle
from tests.support.single_job import SUBJECT, single_job

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Ingested:
    """The result of an ingested upload."""

    result: IngestResult
    canonical: Path
    peaks: Path
    job: Job

    @property
    def audio(self) -> AudioBlock:
        """The canonical audio."""
        return read(self.canonical)


@dataclass(frozen=True, slots=True)
class IngestHarness:
    """Calls the handler as a worker's child does."""

    engine: ConfinedFfmpeg
    folder: Path

    def take(
        self,
        path: Path,
        params: IngestParams | None = None,
        *,
        declared: ItemKind | None = None,
    ) -> Ingested:
        """Ingest a file."""
        scratch = self.folder / f"job-{time.monotonic_ns()}"
        scratch.mkdir()
        source = JobInput(
            path=path, kind=ArtifactKind.ORIGINAL, name=path.name, subject=SUBJECT, sha256="0" * 64
        )
        job = single_job(scratch, [source])
        job.item_facts = job.item.model_copy(update={"declared": declared, "name": path.stem})
        result = handle(params or IngestParams(), job, self.engine)
        outputs = {output.name: output.path for output in job.outputs}
        return Ingested(result, outputs[CANONICAL], outputs[PEAKS], job)

    def refusal(
        self, path: Path, params: IngestParams | None = None
    ) -> tuple[RejectionReason, str]:
        """Ingest a file that must be refused, and return the reason and the message."""
        try:
            taken = self.take(path, params)
        except Rejected as outcome:
            return RejectionReason(outcome.reason), outcome.message
        raise AssertionError(f"{path.name} was taken: {taken.result}")


def cpu_seconds() -> float:
    """Return the CPU time of this process and of its children that ended.

    Bounds on time are stated in it: it does not depend on what else the machine does.
    """
    ours, theirs = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return ours.ru_utime + ours.ru_stime + theirs.ru_utime + theirs.ru_stime


def on_grid(audio: AudioBlock, bits: int) -> AudioBlock:
    """Return audio rounded to integers of some bits, so that it survives lossless forms."""
    scale = 2.0 ** (bits - 1)
    rounded = np.clip(np.rint(audio.astype(np.float64) * scale), -scale, scale - 1)
    return (rounded / scale).astype(np.float32)


def write_wav(
    path: Path, audio: AudioBlock, rate: int, form: AudioForm = AudioForm.WAV_FLOAT
) -> Path:
    """Write a WAV file and return where."""
    with Encoder(path, rate, channels=len(audio), form=form) as encoder:
        encoder.write(audio)
    return path


def convert(
    engine: ConfinedFfmpeg,
    source: Path,
    target: Path,
    *arguments: str,
    before: tuple[str, ...] = (),
) -> Path:
    """Make a file of another format, outside of any sandbox, and return where.

    `before` are arguments about the source.
    """
    subprocess.run(
        [
            *(engine.program, "-nostdin", "-loglevel", "error", "-y", *before, "-i", source),
            *(*arguments, target),
        ],
        check=True,
        timeout=50,
    )
    return target


_TELL = "\nimport resource; print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"


def peak_alone(code: str, *arguments: str | Path) -> int:
    """Run code in a process of its own; return the most memory of a program that it ran, in KiB.

    A test's own process cannot tell: what it counts includes whatever ran in it before, and what
    it starts itself begins with its own size.
    """
    output = subprocess.run(
        [sys.executable, "-c", code + _TELL, *arguments],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return int(output.stdout.splitlines()[-1])
