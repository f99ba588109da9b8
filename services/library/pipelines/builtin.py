"""The pipelines that every owner has, as far as the tasks they walk exist."""

from collections.abc import Mapping
from types import MappingProxyType

from contracts.items import ArtifactKind
from contracts.jobs import Params, TaskName
from contracts.music import Stem
from contracts.pipelines import FromStep, PipelineSpec, Step
from contracts.tasks import TASKS

PITCHED = (Stem.BASS, Stem.VOCALS, Stem.OTHER, Stem.GUITAR, Stem.PIANO, Stem.ACCOMPANIMENT)
"""Stems in which notes can be heard."""
DRUMMED = (Stem.DRUMS, Stem.ACCOMPANIMENT)
"""Stems in which drums can be heard."""
SLICED = (Stem.DRUMS, Stem.VOCALS, Stem.OTHER, Stem.ACCOMPANIMENT)
"""Stems that samples are cut from."""

RENDER_CUTS = "render-cuts"
"""Name of the pipeline that makes the samples of a user's cuts; nobody starts it by its name."""

_STEMS = FromStep(step="separation", kind=ArtifactKind.STEM)
_SEPARATION = Step(name="separation", task=TaskName.SEPARATION)
# Beats are clearest in the drums, keys in bass and chords: the analysis reads them too.
_ANALYSIS = Step(name="analysis", task=TaskName.ANALYSIS, side_inputs=(_STEMS,))
_SLICING = Step(
    name="slicing",
    task=TaskName.SLICING,
    inputs=(FromStep(step="separation", kind=ArtifactKind.STEM, stems=SLICED),),
    # A stem in which nothing of the song is heard is not worked on.
    include_item=True,
    side_inputs=(FromStep(step="analysis", kind=ArtifactKind.ANALYSIS),),
)
# Of hits that sound alike the best is stored; the list of slices still holds every one.
_BEST = _SLICING.model_copy(update={"params": {"best_only": True}})
# One job hears all slices of a stem, so that it can compare them.
_TAGGING = tuple(
    Step(
        name=f"tagging-{stem}",
        task=TaskName.TAGGING,
        inputs=(
            FromStep(step="slicing", kind=ArtifactKind.SAMPLE, stems=(stem,)),
            FromStep(step="slicing", kind=ArtifactKind.LOOP, stems=(stem,)),
        ),
        batch=True,
    )
    for stem in SLICED
)
_SONG_TAGS = Step(name="tagging", task=TaskName.TAGGING, after=("separation",))
_NOTES = Step(
    name="midi",
    task=TaskName.MIDI,
    inputs=(FromStep(step="separation", kind=ArtifactKind.STEM, stems=PITCHED),),
    include_item=True,
    # The file's bars are those of the tempo that the analysis gives the song.
    after=("analysis",),
)
# Tags are used where the parameters choose them over the network.
_DRUM_NOTES = Step(
    name="drum-midi",
    task=TaskName.MIDI,
    inputs=(FromStep(step="slicing", kind=ArtifactKind.SLICES, stems=DRUMMED),),
    side_inputs=(
        *(
            FromStep(step=f"tagging-{stem}", kind=ArtifactKind.TAGS, stems=(stem,))
            for stem in DRUMMED
        ),
        # The drum network transcribes a drum stem, or the song where there is none.
        FromStep(step="separation", kind=ArtifactKind.STEM, stems=DRUMMED),
    ),
    include_item=True,
    after=("analysis",),
)
_SONG_NOTES = Step(
    name="song-midi",
    task=TaskName.MIDI,
    inputs=tuple(FromStep(step=name, kind=ArtifactKind.NOTES) for name in ("midi", "drum-midi")),
    side_inputs=(FromStep(step="analysis", kind=ArtifactKind.ANALYSIS),),
    batch=True,
)
_LYRICS = Step(
    name="transcribe",
    task=TaskName.TRANSCRIBE,
    inputs=(FromStep(step="separation", kind=ArtifactKind.STEM, stems=(Stem.VOCALS,)),),
    include_item=True,
)
_TAGS_OF_SAMPLES = Step(
    name="tagging",
    task=TaskName.TAGGING,
    inputs=(
        FromStep(step="slicing", kind=ArtifactKind.SAMPLE),
        FromStep(step="slicing", kind=ArtifactKind.LOOP),
    ),
    batch=True,
)

