"""Samples as tagged files in folders by class: a sample pack."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from contracts.export import ExportItem, SampleFormat
from contracts.items import ArtifactKind, AudioFacts
from contracts.music import Stem
from contracts.tagging import SoundClass, Tags
from contracts.tasks import SOUND
from kit.audio.decode import read_blocks, resample_stream
from kit.audio.encode import AudioForm, Encoder, nearest_rate
from kit.audio.probe import probe
from kit.worker.job import JobInput
from kit.worker.outcomes import Skipped
from services.export.bundle import FileSource
from services.export.context import ExportContext
from services.export.formats.flac_tags import NotFlac, tagged_flac
from services.export.formats.id3_tags import id3_tag
from services.export.formats.wav import info_chunks
from services.export.names import NamePool, key_name, legal_name, tempo_name
from services.export.processing import process_file
from services.export.reading import FileNaming, read_document, source_of

FLAC, MP3 = "audio/flac", "audio/mpeg"
_CUT = (ArtifactKind.SAMPLE, ArtifactKind.LOOP)


@dataclass(frozen=True, slots=True)
class _Sound:
    """A sound to write."""

    path: Path
    audio: AudioFacts
    source: FileSource
    item: ExportItem
    name: str
    sound: str
    bpm: float | None
    key: str | None


def write_samples(context: ExportContext) -> None:
    """Write each sound under its name, with tags, in a folder of its class.

    Of a song these are the samples and loops that were cut from it, of a collection its items.

    Raises
    ------
    Skipped
        There is nothing to write.
    Silent
        Every sound is silent.
    """
    sounds = list(_sounds(context))
    if not sounds:
        raise Skipped(
            "no_samples",
            "Nothing was cut from this item. Run the pipeline `samples` first, or export a "
            "collection.",
        )
    naming = FileNaming.of(context.params)
    context.expect(sum(sound.audio.samples for sound in sounds))
    pools: dict[str, NamePool] = {}
    write = _WRITERS[context.params.samples.format]
    for number, sound in enumerate(sounds, start=1):
        folder = legal_name(sound.sound or "other")
        text = naming.text(
            sound.name, sound=sound.sound, bpm=sound.bpm, key=sound.key, number=number
        )
        name = f"{folder}/{pools.setdefault(folder, NamePool()).take(text)}"
        if context.params.processing.requested:
            sound = _processed(context, name, sound)
        write(context, name, sound)
    if context.params.samples.format is not SampleFormat.FLAC:
        context.require_sound()


def _processed(context: ExportContext, name: str, sound: _Sound) -> _Sound:
    """Return a sound after processing, in a file that the next one replaces."""
    flac = context.params.samples.format is SampleFormat.FLAC
    form = AudioForm.FLAC_24 if flac else AudioForm.WAV_FLOAT
    file = process_file(
        sound.path,
        context.job.scratch / f"processed{form.suffix}",
        context.params.processing,
        bpm=sound.bpm,
        key=sound.key,
        sound=sound.sound,
        form=form,
    )
    if file.done:
        context.remarks.append(f"{name}: {', '.join(file.done)}.")
    return replace(sound, path=file.path, audio=file.audio, bpm=file.fit.bpm, key=file.fit.key)


def _sounds(context: ExportContext) -> Iterator[_Sound]:
    items = {item.id: item for item in context.facts.items}
    inputs = context.job.inputs
    if context.job.subject.item is not None:
        item = context.facts.items[0]
        classes = _classes(inputs)
        cut = [file for file in inputs if file.kind in _CUT]
        for file in cut:
            base = file.name.rpartition(".")[0]
            sound = classes.get((file.name, file.stem))
            if file.kind is ArtifactKind.LOOP:
                sound = SoundClass.LOOP
            yield _sound(file, item, f"{item.name} {base}", _class_name(sound))
        if not cut:
            whole = [file for file in inputs if file.kind is ArtifactKind.CANONICAL]
            for file in whole if item.kind == "sample" else ():
                yield _of_item(file, item)
        return
    for file in inputs:
        owner = items.get(file.subject.item) if file.subject.item is not None else None
        if owner is not None and file.kind in SOUND:
            yield _of_item(file, owner)


def _of_item(file: JobInput, item: ExportItem) -> _Sound:
    sound = _class_name(item.sound_class) or (item.stem.value if item.stem else "")
    return _sound(file, item, item.name, sound)


def _sound(file: JobInput, item: ExportItem, name: str, sound: str) -> _Sound:
    # A drum has no key, even if its song has one.
    key = None if Stem.DRUMS in (file.stem, item.stem) else item.key
    audio = probe(file.path)
    return _Sound(file.path, audio, source_of(file), item, name, sound, item.bpm, key)


def _class_name(sound: SoundClass | None) -> str:
    return "" if sound in (None, SoundClass.UNKNOWN) else sound.value


def _classes(inputs: tuple[JobInput, ...]) -> dict[tuple[str, Stem | None], SoundClass]:
    """Return the class of each tagged file, by its name and stem."""
    classes = {}
    for file in inputs:
        if file.kind is ArtifactKind.TAGS and file.name.endswith(".json"):
            for tag in read_document(Tags, file).samples:
                classes[tag.file, tag.stem] = tag.label
    return classes


def _tags(sound: _Sound) -> list[tuple[str, str]]:
    rights, metadata = sound.item.clearance, sound.item.metadata
    tags = {
        "TITLE": sound.name,
        "ARTIST": rights.artist or "",
        "ALBUM": metadata.get("album", ""),
        "BPM": tempo_name(sound.bpm) if sound.bpm is not None else "",
        "KEY": key_name(sound.key, sharps="#") if sound.key else "",
        "GENRE": metadata.get("genre", ""),
        "LICENSE": rights.licence or "",
        "COPYRIGHT": rights.copyright or "",
        "CONTACT": rights.url or "",
        "SOUND_CLASS": sound.sound,
    }
    named = [(name, value) for name, value in tags.items() if value]
    return named + [("KEYWORD", tag) for tag in sound.item.tags]


def _write_flac(context: ExportContext, name: str, sound: _Sound) -> None:
    try:
        size, pieces = tagged_flac(sound.path, _tags(sound))
    except NotFlac:
        _write_wav(context, name, sound)
        context.remarks.append(f"{name} is a WAV file, because it was not stored as FLAC.")
        return
    path = f"{name}.flac"
    with context.archive.member(path, FLAC, size=size, sources=[sound.source]) as member:
        for piece in pieces:
            member.write(piece)
    context.duration = max(context.duration, sound.audio.duration)
    context.advance(sound.audio.samples, path)


def _write_mp3(context: ExportContext, name: str, sound: _Sound) -> None:
    path, stored = f"{name}.mp3", context.job.scratch / "sample.mp3"
    rate = nearest_rate(AudioForm.MP3, sound.audio.sample_rate)
    blocks = context.measured(read_blocks(sound.path), path)
    with Encoder(stored, rate, channels=sound.audio.channels, form=AudioForm.MP3) as encoder:
        for block in resample_stream(blocks, sound.audio.sample_rate, rate):
            encoder.write(block)
    content = id3_tag(_tags(sound)) + stored.read_bytes()
    context.archive.add(path, content, MP3, sources=[sound.source])
    context.duration = max(context.duration, sound.audio.duration)


def _write_wav(context: ExportContext, name: str, sound: _Sound) -> None:
    tags = dict(_tags(sound))
    known = [f"{tags['BPM']} BPM"] if "BPM" in tags else []
    known += [tags["KEY"]] if "KEY" in tags else []
    known += [f"licence {tags['LICENSE']}"] if "LICENSE" in tags else []
    info = {
        "title": sound.name,
        "artist": tags.get("ARTIST", ""),
        "copyright": tags.get("COPYRIGHT", ""),
        "genre": tags.get("GENRE", ""),
        "comment": ", ".join(known),
        "software": "Cratedig",
    }
    context.write_wav(
        f"{name}.wav",
        context.read(
            sound.path,
            sample_rate=sound.audio.sample_rate,
            channels=sound.audio.channels,
            samples=sound.audio.samples,
        ),
        sample_rate=sound.audio.sample_rate,
        channels=sound.audio.channels,
        samples=sound.audio.samples,
        chunks=info_chunks(info),
        sources=[sound.source],
    )


_WRITERS: Mapping[SampleFormat, Callable[[ExportContext, str, _Sound], None]] = MappingProxyType(
    {
        SampleFormat.WAV: _write_wav,
        SampleFormat.FLAC: _write_flac,
        SampleFormat.MP3: _write_mp3,
    }
)
