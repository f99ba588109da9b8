"""Export jobs with known content, and their bundles."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from contracts.analysis import Analysis, Beat, Section, TempoEstimate
from contracts.collections import Clearance, LicenceStatus
from contracts.export import (
    ExportFacts,
    ExportItem,
    ExportParams,
    ExportProducer,
    ExportResult,
)
from contracts.ids import ArtifactId, ItemId, JobId
from contracts.items import ArtifactKind, ItemKind
from contracts.midi import Note, Notes
from contracts.music import Stem
from contracts.subjects import Subject, SubjectKind
from kit.arrays import F32
from kit.audio.probe import probe
from kit.worker.engines import EngineContext
from kit.worker.job import Job, JobInput
from services.export.engine import load_engine
from services.export.handler import handle
from tests.support.single_job import ITEM, SUBJECT, RecordingReporter, single_job, write_audio

RATE = 44_100
BPM = 120.0
BEAT = 0.5
COLLECTION = Subject(kind=SubjectKind.COLLECTION, id="01234567-89ab-7def-8123-456789abcdc0")


def tone(seconds: float, frequency: float, *, rate: int = RATE, level: float = 0.25) -> F32:
    """Return a sine in stereo whose channels differ in level."""
    time = np.arange(round(seconds * rate)) / rate
    wave = level * np.sin(2 * np.pi * frequency * time)
    return np.stack([wave, 0.5 * wave]).astype(np.float32)


def note(start: float, end: float, pitch: int, velocity: int = 100, **more: Any) -> Note:
    """Return a note."""
    return Note(
        start=start, end=end, pitch=pitch, name="", velocity=velocity, confidence=1.0, **more
    )


def analysis(seconds: float, *, beat: float = BEAT, jitter: float = 0.0) -> Analysis:
    """Return the analysis of a song in 4/4 whose first beat is a downbeat at 0."""
    rng = np.random.default_rng(1)
    times = np.arange(0, seconds, beat)
    times[1:] += rng.uniform(-jitter, jitter, len(times) - 1)
    beats = tuple(Beat(time=float(t), position=n % 4 + 1) for n, t in enumerate(times))
    half = float(times[len(times) // 2])
    return Analysis(
        duration=seconds,
        tempo=TempoEstimate(
            bpm=60 / beat,
            confidence=0.9,
            steadiness=1.0,
            candidates=(),
            beats_per_bar=4,
            downbeat_confidence=0.9,
        ),
        beats=beats,
        sections=(
            Section(start=0.0, end=half, label="A", confidence=1.0),
            Section(start=half, end=seconds, label="B", confidence=1.0),
        ),
    )


LYRICS = {
    "format": "cratedig-lyrics",
    "version": 1,
    "language": "en",
    "duration": 4.0,
    "lines": [
        {
            "start": 0.5,
            "end": 1.5,
            "text": "hello world",
            "words": [
                {"text": "hello", "start": 0.5, "end": 1.0, "space_before": True},
                {"text": "world", "start": 1.0, "end": 1.5, "space_before": True},
            ],
        },
        {
            "start": 2.25,
            "end": 3.0,
            "text": "née",
            "words": [{"text": "née", "start": 2.25, "end": 3.0, "space_before": True}],
        },
    ],
}


def clearance(item: str, name: str) -> Clearance:
    """Return the rights of an item: its own licence."""
    return Clearance(
        item=ItemId(item),
        name=name,
        status=LicenceStatus.OWN,
        licence="CC-BY-4.0",
        licence_from=ItemId(item),
        source=ItemId(item),
        source_name=name,
        artist="Somebody",
    )


@dataclass
class SongFiles:
    """What the library would send of a song, written to a folder."""

    folder: Path
    seconds: float = 4.0
    name: str = "Song"
    inputs: list[JobInput] = field(default_factory=list)
    facts: ExportFacts | None = None

    def add(
        self, kind: ArtifactKind, name: str, path: Path, *, stem: Stem | None = None
    ) -> "SongFiles":
        """Add a file."""
        number = len(self.inputs)
        self.inputs.append(
            JobInput(
                path=path,
                kind=kind,
                name=name,
                subject=SUBJECT,
                artifact=ArtifactId(f"01234567-89ab-7def-8123-456789{number:06d}"),
                sha256=f"{number:064x}",
                stem=stem,
            )
        )
        return self

    def audio(self, name: str, wave: F32, *, stem: Stem | None, rate: int = RATE) -> "SongFiles":
        """Add a stem, or the song itself."""
        kind = ArtifactKind.STEM if stem else ArtifactKind.CANONICAL
        path = write_audio(self.folder / f"{len(self.inputs)}-{name}", wave, rate)
        return self.add(kind, name, path, stem=stem)

    def document(
        self, kind: ArtifactKind, name: str, content: str, *, stem: Stem | None = None
    ) -> "SongFiles":
        """Add a text file."""
        path = self.folder / f"{len(self.inputs)}-{name}"
        path.write_text(content, encoding="utf-8")
        return self.add(kind, name, path, stem=stem)

    def notes(self, stem: Stem, notes: Sequence[Note], *, program: int | None) -> "SongFiles":
        """Add the notes of a stem."""
        content = Notes(
            tempo=BPM, tempo_known=True, bend_interval=0.01, program=program, notes=tuple(notes)
        )
        name = "drums.json" if program is None else "notes.json"
        return self.document(ArtifactKind.NOTES, name, content.model_dump_json(), stem=stem)

    def job(self, scratch: Path) -> Job:
        """Return the job."""
        (scratch / "files").mkdir(parents=True, exist_ok=True)
        job = single_job(scratch / "files", self.inputs)
        mix = next((i for i in self.inputs if i.kind is ArtifactKind.CANONICAL), None)
        job.export = self.facts or ExportFacts(
            title=self.name,
            items=(
                ExportItem(
                    id=ITEM,
                    kind=ItemKind.TRACK,
                    name=self.name,
                    audio=probe(mix.path) if mix else None,
                    clearance=clearance(ITEM, self.name),
                ),
            ),
            producers=(
                ExportProducer(
                    job=JobId("01234567-89ab-7def-8123-456789abcdea"),
                    task="separation",
                    engine="test",
                    version="1",
                    artifacts=tuple(i.artifact for i in self.inputs if i.artifact and i.stem),
                ),
            ),
        )
        return job


def song_files(folder: Path, seconds: float = 4.0) -> SongFiles:
    """Return a song at 120 BPM of four stems that add up to it, with notes, sections and words."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = {
        Stem.DRUMS: tone(seconds, 110.0),
        Stem.BASS: tone(seconds, 55.0),
        Stem.OTHER: tone(seconds, 440.0),
        Stem.VOCALS: tone(seconds, 660.0),
    }
    files = SongFiles(folder, seconds)
    mix = np.sum(list(parts.values()), axis=0, dtype=np.float32)
    files.audio("canonical.flac", mix, stem=None)
    for stem, wave in parts.items():
        files.audio(f"{stem}.flac", wave, stem=stem)
    files.document(ArtifactKind.ANALYSIS, "analysis.json", analysis(seconds).model_dump_json())
    files.notes(Stem.BASS, [note(0.0, 0.4, 33), note(1.013, 1.4, 36, 80)], program=33)
    files.notes(Stem.DRUMS, [note(0.0, 0.1, 36), note(0.517, 0.6, 38, 90)], program=None)
    files.document(ArtifactKind.LYRICS, "lyrics.json", json.dumps(LYRICS), stem=Stem.VOCALS)
    return files


