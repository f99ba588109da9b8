"""One job: a song and any number of samples in; tags, classes and embeddings out."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.items import ArtifactKind, AudioFacts, ItemKind
from contracts.music import Stem
from contracts.tagging import (
    SampleTags,
    SoundClass,
    Tag,
    TaggingParams,
    TaggingResult,
    Tags,
    TagSource,
    TagTarget,
)
from kit.arrays import F32
from kit.audio.probe import probe
from kit.worker.intake import Silent, reject_unreadable
from kit.worker.job import Job, JobInput
from kit.worker.outcomes import Rejected
from services.tagging.engine import Engine
from services.tagging.oneshots import CLASSES, features
from services.tagging.streaming import (
    Averager,
    head,
    mono,
    spectral_patches,
)
from services.tagging.vocabulary import VOCABULARY

SHOWN = 10
"""Tags of a song in the result; the artifact holds all."""
_SLICES = (ArtifactKind.SAMPLE, ArtifactKind.LOOP)
# What is left for writing the files.
_LISTENING = 0.98


@dataclass(frozen=True, slots=True)
class _Sound:
    """An input that sounds."""

    source: JobInput
    facts: AudioFacts
    description: F32 | None
    """Features of a one-shot; `None` of a song, and of a slice that is a loop by the way it was
    cut."""


@reject_unreadable()
def handle(params: TaggingParams, job: Job, engine: Engine) -> TaggingResult:
    """Listen to the job's inputs, write what they are."""
    song = _song(params, job)
    facts = [probe(given.path) for given in job.inputs]
    duration = sum(one.duration for one in facts)
    sounds = [
        sound
        for given, one in zip(job.inputs, facts, strict=True)
        if (sound := _open(given, one, classified=given is not song)) is not None
    ]
    if not sounds:
        raise Silent
    words, vectors = _listen(params, job, engine, sounds, song)
    samples = _classified(params, engine, [one for one in sounds if one.source is not song])
    _write(job, Tags(song=words, samples=samples), sounds, vectors)
    job.progress(1.0, "done")
    return TaggingResult(
        song=words[:SHOWN],
        samples=len(samples),
        classes=dict(Counter(one.label for one in samples)),
        silent=len(job.inputs) - len(sounds),
        embeddings=len(sounds),
        duration=duration,
        engine=engine.name,
        weights=engine.weights,
    )


def _song(params: TaggingParams, job: Job) -> JobInput | None:
    """Return the input that is heard as a song, or none."""
    if params.target is TagTarget.SAMPLES:
        return None
    if params.target is TagTarget.SONG:
        songs = list(job.inputs)
    else:
        of_sample = job.item.kind is ItemKind.SAMPLE
        songs = [one for one in job.inputs if not of_sample and one.kind not in _SLICES]
    if len(songs) > 1:
        raise Rejected(
            "input",
            f"One song is tagged at a time, and {len(songs)} of the inputs would be songs. Make "
            "one job for each, or ask for `target: samples`.",
        )
    return songs[0] if songs else None


def _open(given: JobInput, facts: AudioFacts, *, classified: bool) -> _Sound | None:
    """Look at the beginning of an input; `None` where nothing is to be heard."""
    beginning = head(given.path, facts.sample_rate)
    if not beginning.size:
        return None
    if not classified or given.kind is ArtifactKind.LOOP:
        return _Sound(given, facts, None)
    description = features(mono(beginning, facts.sample_rate), facts.sample_rate)
    return _Sound(given, facts, description)


def _listen(
    params: TaggingParams, job: Job, engine: Engine, sounds: Sequence[_Sound], song: JobInput | None
) -> tuple[tuple[Tag, ...], NDArray[np.float64]]:
    """Return the song's tags, the surest first, and the embedding of every input."""
    told = _progress(job, sum(one.facts.samples for one in sounds))
    everything = Averager(engine, TagSource.MTT, len(sounds))
    beside = Averager(engine, TagSource.MSD, 1)
    wanted = frozenset(params.sources)
    number = None
    for index, sound in enumerate(sounds):
        sings = sound.source is song
        number = index if sings else number
        for patch in spectral_patches(sound.source.path, sound.facts.sample_rate, told):
            everything.feed(index, patch)
            if sings and TagSource.MSD in wanted:
                beside.feed(0, patch)
    tags, vectors = everything.finish()
    if number is None:
        return (), vectors
    found: list[Tag] = []
    if TagSource.MTT in wanted:
        found += _tags(tags[number], TagSource.MTT, params.song_threshold)
    if TagSource.MSD in wanted:
        found += _tags(beside.finish()[0][0], TagSource.MSD, params.song_threshold)
    return tuple(sorted(found, key=lambda tag: -tag.confidence)), vectors


def _progress(job: Job, samples: int) -> Callable[[int], None]:
    done = 0

    def told(count: int) -> None:
        nonlocal done
        done += count
        job.progress(_LISTENING * done / max(1, samples), "listening")

    return told


def _tags(means: NDArray[np.float64], source: TagSource, threshold: float) -> list[Tag]:
    sure = np.clip(means, 0.0, 1.0)
    return [
        Tag(name=name, confidence=float(confidence), source=source)
        for name, confidence in zip(VOCABULARY[source], sure, strict=True)
        if confidence >= threshold
    ]


def _classified(
    params: TaggingParams, engine: Engine, sounds: Sequence[_Sound]
) -> tuple[SampleTags, ...]:
    """Return what each sample is."""
    described = [one.description for one in sounds if one.description is not None]
    answers = iter(engine.run_classifier(np.stack(described)) if described else ())
    samples: list[SampleTags] = []
    for sound in sounds:
        if sound.description is None:
            # A slice on the beat grid is a loop by the way it was cut.
            shares = np.array([float(name == SoundClass.LOOP) for name in CLASSES])
        else:
            shares = np.clip(np.asarray(next(answers), np.float64), 0.0, 1.0)
            shares /= shares.sum()
        scores = {SoundClass(name): float(one) for name, one in zip(CLASSES, shares, strict=True)}
        best = max(scores, key=lambda label: scores[label])
        samples.append(
            SampleTags(
                file=sound.source.name,
                stem=sound.source.stem,
                label=best if scores[best] >= params.threshold else SoundClass.UNKNOWN,
                confidence=scores[best],
                scores=scores,
            )
        )
    return tuple(samples)


def _write(job: Job, said: Tags, sounds: Sequence[_Sound], vectors: NDArray[np.float64]) -> None:
    stems: set[Stem | None] = {given.stem for given in job.inputs}
    stem = stems.pop() if len(stems) == 1 else None
    path = job.output("tags.json", ArtifactKind.TAGS, media_type="application/json", stem=stem)
    path.write_text(said.model_dump_json(), encoding="utf-8")
    path = job.output(
        "embeddings.npz", ArtifactKind.EMBEDDING, media_type="application/zip", stem=stem
    )
    names = np.array([one.source.name for one in sounds])
    np.savez(path, vectors=vectors.astype(np.float32), files=names)
