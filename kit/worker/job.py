"""A job as its handler sees it: local input files, output files, progress."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from contracts.cuts import Cut
from contracts.export import ExportFacts
from contracts.ids import ItemId, JobId
from contracts.items import ArtifactKind, AudioFacts, ItemKind
from contracts.jobs import FileFacts, InputFacts, ItemFacts
from contracts.music import Bpm, Samples, Stem
from contracts.subjects import Subject
from contracts.waveforms import WaveformData
from kit.worker.outcomes import Rejected


class JobInput(InputFacts):
    """A file that a job reads, as a local copy."""

    path: Path


class Output(FileFacts):
    """A file that the handler writes and the worker stores as an artifact."""

    path: Path


class Reporter(Protocol):
    """Receives progress and previews; in a child process it sends them to the worker."""

    def progress(self, fraction: float, message: str) -> None:
        """Report progress, 0 to 1."""
        ...

    def preview(self, path: Path) -> None:
        """Publish a finished part of a file as a preview."""
        ...


@dataclass(slots=True)
class Job:
    """Passed to a handler besides its parameters and its engine."""

    id: JobId
    subject: Subject
    """What the job works on."""
    inputs: tuple[JobInput, ...]
    scratch: Path
    """A private folder, removed after the job."""
    reporter: Reporter
    item_facts: ItemFacts | None = None
    """Facts of the subject if it is an item; handlers that need one use `item`."""
    export: ExportFacts | None = None
    """Names, rights and producers of what the job reads, if its task receives them."""
    cuts: tuple[Cut, ...] | None = None
    """The user's cuts of the recording; `None` if nobody changed those of the machine."""
    outputs: list[Output] = field(default_factory=list)

    @property
    def item(self) -> ItemFacts:
        """The item that the job works on. Raises `Rejected` if its subject is not an item."""
        if self.item_facts is None:
            raise Rejected(
                "subject",
                f"This task works on an item, not on a {self.subject.kind}. Submit it for an item.",
            )
        return self.item_facts

    @property
    def input(self) -> JobInput:
        """The only input. Raises `ValueError` if there are several or none."""
        if len(self.inputs) != 1:
            raise ValueError(f"this task takes one input, not {len(self.inputs)}")
        return self.inputs[0]

    def output(
        self,
        name: str,
        kind: ArtifactKind,
        *,
        media_type: str,
        stem: Stem | None = None,
        item: ItemKind | None = None,
        title: str = "",
        bpm: Bpm | None = None,
        start: Samples | None = None,
        end: Samples | None = None,
        audio: AudioFacts | None = None,
        replaces: ItemId | None = None,
    ) -> Path:
        """Reserve a file in the scratch folder; the worker stores it as an artifact.

        Parameters
        ----------
        name
            Lower case and unique in the job, such as `vocals.flac`.
        item, title, bpm, start, end, audio
            If `item` is set, the file becomes an item of that kind, named `title`, of the tempo
            `bpm`, with lineage to the job's item if it works on one; `start` and `end` are samples
            of that item's canonical audio.
        replaces
            The item that gets the file as its audio, in place of a new item.

        Returns
        -------
        Path
            The path to write to. The job fails if the file is missing at the end.
        """
        if any(output.name == name for output in self.outputs):
            raise ValueError(f"the job already has an output named {name!r}")
        folder = self.scratch / "outputs"
        folder.mkdir(exist_ok=True)
        path = folder / name
        self.outputs.append(
            Output(
                path=path,
                name=name,
                kind=kind,
                media_type=media_type,
                stem=stem,
                item=item,
                title=title,
                bpm=bpm,
                start=start,
                end=end,
                audio=audio,
                replaces=replaces,
            )
        )
        return path

    def describe(
        self, name: str, *, audio: AudioFacts | None = None, waveform: WaveformData | None = None
    ) -> None:
        """Set what is known of a reserved output once it is written; `None` changes nothing.

        Raises
        ------
        ValueError
            No output has this name.
        """
        facts = {"audio": audio, "waveform": waveform}
        known = {field: value for field, value in facts.items() if value is not None}
        for index, output in enumerate(self.outputs):
            if output.name == name:
                self.outputs[index] = output.model_copy(update=known)
                return
        raise ValueError(f"the job has no output named {name!r}")

    def progress(self, fraction: float, message: str = "") -> None:
        """Report progress, clipped to 0 to 1. Cheap: messages to the worker are rate-limited."""
        self.reporter.progress(min(1.0, max(0.0, fraction)), message)

    def preview(self, path: Path) -> None:
        """Publish a written file as a preview for as long as the job runs; never an artifact."""
        self.reporter.preview(path)