# A track that is a drum stem by itself needs no separation: its own audio is read.
_DRUM_TRACK = (
    Step(name="analysis", task=TaskName.ANALYSIS),
    Step(
        name="slicing",
        task=TaskName.SLICING,
        params={"best_only": True},
        side_inputs=(FromStep(step="analysis", kind=ArtifactKind.ANALYSIS),),
    ),
    _TAGS_OF_SAMPLES,
    Step(
        name="drum-midi",
        task=TaskName.MIDI,
        inputs=(FromStep(step="slicing", kind=ArtifactKind.SLICES),),
        include_item=True,
        side_inputs=(FromStep(step="tagging", kind=ArtifactKind.TAGS),),
        after=("analysis",),
    ),
)

_ALL = (
    (
        TaskName.MIDI,
        PipelineSpec(name="midi", title="MIDI", steps=(Step(name="midi", task=TaskName.MIDI),)),
    ),
    (TaskName.SEPARATION, PipelineSpec(name="stems", title="Stems", steps=(_SEPARATION,))),
    (
        TaskName.SLICING,
        PipelineSpec(
            name="samples",
            title="Samples, tagged",
            steps=(_SEPARATION, _ANALYSIS, _SLICING, *_TAGGING),
        ),
    ),
    (
        TaskName.SLICING,
        PipelineSpec(name="drums", title="Hits and MIDI of a drum track", steps=_DRUM_TRACK),
    ),
    (
        TaskName.TRANSCRIBE,
        PipelineSpec(name="lyrics", title="Lyrics", steps=(_SEPARATION, _LYRICS)),
    ),
    (
        TaskName.SEPARATION,
        PipelineSpec(
            name="full",
            title="Everything",
            steps=(
                _SEPARATION,
                _ANALYSIS,
                _SONG_TAGS,
                _BEST,
                *_TAGGING,
                _NOTES,
                _DRUM_NOTES,
                _SONG_NOTES,
                _LYRICS,
            ),
        ),
    ),
)


NEEDS_STEM = MappingProxyType({"drums": Stem.DRUMS})
"""Pipelines that only fit items declared as a stem, by name."""


def builtin_pipelines(tasks: Mapping[TaskName, object] = TASKS) -> dict[str, PipelineSpec]:
    """Return the pipelines of the server by name.

    A pipeline without the task that it is for is left out; of the others, the steps whose tasks
    do not exist, and what only they would feed.
    """
    return {
        spec.name: spec.model_copy(update={"steps": _possible(spec, tasks)})
        for purpose, spec in _ALL
        if purpose in tasks
    }


def cuts_pipeline(stem: Stem | None, params: Params) -> PipelineSpec:
    """Return the pipeline that makes and tags the samples of a user's cuts.

    Parameters
    ----------
    stem
        The stem that is cut, which the step `separation` has made already; `None` for the item
        itself.
    params
        Of slicing.
    """
    slicing = Step(name="slicing", task=TaskName.SLICING, params=params)
    steps: tuple[Step, ...] = (slicing,)
    if stem is not None:
        stems = FromStep(step="separation", kind=ArtifactKind.STEM, stems=(stem,))
        steps = (_SEPARATION, slicing.model_copy(update={"inputs": (stems,)}))
    return PipelineSpec(name=RENDER_CUTS, title="Samples of cuts", steps=(*steps, _TAGS_OF_SAMPLES))


def _possible(spec: PipelineSpec, tasks: Mapping[TaskName, object]) -> tuple[Step, ...]:
    kept: dict[str, Step] = {}
    for step in spec.steps:
        inputs = tuple(source for source in step.inputs if source.step in kept)
        if step.task not in tasks or (step.inputs and not inputs):
            continue
        side_inputs = tuple(source for source in step.side_inputs if source.step in kept)
        after = tuple(name for name in step.after if name in kept)
        kept[step.name] = step.model_copy(
            update={"inputs": inputs, "side_inputs": side_inputs, "after": after}
        )
    return tuple(kept.values())
