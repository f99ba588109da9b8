"""The drum notes that services write of a recording, and how they are scored."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.analysis_cases import Case
from benchmarks.midi import Peer
from contracts.items import ArtifactKind
from contracts.jobs import TaskName
from contracts.midi import DrumMethod, MidiParams, Notes
from contracts.music import Stem
from contracts.slicing import SliceKind, Slices, SlicingParams
from contracts.tagging import SampleTags, SoundClass, TaggingParams, Tags
from kit.service import resolve
from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
from kit.worker.engines import EngineContext
from kit.worker.job import Job, JobInput
from kit.worker.outcomes import Skipped
from services.library.pipelines.builtin import builtin_pipelines
from services.midi.drums import DRUMS
from services.midi.handler import handle as write_notes
from services.slicing.handler import handle as slice_up
from tests.support.single_job import SUBJECT, audio_input, single_job, write_audio

Events = Mapping[str, Sequence[float]]
"""Seconds of the hits of each class."""
Counts = tuple[float, int, int]
"""Matched hits, annotated hits and estimated hits."""
_WINDOW = 0.05

SIX: Mapping[SoundClass, str] = {
    SoundClass.KICK: "KD",
    SoundClass.SNARE: "SD",
    SoundClass.CLOSED_HAT: "HH",
    SoundClass.OPEN_HAT: "HH",
    SoundClass.TOM: "TT",
    SoundClass.CRASH: "CY",
    SoundClass.RIDE: "CY",
    SoundClass.SPLASH: "CY",
    SoundClass.CLAP: "OT",
    SoundClass.RIM: "OT",
    SoundClass.COWBELL: "OT",
    SoundClass.SHAKER: "OT",
    SoundClass.TAMBOURINE: "OT",
    SoundClass.PERCUSSION: "OT",
}
"""Our classes as those of MDB Drums, which counts side sticks as others."""
NAMES = {"KD": "kick", "SD": "snare", "HH": "hi-hat", "TT": "toms", "CY": "cymbals", "OT": "others"}
THREE = ("KD", "SD", "HH")


def truth_of(folder: Path) -> Events:
    """Return the annotated hits of a track by class."""
    events: dict[str, list[float]] = {name: [] for name in NAMES}
    for line in (folder / "class.txt").read_text(encoding="utf-8").splitlines():
        if line.strip():
            time, name = line.split()
            events[name].append(float(time))
    return {name: sorted(times) for name, times in events.items()}


def _inputs_of(job: Job, kinds: Sequence[ArtifactKind]) -> list[JobInput]:
    return [
        JobInput(
            path=output.path,
            kind=output.kind,
            name=output.name,
            subject=SUBJECT,
            sha256="0" * 64,
            stem=output.stem,
        )
        for output in job.outputs
        if output.kind in kinds
    ]


def sliced(case: Case, folder: Path, engine: object, stem: Stem = Stem.DRUMS) -> Job:
    """Slice a stem as the pipeline does."""
    path = write_audio(folder / f"{stem}.flac", case.audio[None], case.rate)
    scratch = folder / "slicing"
    scratch.mkdir()
    job = single_job(scratch, [audio_input(path, stem=stem)])
    steps = {step.name: step for step in builtin_pipelines()["full"].steps}
    slice_up(SlicingParams.model_validate(steps["slicing"].params), job, engine)  # type: ignore[arg-type]
    return job


def tagged(slicing: Job, folder: Path, engine: object) -> JobInput:
    """Tag the stored slices with the classifier."""
    scratch = folder / "tagging"
    scratch.mkdir()
    job = single_job(scratch, _inputs_of(slicing, (ArtifactKind.SAMPLE, ArtifactKind.LOOP)))
    resolve("services.tagging.handler:handle")(TaggingParams(), job, engine)
    return _inputs_of(job, (ArtifactKind.TAGS,))[0]


def annotated(slicing: Job, truth: Events, folder: Path) -> JobInput:
    """Tag the stored slices with the annotation that is nearest to their onset."""
    slices = Slices.model_validate_json(
        _inputs_of(slicing, (ArtifactKind.SLICES,))[0].path.read_bytes()
    )
    samples: list[SampleTags] = []
    for piece in slices.slices:
        if piece.file is None or piece.kind is not SliceKind.ONE_SHOT:
            continue
        at = piece.onset / slices.sample_rate
        off, name = min((abs(time - at), name) for name, times in truth.items() for time in times)
        label = next(drum_class for drum_class, theirs in SIX.items() if theirs == name)
        label = label if off <= _WINDOW else SoundClass.UNKNOWN
        samples.append(SampleTags(file=piece.file, label=label, confidence=1.0, scores={}))
    path = folder / "annotated.json"
    path.write_text(Tags(samples=tuple(samples)).model_dump_json(), encoding="utf-8")
    return JobInput(
        path=path, kind=ArtifactKind.TAGS, name=path.name, subject=SUBJECT, sha256="0" * 64
    )


def written(
    slicing: Job, tags: JobInput, folder: Path, engine: object, method: DrumMethod
) -> Events:
    """Write the drums of a recording as notes; return the hits by class."""
    scratch = folder / f"midi-{method}-{tags.name.split('.')[0]}"
    scratch.mkdir()
    sound = next(item for item in slicing.inputs if item.path.suffix == ".flac")
    inputs = [*_inputs_of(slicing, (ArtifactKind.SLICES,)), tags, sound]
    job = single_job(scratch, inputs)
    events: dict[str, list[float]] = {name: [] for name in NAMES}
    try:
        params = MidiParams(drum_method=method, drums_of_mixtures=True)
        write_notes(params, job, engine)  # type: ignore[arg-type]
    except Skipped:
        return events
    document = next(
        o.path for o in job.outputs if o.kind is ArtifactKind.NOTES and o.path.suffix == ".json"
    )
    class_of = {pitch: SIX[drum] for drum, (pitch, _) in DRUMS.items()}
    for note in Notes.model_validate_json(document.read_bytes()).notes:
        events[class_of[note.pitch]].append(note.start)
    return events


def engines() -> Mapping[TaskName, object]:
    """Return the engines of the three services.

    Raises
    ------
    SystemExit
        Their weights are not there; the message says how to get them.
    """
    opened: dict[TaskName, object] = {}
    for task in (TaskName.SLICING, TaskName.TAGGING, TaskName.MIDI):
        service = resolve(f"services.{task}.service:SERVICE")
        weights: Mapping[str, Path] = {}
        if service.weights is not None:
            manifest = read_manifest(service.weights)
            weights = open_store(KitSettings()).verified(manifest)
        opened[task] = resolve(service.engine)(EngineContext(weights=weights))
    return opened


def counts(truth: Sequence[float], estimate: Sequence[float], judge: Peer) -> Counts:
    """Return the matched, annotated and estimated hits of a class."""
    if not truth or not estimate:
        return 0.0, len(truth), len(estimate)
    answer = judge.ask(do="judge", kind="onsets", truth=truth, estimate=estimate)
    # F is twice the matches over both counts.
    return answer["score"] * (len(truth) + len(estimate)) / 2, len(truth), len(estimate)


def f_score(rows: Sequence[Counts]) -> float:
    """Return F over all hits of some rows."""
    matches, truths, estimates = (sum(column) for column in zip(*rows, strict=True))
    return 2 * matches / max(1, truths + estimates)


def difference(pairs: Sequence[Sequence[float]]) -> str:
    """Return the mean difference between two scores of each recording, and its standard error."""
    each = np.array([first - second for first, second in pairs])
    error = each.std(ddof=1) / np.sqrt(each.size) if each.size > 1 else float("nan")
    return f"network minus tags {each.mean():+.3f} ± {error:.3f} (n = {each.size} recordings)"
