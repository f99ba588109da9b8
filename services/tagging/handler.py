"""Tag a song, classify samples, and compute an embedding of every input."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.items import ArtifactKind, AudioFacts, ItemKind
from contracts.music import Seconds, Stem
from contracts.tagging import (
    ContentKind,
    ContentSegment,
    SampleTags,
    SoundClass,
    SoundFacts,
    Tag,
    TaggingParams,
    TaggingResult,
    Tags,
    TagSource,
    TagTarget,
    VectorSpace,
)
from kit.arrays import F32
from kit.audio.probe import probe
from kit.worker.intake import Silent, reject_unreadable
from kit.worker.job import Job, JobInput
from kit.worker.outcomes import Rejected
from services.tagging.content import VoiceMeter, detect_content, shares
from services.tagging.engine import MUSIC_VERSION, Engine
from services.tagging.fingerprints import fingerprint
from services.tagging.measurements import measure
from services.tagging.oneshots import CLASSES, features
from services.tagging.similarity import encode_vector
from services.tagging.streaming import (
    Averager,
    head,
    mono,
    spectral_patches,
)
from services.tagging.vocabulary import VOCABULARY
from services.tagging.voice_activity import VoiceActivity

SHOWN = 10
"""Maximum tags of a song in the result; the artifact has all of them."""
_SLICES = (ArtifactKind.SAMPLE, ArtifactKind.LOOP)
# The remaining progress is for writing the files.
_PROCESSING = 0.98


@dataclass(frozen=True, slots=True)
class _Sound:
    """An input that is not silent."""

    source: JobInput
    facts: AudioFacts
    description: F32 | None
    """Features of a sample; `None` for a song."""
    measured: SoundFacts | None
    """Measured values of a sample; `None` for a song."""
    fingerprint: str | None
    """Of a sample; `None` for a song."""

    @property
    def is_one_shot(self) -> bool:
        """Whether it is classified: a slice that was cut on the beat grid is a loop."""
        return self.description is not None and self.source.kind is not ArtifactKind.LOOP


@reject_unreadable()
def handle(params: TaggingParams, job: Job, engine: Engine) -> TaggingResult:
    """Tag and classify the job's inputs, and write tags and embeddings."""
    song = _song(params, job)
    facts = [probe(source.path) for source in job.inputs]
    duration = sum(item.duration for item in facts)
    sounds = [
        sound
        for source, item in zip(job.inputs, facts, strict=True)
        if (sound := _open(source, item, classified=source is not song)) is not None
    ]
    if not sounds:
        raise Silent
    place = next((index for index, item in enumerate(sounds) if item.source is song), None)
    words, content, vectors = _tag_all(params, job, engine, sounds, place)
    samples = _classified(params, engine, [item for item in sounds if item.source is not song])
    vector = None
    if place is not None:
        vector = encode_vector(VectorSpace.MUSIC, MUSIC_VERSION, vectors[place])
    tags = Tags(song=words, content=content, samples=samples, vector=vector)
    _write(job, tags, sounds, vectors)
    job.progress(1.0, "done")
    return TaggingResult(
        song=words[:SHOWN],
        samples=len(samples),
        classes=dict(Counter(item.label for item in samples)),
        silent=len(job.inputs) - len(sounds),
        embeddings=len(sounds),
        duration=duration,
        engine=engine.name,
        weights=engine.weights,
    )


def _song(params: TaggingParams, job: Job) -> JobInput | None:
    """Return the input that is tagged as a song, or `None`."""
    if params.target is TagTarget.SAMPLES:
        return None
    if params.target is TagTarget.SONG:
        songs = list(job.inputs)
    else:
        of_sample = job.item.kind is ItemKind.SAMPLE
        songs = [item for item in job.inputs if not of_sample and item.kind not in _SLICES]
    if len(songs) > 1:
        raise Rejected(
            "input",
            f"A job tags one song, but {len(songs)} of its inputs are songs. Submit one job each, "
            "or set `target: samples`.",
        )
    return songs[0] if songs else None


def _open(source: JobInput, facts: AudioFacts, *, classified: bool) -> _Sound | None:
    """Read the beginning of an input and measure it if it is a sample; `None` if silent."""
    rate = facts.sample_rate
    beginning = head(source.path, rate)
    if not beginning.size:
        return None
    if not classified:
        return _Sound(source, facts, None, None, None)
    downmixed = mono(beginning, rate)
    one_shot = source.kind is not ArtifactKind.LOOP
    measured = measure(beginning, downmixed, rate, one_shot=one_shot)
    description = features(downmixed, rate)
    return _Sound(source, facts, description, measured, fingerprint(downmixed, rate))


