"""A job as a handler sees it, without a worker around it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contracts.ids import ItemId, JobId
from contracts.items import ArtifactKind, ItemKind
from contracts.jobs import ItemFacts
from contracts.music import Stem
from contracts.subjects import Subject
from kit.arrays import F32
from kit.audio.encode import Encoder
from kit.worker.job import Job, JobInput

ITEM = ItemId("01234567-89ab-7def-8123-456789abcdef")
SUBJECT = Subject.of_item(ITEM)


@dataclass(slots=True)
class RecordingReporter:
    """A reporter that records progress and previews."""

    fractions: list[float] = field(default_factory=list)
    previews: list[Path] = field(default_factory=list)

    def progress(self, fraction: float, message: str) -> None:
        """Record the fraction."""
        self.fractions.append(fraction)

    def preview(self, path: Path) -> None:
        """Record the file of a preview."""
        self.previews.append(path)


def write_audio(path: Path, audio: F32, sample_rate: int = 44_100) -> Path:
    """Write audio as canonical FLAC and return where."""
    with Encoder(path, sample_rate, channels=audio.shape[0]) as encoder:
        encoder.write(audio)
    return path


def audio_input(path: Path, *, stem: Stem | None = None, start: int | None = None) -> JobInput:
    """Return a file as a job's input."""
    kind = ArtifactKind.CANONICAL if stem is None else ArtifactKind.STEM
    return JobInput(
        path=path,
        kind=kind,
        name=path.name,
        subject=SUBJECT,
        sha256="0" * 64,
        stem=stem,
        start=start,
    )


def single_job(
    scratch: Path, inputs: Sequence[JobInput], *, kind: ItemKind = ItemKind.TRACK
) -> Job:
    """Return a job over an item named `song`."""
    return Job(
        id=JobId("01234567-89ab-7def-8123-456789abcde0"),
        subject=SUBJECT,
        item_facts=ItemFacts(id=ITEM, kind=kind, name="song"),
        inputs=tuple(inputs),
        scratch=scratch,
        reporter=RecordingReporter(),
    )
