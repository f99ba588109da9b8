"""What each task can be asked: its parameters, its result, what it reads, how long it may take.

A task stands here once its contract does; one that does not is not offered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import BaseModel

from contracts.analysis import AnalysisParams, AnalysisResult
from contracts.base import Message
from contracts.ingest import IngestParams, IngestResult
from contracts.items import ArtifactKind
from contracts.jobs import TaskName
from contracts.midi import MidiParams, MidiResult
from contracts.music import Seconds
from contracts.separation import SeparationParams, SeparationResult
from contracts.slicing import SlicingParams, SlicingResult
from contracts.tagging import TaggingParams, TaggingResult
from contracts.transcribe import TranscribeParams, TranscribeResult

SOUND = frozenset(
    {ArtifactKind.CANONICAL, ArtifactKind.STEM, ArtifactKind.SAMPLE, ArtifactKind.LOOP}
)
"""Kinds of artifact that can be listened to as canonical audio can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What one task can be asked."""

    params: type[BaseModel]
    result: type[BaseModel]
    reads: frozenset[ArtifactKind] = SOUND
    """Kinds of artifact that it takes as input."""
    side_inputs: frozenset[ArtifactKind] = frozenset()
    """Kinds that it takes besides its one input, such as an analysis of it."""
    accepts_many: bool = False
    """Whether one job takes many inputs."""
    collects: frozenset[ArtifactKind] = frozenset()
    """Kinds of which one job takes many, and then nothing else but what it takes beside."""
    user_submittable: bool = True
    """Whether a user may ask for it; ingest is started by an upload alone."""
    depends_on_tempo: bool = False
    """Whether its result depends on the tempo that its item is said to have."""
    weight: float = 1.0
    """Its share of a run's progress, relative to the others."""
    timeout_base: Seconds = 60.0
    timeout_per_second: float = 0.5
    timeout_min: Seconds = 120.0

    def timeout(self, duration: Seconds) -> Seconds:
        """Return how long an attempt over audio of a duration may take."""
        return max(self.timeout_min, self.timeout_base + self.timeout_per_second * duration)


TASKS: Mapping[TaskName, Task] = MappingProxyType(
    {
        TaskName.INGEST: Task(
            params=IngestParams,
            result=IngestResult,
            reads=frozenset({ArtifactKind.ORIGINAL}),
            user_submittable=False,
            # The length is not known before the upload is decoded.
            timeout_base=1800.0,
            timeout_min=1800.0,
        ),
        TaskName.SEPARATION: Task(
            params=SeparationParams,
            result=SeparationResult,
            weight=6.0,
            timeout_base=120.0,
            timeout_per_second=30.0,
            timeout_min=600.0,
        ),
        TaskName.SLICING: Task(
            params=SlicingParams,
            result=SlicingResult,
            # The song tells whether there is anything in a stem of it.
            side_inputs=frozenset({ArtifactKind.ANALYSIS, ArtifactKind.CANONICAL}),
        ),
        TaskName.TAGGING: Task(
            params=TaggingParams,
            result=TaggingResult,
            accepts_many=True,
            # The work follows the number of slices more than the length of their song.
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
            # The song that a vocal stem was taken from: doubtful passages are heard in it too.
            side_inputs=frozenset({ArtifactKind.CANONICAL}),
            weight=3.0,
            timeout_per_second=3.0,
        ),
    }
)
"""Every task that can be asked for, by its word."""


class TaskInfo(Message):
    """A task as the API shows it."""

    name: TaskName
    params: dict[str, object]
    """JSON Schema of its parameters."""
    result: dict[str, object]
    """JSON Schema of its result."""
    reads: tuple[ArtifactKind, ...]
    """What it takes as input; without inputs it reads the item's own audio."""
    side_inputs: tuple[ArtifactKind, ...] = ()
    """What it takes besides its one input."""
    accepts_many: bool
    collects: tuple[ArtifactKind, ...] = ()
    """Of these one job takes many."""
    offered: bool
    """Whether a worker has asked for such work lately."""