def _tag_all(
    params: TaggingParams, job: Job, engine: Engine, sounds: Sequence[_Sound], place: int | None
) -> tuple[tuple[Tag, ...], tuple[ContentSegment, ...], NDArray[np.float64]]:
    """Return the song's tags, most confident first, its content, and every input's embedding.

    `place` is that of the song among the sounds.
    """
    on_progress = _progress(job, sum(sound.facts.samples for sound in sounds))
    sources = frozenset(params.sources)
    averager = Averager(engine, TagSource.MTT, len(sounds), kept=place)
    msd_averager = Averager(engine, TagSource.MSD, 1)
    activity, meter = VoiceActivity(engine.run_voice_activity), VoiceMeter()
    for index, sound in enumerate(sounds):
        is_song = index == place
        listeners = (activity.feed, meter.feed) if is_song and TagSource.CONTENT in sources else ()
        path, rate = sound.source.path, sound.facts.sample_rate
        for patch in spectral_patches(path, rate, on_progress, listeners):
            averager.feed(index, patch)
            if is_song and TagSource.MSD in sources:
                msd_averager.feed(0, patch)
    tags, vectors = averager.finish()
    if place is None:
        return (), (), vectors
    song_tags: list[Tag] = []
    content: tuple[ContentSegment, ...] = ()
    if TagSource.MTT in sources:
        song_tags += _tags(tags[place], TagSource.MTT, params.song_threshold)
    if TagSource.MSD in sources:
        song_tags += _tags(msd_averager.finish()[0][0], TagSource.MSD, params.song_threshold)
    if TagSource.CONTENT in sources:
        duration = sounds[place].facts.duration
        content = detect_content(np.stack(averager.patch_tags), activity.finish(), meter, duration)
        song_tags += _content_tags(content, duration, params.song_threshold)
    return tuple(sorted(song_tags, key=lambda tag: -tag.confidence)), content, vectors


def _progress(job: Job, samples: int) -> Callable[[int], None]:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        job.progress(_PROCESSING * done / max(1, samples), "tagging")

    return advance


def _tags(means: NDArray[np.float64], source: TagSource, threshold: float) -> list[Tag]:
    sure = np.clip(means, 0.0, 1.0)
    return [
        Tag(name=name, confidence=float(confidence), source=source)
        for name, confidence in zip(VOCABULARY[source], sure, strict=True)
        if confidence >= threshold
    ]


def _content_tags(
    content: Sequence[ContentSegment], duration: Seconds, threshold: float
) -> list[Tag]:
    """Return tags for the content; music is one beside speech only, as nearly all is music."""
    taken = shares(content, duration)
    kinds = set(ContentKind) if taken[ContentKind.SPEECH] else {ContentKind.SINGING}
    return [
        Tag(name=kind.value, confidence=taken[kind], source=TagSource.CONTENT)
        for kind in ContentKind
        if kind in kinds and taken[kind] > 0.0 and taken[kind] >= threshold
    ]


def _classified(
    params: TaggingParams, engine: Engine, sounds: Sequence[_Sound]
) -> tuple[SampleTags, ...]:
    """Classify each sample."""
    described = [sound.description for sound in sounds if sound.description is not None]
    vectors = engine.projection.apply(np.stack(described)) if described else ()
    one_shots = [
        sound.description for sound in sounds if sound.is_one_shot and sound.description is not None
    ]
    answers = iter(engine.run_classifier(np.stack(one_shots)) if one_shots else ())
    samples: list[SampleTags] = []
    for sound, vector in zip(sounds, vectors, strict=True):
        if not sound.is_one_shot:
            shares = np.array([float(name == SoundClass.LOOP) for name in CLASSES])
        else:
            shares = np.clip(np.asarray(next(answers), np.float64), 0.0, 1.0)
            shares /= shares.sum()
        scores = {
            SoundClass(name): float(share) for name, share in zip(CLASSES, shares, strict=True)
        }
        best = max(scores, key=lambda label: scores[label])
        samples.append(
            SampleTags(
                file=sound.source.name,
                stem=sound.source.stem,
                label=best if scores[best] >= params.threshold else SoundClass.UNKNOWN,
                confidence=scores[best],
                scores=scores,
                sound=sound.measured,
                vector=encode_vector(VectorSpace.SAMPLE, engine.projection.version, vector),
                fingerprint=sound.fingerprint,
            )
        )
    return tuple(samples)


def _write(job: Job, tags: Tags, sounds: Sequence[_Sound], vectors: NDArray[np.float64]) -> None:
    stems: set[Stem | None] = {source.stem for source in job.inputs}
    stem = stems.pop() if len(stems) == 1 else None
    path = job.output("tags.json", ArtifactKind.TAGS, media_type="application/json", stem=stem)
    path.write_text(tags.model_dump_json(), encoding="utf-8")
    path = job.output(
        "embeddings.npz", ArtifactKind.EMBEDDING, media_type="application/zip", stem=stem
    )
    names = np.array([sound.source.name for sound in sounds])
    np.savez(path, vectors=vectors.astype(np.float32), files=names)