def collection_files(
    folder: Path, waves: Mapping[str, tuple[F32, int]], *, bpm: float | None = None
) -> Job:
    """Return a job over a collection of items with names, audio and sample rates."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "files").mkdir(exist_ok=True)
    inputs, items = [], []
    for number, (name, (wave, rate)) in enumerate(waves.items()):
        item = ItemId(f"01234567-89ab-7def-8123-4567890001{number:02d}")
        path = write_audio(folder / f"{number}.flac", wave, rate)
        inputs.append(
            JobInput(
                path=path,
                kind=ArtifactKind.CANONICAL,
                name="canonical.flac",
                subject=Subject.of_item(item),
                sha256=f"{number:064x}",
            )
        )
        shown = name.split("|")[0]
        items.append(
            ExportItem(
                id=item,
                kind=ItemKind.SAMPLE,
                name=shown,
                audio=probe(path),
                bpm=bpm,
                clearance=clearance(item, shown),
            )
        )
    return Job(
        id=JobId("01234567-89ab-7def-8123-456789abcde0"),
        subject=COLLECTION,
        inputs=tuple(inputs),
        scratch=folder / "files",
        reporter=RecordingReporter(),
        export=ExportFacts(title="Crate", items=tuple(items)),
    )


class Bundle:
    """A bundle that was written, with its files."""

    def __init__(self, path: Path, result: ExportResult) -> None:
        self.path = path
        self.result = result
        self.data = path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            self.files = {name: archive.read(name) for name in archive.namelist()}
            self.times = {info.date_time for info in archive.infolist()}
        self.manifest: dict[str, Any] = json.loads(self.files["manifest.json"])

    def audio(self, name: str) -> tuple[F32, int]:
        """Return an audio file as `[channels, samples]` and its rate."""
        data, rate = soundfile.read(io.BytesIO(self.files[name]), dtype="float32", always_2d=True)
        return data.T, rate


def export(job: Job, preset: str, **params: Any) -> Bundle:
    """Run an export and return its bundle."""
    result = handle(
        ExportParams(preset=preset, **params),
        job,
        load_engine(EngineContext()),  # type: ignore[arg-type]
    )
    assert [output.kind for output in job.outputs] == [ArtifactKind.BUNDLE]
    return Bundle(job.outputs[0].path, result)


def fresh(job: Job, scratch: Path) -> Job:
    """Return the same job in another folder."""
    scratch.mkdir(parents=True)
    return replace(job, scratch=scratch, outputs=[], reporter=RecordingReporter())
