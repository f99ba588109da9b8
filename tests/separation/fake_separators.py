"""Separators that need no weights, and jobs to run them on."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from contracts.ids import ItemId, JobId
from contracts.items import ArtifactKind, ItemKind
from contracts.jobs import ItemFacts
from contracts.music import Stem
from contracts.separation import Precision, Weights
from contracts.subjects import Subject
from kit.arrays import F32, AudioBlock
from kit.audio.encode import AudioForm, Encoder
from kit.worker.job import Job, JobInput
from services.separation.dsp import triangle
from services.separation.engine import Opened
from services.separation.streaming import Plan, Separator

SHARES = (0.5, 0.3, 0.15)


class Shares:
    """Gives each stem a share of the input that depends on what else is in its segment.

    So a wrong window, a wrong place or a wrong weight all show.
    """

    rate = 44_100
    lead = 0

    def __init__(self, *, segment: int = 1000, centred: bool = True, batch: int = 1) -> None:
        self.segment = segment
        self.batch = batch
        self.sources = len(SHARES)
        self.centred = centred
        self.windows = 0

    def plan(self, overlap: float) -> Plan:
        return Plan(int((1 - overlap) * self.segment), triangle(self.segment))

    def run(self, windows: F32) -> F32:
        count = len(windows)
        assert windows.shape == (count, 2, self.segment)
        assert 1 <= count <= self.batch
        self.windows += count
        lean = np.float32(1) + windows.mean(axis=(1, 2), keepdims=True)
        ramp = np.linspace(0.9, 1.1, self.segment, dtype=np.float32)
        return np.stack([np.float32(share) * lean * ramp * windows for share in SHARES], axis=1)


class Honest:
    """Three stems that are exact shares of the input, whatever the segment."""

    rate = 44_100
    segment = 8192
    sources = 3
    lead = 0
    centred = True
    batch = 1

    def plan(self, overlap: float) -> Plan:
        return Plan(int((1 - overlap) * self.segment), triangle(self.segment))

    def run(self, windows: F32) -> F32:
        return np.stack([np.float32(share) * windows for share in SHARES], axis=1)


@dataclass(slots=True)
class ToyEngine:
    """An engine of one separator; it remembers what it was asked for."""

    separator: Separator = field(default_factory=Honest)
    stems: tuple[Stem, ...] = (Stem.DRUMS, Stem.VOCALS, Stem.OTHER)
    precision: Precision = Precision.EXACT
    name: str = "toy"
    requests: list[tuple[Weights | None, Precision]] = field(default_factory=list)

    def open(self, weights: Weights | None, precision: Precision | None) -> Opened:
        self.requests.append((weights, precision))
        return Opened(
            separator=self.separator,
            stems=self.stems,
            weights=Weights.HTDEMUCS,
            engine="toy 1 cpu",
            precision=self.precision,
            overlap=0.25,
            level=1.0,
            better="ask for more",
        )


@dataclass(slots=True)
class Listener:
    """A reporter that keeps what it is told."""

    fractions: list[float] = field(default_factory=list)
    previews: list[Path] = field(default_factory=list)

    def progress(self, fraction: float, message: str) -> None:
        self.fractions.append(fraction)

    def preview(self, path: Path) -> None:
        assert path.is_file()
        self.previews.append(path)


def make_job(
    folder: Path, audio: AudioBlock, *, rate: int = 44_100, form: AudioForm = AudioForm.FLAC_24
) -> tuple[Job, Listener]:
    """Return a job over audio of (channels, samples), and who listens to it."""
    path = folder / f"input{form.suffix}"
    with Encoder(path, rate, channels=len(audio), form=form) as encoder:
        encoder.write(audio)
        facts = encoder.facts
    item, listener = ItemId("01900000-0000-7000-8000-000000000001"), Listener()
    subject = Subject.of_item(item)
    job = Job(
        id=JobId("01900000-0000-7000-8000-000000000002"),
        subject=subject,
        item_facts=ItemFacts(id=item, kind=ItemKind.TRACK, name="Song", audio=facts),
        inputs=(
            JobInput(
                path=path,
                kind=ArtifactKind.CANONICAL,
                name="audio.flac",
                subject=subject,
                sha256="0" * 64,
            ),
        ),
        scratch=folder,
        reporter=listener,
    )
    return job, listener


def snr(reference: F32, estimate: F32) -> float:
    """Return how far an estimate is below its error, in dB; (…) arrays of one shape."""
    assert reference.shape == estimate.shape
    wide = reference.astype(np.float64)
    error = float(np.square(wide - estimate).sum())
    return 10 * float(np.log10(np.square(wide).sum() / max(error, 1e-300)))


def si_sdr(reference: F32, estimate: F32) -> float:
    """Scale-invariant ratio of signal to distortion in dB (J. Le Roux et al., ICASSP 2019)."""
    wide, estimate = reference.ravel().astype(np.float64), estimate.ravel().astype(np.float64)
    target = (wide @ estimate) / (wide @ wide) * wide
    return 10 * float(np.log10((target @ target) / np.square(estimate - target).sum()))
