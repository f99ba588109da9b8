"""The registry of tasks: parameters, result, inputs and timeout of each.

The server offers only the tasks that are listed here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import BaseModel

from contracts.analysis import AnalysisParams, AnalysisResult
from contracts.base import Message
from contracts.corrections import CUTS_OF, CorrectionField
from contracts.export import ExportParams, ExportResult, kinds_of
from contracts.ingest import IngestParams, IngestResult
from contracts.items import ArtifactKind
from contracts.jobs import TaskName
from contracts.lighter import LIGHTER_SEPARATION, LIGHTER_TRANSCRIBE, Lighter
from contracts.midi import MidiParams, MidiResult
from contracts.music import Seconds
from contracts.separation import SeparationParams, SeparationResult
from contracts.slicing import SlicingParams, SlicingResult
from contracts.subjects import SubjectKind
from contracts.tagging import TaggingParams, TaggingResult
from contracts.transcribe import TranscribeParams, TranscribeResult

SOUND = frozenset(
    {ArtifactKind.CANONICAL, ArtifactKind.STEM, ArtifactKind.SAMPLE, ArtifactKind.LOOP}
)
"""Kinds of artifact that tasks can read in place of canonical audio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The definition of a task."""

    params: type[BaseModel]
    result: type[BaseModel]
    reads: frozenset[ArtifactKind] = SOUND
    """Kinds of artifact that it accepts as input."""
    side_inputs: frozenset[ArtifactKind] = frozenset()
    """Kinds of artifact that it reads in addition to its input, such as an analysis of it."""
    accepts_many: bool = False
    """Whether one job accepts many inputs."""
    collects: frozenset[ArtifactKind] = frozenset()
    """Kinds of which one job accepts many; its other inputs are then side inputs only."""
    user_submittable: bool = True
    """Whether a user may submit it; only an upload starts ingest."""
    depends_on_tempo: bool = False
    """Whether its result depends on the tempo of its item."""
    based_on: frozenset[CorrectionField] = frozenset()
    """Values of an item that its result is based on: once a user corrects one, older results are
    out of date."""
    subjects: frozenset[SubjectKind] = frozenset({SubjectKind.ITEM})
    """Kinds of subject that it works on."""
    kinds_of: Callable[..., frozenset[ArtifactKind]] | None = None
    """Kinds of artifact that a job without inputs reads, by its parameters and `members`, whether
    its items are those of a collection; without this function it reads the item's own audio."""
    describes_items: bool = False
    """Whether its workers receive names, rights and producers of what they read; then its result
    depends on these too."""
    separates_stems: bool = False
    """Whether it separates a song into stems; the user's own stems take its place."""
    receives_cuts: bool = False
    """Whether its workers receive the user's cuts of what they read; then its result depends on
    these too."""
    starts_item: bool = False
    """Whether a completed upload starts it, and its job makes the new item ready or rejected."""
    previews: bool = False
    """Whether its jobs offer finished parts of their files for download while they run."""
    lighter: tuple[Lighter, ...] = ()
    """Changes of its parameters that make a job lighter, the most helpful first."""
    weight: float = 1.0
    """Its share of a run's progress, relative to the others."""
    timeout_base: Seconds = 60.0
    timeout_per_second: float = 0.5
    timeout_min: Seconds = 120.0

    def timeout(self, duration: Seconds) -> Seconds:
        """Return the timeout of an attempt for audio of a duration, both in seconds."""
        return max(self.timeout_min, self.timeout_base + self.timeout_per_second * duration)


