"""A job as its handler sees it: inputs as local files, outputs to be stored, progress."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from contracts.ids import JobId
from contracts.items import ArtifactKind, AudioFacts, ItemKind
from contracts.jobs import FileFacts, InputFacts, ItemFacts
from contracts.music import Samples, Stem
from contracts.subjects import Subject
from kit.worker.outcomes import Rejected


class JobInput(InputFacts):
    """A file that a job reads, as a local copy."""

    path: Path


class Output(FileFacts):
    """One file that the handler writes, to be stored as an artifact."""

    path: Path


class Reporter(Protocol):
    """Where progress and previews go; the child's end of the pipe."""

    def progress(self, fraction: float, message: str) -> None:
        """Tell how far the work is."""
        ...

    def preview(self, path: Path) -> None:
        """Offer a finished part of a file for listening while the job runs."""
        ...


@dataclass(slots=True)
class Job:
    """What a handler is given besides its parameters."""

    id: JobId
    subject: Subject
    """What it works on."""
    inputs: tuple[JobInput, ...]
    scratch: Path
    """A private folder; whatever is left in it is removed after the job."""
    reporter: Reporter
    item_facts: ItemFacts | None = None
    """What is known of the subject where it is an item; `item` is for handlers that need one."""
    outputs: list[Output] = field(default_factory=list)

    @property
    def item(self) -> ItemFacts:
        """The item that it works on. Raises `Rejected` where its subject is no item."""
        if self.item_facts is None:
            raise Rejected(
                "subject",
                f"This task works on an item, not on a {self.subject.kind}. Ask for it on an item.",
            )
        return self.item_facts

    @property
    def input(self) -> JobInput:
        """The only input."""
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
        start: Samples | None = None,
        end: Samples | None = None,
        audio: AudioFacts | None = None,
    ) -> Path:
        """Reserve a file in the scratch folder that will be stored as an artifact.

        Parameters
        ----------
        name
            Lower case, unique in the job, such as `vocals.flac`.
        item, title, start, end, audio
            When `item` is set, the file becomes an item of that kind, named `title`, with
            lineage to the job's item if it works on one; `start` and `end` are samples of that
            item's canonical audio.

        Returns
        -------
        Path
            Where to write it. A reserved file that is not there at the end is an error.
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
                start=start,
                end=end,
                audio=audio,
            )
        )
        return path

    def describe(self, name: str, *, audio: AudioFacts) -> None:
        """Add what became known of an output's audio while it was written."""
        for index, output in enumerate(self.outputs):
            if output.name == name:
                self.outputs[index] = output.model_copy(update={"audio": audio})
                return
        raise ValueError(f"the job has no output named {name!r}")

    def progress(self, fraction: float, message: str = "") -> None:
        """Tell how far the work is, 0 to 1; costs nothing when told often."""
        self.reporter.progress(min(1.0, max(0.0, fraction)), message)

    def preview(self, path: Path) -> None:
        """Offer a file, already written, for listening while the job runs (never an artifact)."""
        self.reporter.preview(path)
