"""Read the files of a job into samples and kits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contracts.analysis import Analysis
from contracts.export import ExportItem, ExportParams, KitSource
from contracts.items import ArtifactKind
from contracts.music import Stem
from contracts.slicing import Slice, SliceKind, Slices
from contracts.tagging import SampleTags, SoundClass, Tags
from contracts.tasks import SOUND
from kit.audio.probe import probe
from kit.worker.job import Job, JobInput
from kit.worker.outcomes import Rejected
from services.export.bundle import Kit, Pad, Sample
from services.export.corrected import song_key
from services.export.grooves import hits_in, replay_kit
from services.export.names import NamePool
from services.export.pads import MAX_PADS, best_hits, in_order, key_map
from services.export.reading import FileNaming, facts_of, first_document, read_document, source_of

_CLEAR = 0.8
"""Minimum clarity of a pitch that a sample is mapped to the keyboard by."""
_GROUPS = 1_000_000
"""More groups than any recording has: keeps those of several recordings apart."""
_MAX_BARS = 64
_WHOLE = 0.02
"""Maximum distance from a whole number of bars, in bars, of an item that counts as a loop."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A sliced recording and its stored slices."""

    slices: Slices
    samples: Mapping[str, Sample]
    """By the name of the stored file."""
    beats_per_bar: int

    def loops(self) -> list[Slice]:
        """Return the stored loops, the best first."""
        loops = [
            piece
            for piece in self.slices.slices
            if piece.kind is SliceKind.LOOP and piece.file in self.samples
        ]
        return sorted(loops, key=lambda loop: (-loop.score, -(loop.bars or 0), loop.index))


def read_recordings(params: ExportParams, job: Job) -> list[Recording]:
    """Read the stored slices of the job's item: a recording for each sliced stem, drums first.

    Raises
    ------
    Rejected
        The item has no stored slices, or a file is not what its kind promises.
    UnreadableAudio
        An audio file is damaged.
    """
    item = facts_of(job).items[0]
    analysis = first_document(Analysis, job, ArtifactKind.ANALYSIS, "analysis.json")
    key = song_key(analysis, item)
    beats = analysis.tempo.beats_per_bar if analysis is not None and analysis.tempo else 4
    tags = _tags(job.inputs)
    naming, pool = FileNaming.of(params), NamePool()
    documents = sorted(
        (file for file in job.inputs if file.kind is ArtifactKind.SLICES),
        key=lambda file: (file.stem is not Stem.DRUMS, file.stem or ""),
    )
    recordings = []
    for number, document in enumerate(documents):
        slices = read_document(Slices, document)
        pieces = {piece.file: piece for piece in slices.slices if piece.file is not None}
        samples = {
            file.name: _sample(
                file,
                pieces[file.name],
                slices,
                tags.get((file.stem, file.name)),
                item=item,
                key=key,
                beats_per_bar=beats,
                first_group=number * _GROUPS,
                naming=naming,
                pool=pool,
            )
            for file in sorted(job.inputs, key=lambda file: file.name)
            if file.kind in (ArtifactKind.SAMPLE, ArtifactKind.LOOP)
            and file.stem == document.stem
            and file.name in pieces
        }
        recordings.append(Recording(slices, samples, beats))
    if not any(recording.samples for recording in recordings):
        raise Rejected(
            "input",
            "This item has no samples to make a kit of. Run slicing or the pipeline `samples` "
            "first, or export a collection of samples.",
        )
    return recordings


def read_items(params: ExportParams, job: Job) -> list[Sample]:
    """Read the audio of a collection's items as samples, in the collection's order.

    Raises
    ------
    UnreadableAudio
        An audio file is damaged.
    """
    naming, pool = FileNaming.of(params), NamePool()
    files = {file.subject.item: file for file in job.inputs if file.kind in SOUND}
    samples = []
    for number, item in enumerate(facts_of(job).items, start=1):
        file = files.get(item.id)
        if file is None:
            continue
        audio = probe(file.path)
        bars = _bars(item, audio.duration)
        name = naming.text(
            item.name,
            sound=_class_name(item.sound_class),
            bpm=item.bpm,
            key=item.key,
            number=number,
        )
        samples.append(
            Sample(
                path=file.path,
                name=_take(pool, name),
                audio=audio,
                source=source_of(file),
                sound=item.sound_class,
                bpm=item.bpm,
                bars=bars,
                key=item.key,
                pitch=item.pitch if bars is None else None,
                loop=None if bars is None else (0, audio.samples),
            )
        )
    return samples


