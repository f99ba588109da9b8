"""Jobs over audio that is made here, and an engine whose answers are known."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from contracts.items import ArtifactKind, ItemKind
from contracts.music import Stem
from contracts.tagging import Tags, TagSource
from kit.arrays import F32
from kit.inference.lstm import LstmState
from kit.worker.job import Job, JobInput
from services.tagging.engine import BATCH, PROJECTION, TaggerOutput
from services.tagging.oneshots import CLASSES
from services.tagging.similarity import Projection
from tests.support.single_job import SUBJECT, audio_input, single_job, write_audio

RATE = 44_100


@dataclass(slots=True)
class KnownEngine:
    """Tags say how loud a patch is; one-shots are classified by the given answers."""

    answers: Sequence[dict[str, float]] = ()
    patches_tagged: dict[TagSource, int] = field(default_factory=dict)
    speech: float = 0.0
    name: str = "known"
    weights: str = "none"
    projection: Projection = field(default_factory=lambda: Projection.load(PROJECTION))

    def run_tagger(self, patches: F32, source: TagSource) -> TaggerOutput:
        """Return the mean of each patch as every tag."""
        assert 1 <= len(patches) <= BATCH
        self.patches_tagged[source] = self.patches_tagged.get(source, 0) + len(patches)
        loud = patches.mean(axis=(1, 2)) / 10
        return TaggerOutput(np.repeat(loud[:, None], 50, 1), np.repeat(loud[:, None], 200, 1))

    def run_classifier(self, features: F32) -> F32:
        """Return the given answers."""
        assert len(features) == len(self.answers)
        rows = [[answer.get(name, 0.0) for name in CLASSES] for answer in self.answers]
        return np.array(rows, np.float32)

    def run_voice_activity(self, windows: F32, state: LstmState) -> F32:
        """Return the same probability for every window."""
        return np.full(len(windows), self.speech, np.float32)


def slice_input(path: Path, kind: ArtifactKind, *, stem: Stem | None = Stem.DRUMS) -> JobInput:
    """Return a slice as a job's input."""
    return JobInput(
        path=path,
        kind=kind,
        name=path.name,
        subject=SUBJECT,
        sha256="0" * 64,
        stem=stem,
        start=0,
        end=1,
    )


def job_of(folder: Path, audio: F32, *, kind: ItemKind = ItemKind.TRACK) -> Job:
    """Return a job over one recording."""
    path = write_audio(folder / "canonical.flac", audio, RATE)
    return single_job(_scratch(folder), [audio_input(path)], kind=kind)


def job_of_slices(
    folder: Path, hits: Sequence[F32], loops: Sequence[F32] = (), *, stem: Stem = Stem.DRUMS
) -> Job:
    """Return a job over slices of one stem, one-shots first."""
    inputs = [
        slice_input(write_audio(folder / f"{word}-{number:04d}.flac", audio, RATE), kind, stem=stem)
        for word, kind, sounds in (
            ("hit", ArtifactKind.SAMPLE, hits),
            ("loop", ArtifactKind.LOOP, loops),
        )
        for number, audio in enumerate(sounds)
    ]
    return single_job(_scratch(folder), inputs)


def _scratch(folder: Path) -> Path:
    scratch = folder / "scratch"
    scratch.mkdir()
    return scratch


def tags_of(job: Job) -> Tags:
    """Return what a job wrote."""
    path = next(output.path for output in job.outputs if output.kind is ArtifactKind.TAGS)
    return Tags.model_validate_json(path.read_bytes())


def embeddings_of(job: Job) -> dict[str, F32]:
    """Return the vectors that a job wrote, by file."""
    path = next(output.path for output in job.outputs if output.kind is ArtifactKind.EMBEDDING)
    with np.load(path, allow_pickle=False) as content:
        return dict(zip(content["files"].tolist(), content["vectors"], strict=True))