TASKS: Mapping[TaskName, Task] = MappingProxyType(
    {
        TaskName.INGEST: Task(
            params=IngestParams,
            result=IngestResult,
            reads=frozenset({ArtifactKind.ORIGINAL}),
            user_submittable=False,
            starts_item=True,
            subjects=frozenset({SubjectKind.ITEM, SubjectKind.QUERY_SOUND}),
            # The duration is unknown until the upload is decoded.
            timeout_base=1800.0,
            timeout_min=1800.0,
        ),
        TaskName.SEPARATION: Task(
            params=SeparationParams,
            result=SeparationResult,
            lighter=LIGHTER_SEPARATION,
            separates_stems=True,
            previews=True,
            weight=6.0,
            timeout_base=120.0,
            timeout_per_second=30.0,
            timeout_min=600.0,
        ),
        TaskName.SLICING: Task(
            based_on=frozenset({CorrectionField.TEMPO, CorrectionField.BEATS, *CUTS_OF}),
            receives_cuts=True,
            params=SlicingParams,
            result=SlicingResult,
            # The song's level decides whether one of its stems counts as silent.
            side_inputs=frozenset({ArtifactKind.ANALYSIS, ArtifactKind.CANONICAL}),
        ),
        TaskName.TAGGING: Task(
            params=TaggingParams,
            result=TaggingResult,
            accepts_many=True,
            subjects=frozenset({SubjectKind.ITEM, SubjectKind.QUERY_SOUND}),
            # The time depends on the number of slices more than on the song's duration.
            timeout_base=300.0,
        ),
        TaskName.MIDI: Task(
            params=MidiParams,
            result=MidiResult,
            # A recording; the slices of a recording, with their tags; or the notes of a song's
            # stems, with the analysis that gives them their bars.
            reads=SOUND | {ArtifactKind.SLICES, ArtifactKind.NOTES},
            side_inputs=frozenset(
                {
                    ArtifactKind.CANONICAL,
                    ArtifactKind.SLICES,
                    ArtifactKind.TAGS,
                    ArtifactKind.ANALYSIS,
                }
            ),
            collects=frozenset({ArtifactKind.NOTES}),
            depends_on_tempo=True,
            based_on=frozenset(
                {CorrectionField.CLASS, CorrectionField.TEMPO, CorrectionField.BEATS, *CUTS_OF}
            ),
        ),
        TaskName.ANALYSIS: Task(
            params=AnalysisParams,
            result=AnalysisResult,
            side_inputs=frozenset({ArtifactKind.STEM}),
            weight=2.0,
            timeout_per_second=1.0,
        ),
        TaskName.TRANSCRIBE: Task(
            params=TranscribeParams,
            result=TranscribeResult,
            lighter=LIGHTER_TRANSCRIBE,
            # The song of a vocal stem: passages of low confidence are transcribed from it too.
            side_inputs=frozenset({ArtifactKind.CANONICAL}),
            weight=3.0,
            timeout_per_second=3.0,
        ),
        TaskName.EXPORT: Task(
            params=ExportParams,
            result=ExportResult,
            reads=SOUND
            | {
                ArtifactKind.NOTES,
                ArtifactKind.MIDI,
                ArtifactKind.ANALYSIS,
                ArtifactKind.LYRICS,
                ArtifactKind.SLICES,
                ArtifactKind.TAGS,
            },
            accepts_many=True,
            subjects=frozenset({SubjectKind.ITEM, SubjectKind.COLLECTION}),
            kinds_of=kinds_of,
            describes_items=True,
            based_on=frozenset(CorrectionField),
            timeout_base=300.0,
        ),
    }
)
"""Every task by its name."""

UPLOAD_TASK = next(name for name, task in TASKS.items() if task.starts_item)
"""The task that a completed upload starts."""


class TaskInfo(Message):
    """A task that the server knows."""

    name: TaskName
    params: dict[str, object]
    """JSON Schema of its parameters."""
    result: dict[str, object]
    """JSON Schema of its result."""
    reads: tuple[ArtifactKind, ...]
    """Kinds of artifact that it accepts as input; without inputs it reads the item's own audio."""
    side_inputs: tuple[ArtifactKind, ...] = ()
    """Kinds of artifact that it reads in addition to its input."""
    accepts_many: bool
    subjects: tuple[SubjectKind, ...] = (SubjectKind.ITEM,)
    """Kinds of subject that it works on."""
    collects: tuple[ArtifactKind, ...] = ()
    """Kinds of artifact of which one job accepts many."""
    offered: bool
    """Whether a worker has polled for this task recently."""