def read_kit(params: ExportParams, job: Job) -> Kit:
    """Read the kit that the parameters ask for.

    Raises
    ------
    Rejected
        The subject has nothing that such a kit is made of.
    UnreadableAudio
        An audio file is damaged.
    """
    title = NamePool().take(facts_of(job).title)
    if params.kit.source is KitSource.LOOP:
        return _loop_kit(title, params, job)
    if job.subject.item is None:
        samples = read_items(params, job)
        pads = _collection_pads(params, samples)
    else:
        recordings = read_recordings(params, job)
        samples = [s for recording in recordings for s in recording.samples.values()]
        if params.kit.source is KitSource.KEYS:
            pads = key_map(samples)
        else:
            pads = best_hits(samples, count=params.kit.pads, layered=params.kit.layers)
    if not pads:
        missing = "has a clear pitch" if params.kit.source is KitSource.KEYS else "is a hit"
        raise Rejected("input", f"No sample here {missing}, so there is nothing to make a kit of.")
    return Kit(name=title, pads=pads)


def _collection_pads(params: ExportParams, samples: list[Sample]) -> tuple[Pad, ...]:
    if params.kit.source is KitSource.KEYS:
        return key_map(samples)
    if len(samples) > MAX_PADS:
        raise Rejected(
            "input",
            f"A kit has at most {MAX_PADS} pads, and this collection has {len(samples)} sounds. "
            "Export a smaller collection, such as the tray.",
        )
    return in_order(samples)


def _loop_kit(title: str, params: ExportParams, job: Job) -> Kit:
    if job.subject.item is None:
        raise Rejected(
            "input",
            "A kit of a loop is made of the song or the stem that the loop was cut from, not of a "
            "collection. Export that item.",
        )
    for recording in read_recordings(params, job):
        for loop in recording.loops():
            if params.kit.loop is not None and loop.index != params.kit.loop:
                continue
            kit = replay_kit(
                title,
                recording.slices,
                loop,
                recording.samples,
                beats_per_bar=recording.beats_per_bar,
            )
            if kit is not None:
                return kit
        if params.kit.loop is not None:
            break
    named = "No loop" if params.kit.loop is None else f"No stored loop {params.kit.loop}"
    raise Rejected(
        "input", f"{named} of this item has stored hits. Run slicing with loops and one-shots."
    )


def _sample(
    file: JobInput,
    piece: Slice,
    slices: Slices,
    tags: SampleTags | None,
    *,
    item: ExportItem,
    key: str | None,
    beats_per_bar: int,
    first_group: int,
    naming: FileNaming,
    pool: NamePool,
) -> Sample:
    """Return a stored slice as a sample."""
    audio = probe(file.path)
    is_loop = piece.kind is SliceKind.LOOP
    sound = SoundClass.LOOP if is_loop else (tags.label if tags is not None else None)
    facts = tags.sound if tags is not None else None
    clear = facts is not None and (facts.pitch_clarity or 0.0) >= _CLEAR
    # A drum loop has no key.
    key = key if is_loop and slices.stem is not Stem.DRUMS else None
    bpm = piece.bpm if is_loop else None
    name = naming.text(
        f"{item.name} {file.name.rpartition('.')[0]}",
        sound=_class_name(sound),
        bpm=bpm,
        key=key,
        number=piece.index,
    )
    return Sample(
        path=file.path,
        name=_take(pool, name),
        audio=audio,
        source=source_of(file),
        sound=sound,
        bpm=bpm,
        bars=piece.bars if is_loop else None,
        beats_per_bar=beats_per_bar,
        key=key,
        pitch=facts.pitch if facts is not None and clear and not is_loop else None,
        level_dbfs=piece.level_dbfs + piece.gain_db,
        peak_dbfs=piece.peak_dbfs + piece.gain_db,
        group=None if piece.group is None or is_loop else first_group + piece.group,
        score=piece.score,
        loop=(0, audio.samples) if is_loop else None,
        cues=_cues(slices, piece) if is_loop else (),
    )


def _cues(slices: Slices, loop: Slice) -> tuple[int, ...]:
    """Return where the hits of a loop begin, in samples from its start."""
    starts = {max(0, hit.start - loop.start) for hit in hits_in(slices, loop)}
    return tuple(sorted(starts))


def _class_name(sound: SoundClass | None) -> str:
    """Return the class as a part of a file name; empty if it is unknown."""
    return "" if sound in (None, SoundClass.UNKNOWN) else sound.value


def _take(pool: NamePool, name: str) -> str:
    """Return a unique name; SFZ cannot refer to a file with `=` in its name."""
    return pool.take(name.replace("=", "-"))


def _bars(item: ExportItem, duration: float) -> int | None:
    """Return the length of an item in bars of four beats if it is whole; `None` otherwise."""
    if item.bpm is None or item.sound_class not in (None, SoundClass.LOOP, SoundClass.UNKNOWN):
        return None
    bars = duration * item.bpm / 240
    whole = round(bars)
    return whole if 1 <= whole <= _MAX_BARS and abs(bars - whole) <= _WHOLE else None


def _tags(inputs: Iterable[JobInput]) -> dict[tuple[Stem | None, str], SampleTags]:
    """Return the tags of each file by its stem and its name."""
    documents = [
        read_document(Tags, file)
        for file in inputs
        if file.kind is ArtifactKind.TAGS and file.name == "tags.json"
    ]
    return {(tag.stem, tag.file): tag for document in documents for tag in document.samples}
