"""Read the files of a job into songs and samples."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from contracts.analysis import Analysis
from contracts.base import Message
from contracts.corrections import CorrectedLanes
from contracts.export import ExportFacts, ExportItem, ExportParams, ProcessingOptions
from contracts.items import ArtifactKind, AudioFacts
from contracts.midi import Notes
from contracts.music import SCORE_ORDER, Stem
from contracts.tasks import SOUND
from contracts.transcribe import LyricLine
from kit.audio.probe import probe
from kit.signal.tempo_grid import DEFAULT_TEMPO, even
from kit.worker.job import Job, JobInput
from kit.worker.outcomes import Rejected
from services.export.bundle import FileSource, Song, StemTrack
from services.export.corrected import song_grid, song_key, song_notes
from services.export.names import NamePool, fill_template, key_name, tempo_name
from services.export.processing import fit_of

_PROGRAMS = {Stem.BASS: 33, Stem.VOCALS: 52, Stem.GUITAR: 25}
"""General MIDI programs, from 0, of notes whose file names none."""

Content = TypeVar("Content", bound=BaseModel)
Lane = TypeVar("Lane", bound=tuple[Any, ...])


class _LyricsFile(Message):
    """The content of `lyrics.json`."""

    format: Literal["cratedig-lyrics"]
    language: str = ""
    lines: tuple[LyricLine, ...]


@dataclass(frozen=True, slots=True)
class FileNaming:
    """How the files of a job are named."""

    template: str
    sharps: str
    processing: ProcessingOptions

    @classmethod
    def of(cls, params: ExportParams) -> "FileNaming":
        """Return the naming that parameters ask for."""
        return cls(params.names, params.sharps, params.processing)

    def text(
        self,
        name: str,
        *,
        sound: str = "",
        bpm: float | None = None,
        key: str | None = None,
        number: int | None = None,
    ) -> str:
        """Fill in the template; the result may be illegal or not unique as a file name.

        `bpm` and `key` are those of the stored sound; the name has those after processing.
        """
        fit = fit_of(bpm, key, self.processing, sound=sound)
        bpm, key = fit.bpm, fit.key
        values = {
            "name": name,
            "class": sound,
            "bpm": tempo_name(bpm) if bpm is not None else "",
            "key": key_name(key, sharps=self.sharps) if key else "",
            "number": f"{number:02d}" if number is not None else "",
        }
        return fill_template(self.template, values)


def facts_of(job: Job) -> ExportFacts:
    """Return what the library sent about the job's items. Raises `ValueError` if it sent none."""
    if job.export is None:
        raise ValueError("an export needs the names and rights of its items")
    return job.export


def source_of(file: JobInput) -> FileSource:
    """Return where a file comes from."""
    return FileSource(item=file.subject.id, artifact=file.artifact, sha256=file.sha256)


def read_song(params: ExportParams, job: Job) -> Song:
    """Read the job's item as a song whose tracks are its stems, or the collection's items.

    An item without stems is one track.

    Raises
    ------
    Rejected
        A file is not what its kind promises.
    UnreadableAudio
        An audio file is damaged.
    """
    facts = facts_of(job)
    if job.subject.item is None:
        return _collection(params, job, facts)
    return _song(params, job, facts.items[0], facts.lanes)


def _song(params: ExportParams, job: Job, item: ExportItem, lanes: CorrectedLanes) -> Song:
    analysis = first_document(Analysis, job, ArtifactKind.ANALYSIS, "analysis.json")
    grid, beats = song_grid(analysis, item, lanes, every_beat=params.every_beat)
    tempo_known = grid is not None or item.bpm is not None
    grid = grid or even(item.bpm or DEFAULT_TEMPO)
    key = song_key(analysis, item)
    lyrics = first_document(_LyricsFile, job, ArtifactKind.LYRICS, "lyrics.json")
    mix = next((file for file in job.inputs if file.kind is ArtifactKind.CANONICAL), None)
    naming = FileNaming.of(params)
    pool = NamePool()
    bpm = grid.tempo if tempo_known else None
    stems = [file for file in job.inputs if file.kind is ArtifactKind.STEM]
    sounds = sorted(stems or ([mix] if mix is not None else []), key=_place)
    notes = [
        _NotesFile(content, stem)
        for stem, content in song_notes([(f.stem, f.notes) for f in _notes(job.inputs)], lanes)
    ]
    tracks: list[StemTrack] = []
    titles = NamePool()
    for sound in sounds:
        stem = sound.stem or item.stem
        title = titles.take(stem.value.capitalize() if stem else item.name)
        own = [file for file in notes if file.stem == sound.stem]
        tracks.append(
            StemTrack(
                name=title,
                file_name=pool.take(
                    naming.text(item.name, sound=stem.value if stem else "", bpm=bpm, key=key)
                ),
                stem=stem,
                path=sound.path,
                audio=probe(sound.path),
                source=source_of(sound),
                program=None if stem is Stem.DRUMS else _PROGRAMS.get(stem or Stem.MIX, 0),
            )
        )
        if own:
            tracks[-1] = _with_notes(tracks[-1], own[0].notes)
        notes = [file for file in notes if file not in own[:1]]
    # Notes of the whole recording repeat those of its stems.
    alone = [file for file in notes if file.stem is not None or not tracks]
    for file in alone:
        mark = " notes" if sounds else ""
        title = titles.take((file.stem.value.capitalize() if file.stem else item.name) + mark)
        name = naming.text(
            item.name + mark, sound=file.stem.value if file.stem else "", bpm=bpm, key=key
        )
        track = StemTrack(name=title, file_name=pool.take(name), stem=file.stem)
        tracks.append(_with_notes(track, file.notes))
    return Song(
        name=item.name,
        audio=item.audio or _longest([track.audio for track in tracks]),
        grid=grid,
        tempo_known=tempo_known,
        artist=item.clearance.artist or "",
        mix=mix.path if mix is not None else None,
        source=source_of(mix) if mix is not None else None,
        tracks=tuple(tracks),
        beats=beats,
        key=key,
        chords=_first_of(lanes.chords, analysis.chords if analysis is not None else ()),
        sections=_first_of(lanes.sections, analysis.sections if analysis is not None else ()),
        lyrics=_lines(_first_of(lanes.words, lyrics.lines if lyrics is not None else ())),
        language=lyrics.language if lyrics is not None else "",
    )


def _collection(params: ExportParams, job: Job, facts: ExportFacts) -> Song:
    """Return a song whose tracks are the items of a collection, all from the first sample."""
    naming = FileNaming.of(params)
    pool, titles = NamePool(), NamePool()
    files = {file.subject.item: file for file in job.inputs if file.kind in SOUND}
    notes = {file.subject.item: file for file in job.inputs if _is_notes(file)}
    tempo = _shared_tempo(facts.items)
    tracks = []
    for number, item in enumerate(facts.items, start=1):
        sound = files.get(item.id)
        notes_file = notes.get(item.id)
        if sound is None and notes_file is None:
            continue
        name = naming.text(
            item.name,
            sound=item.sound_class.value if item.sound_class else "",
            bpm=item.bpm,
            key=item.key,
            number=number,
        )
        track = StemTrack(
            name=titles.take(item.name),
            file_name=pool.take(name),
            stem=item.stem,
            path=sound.path if sound is not None else None,
            audio=probe(sound.path) if sound is not None else None,
            source=source_of(sound) if sound is not None else None,
        )
        if notes_file is not None:
            track = _with_notes(track, read_document(Notes, notes_file))
        tracks.append(track)
    return Song(
        name=facts.title,
        audio=_longest([track.audio for track in tracks]),
        grid=even(tempo or DEFAULT_TEMPO),
        tempo_known=tempo is not None,
        tracks=tuple(tracks),
    )


def _shared_tempo(items: Iterable[ExportItem]) -> float | None:
    """Return the tempo of most items of known tempo; of equally many, the one that comes first."""
    tempi = [round(item.bpm, 2) for item in items if item.bpm is not None]
    return max(tempi, key=lambda tempo: (tempi.count(tempo), -tempi.index(tempo)), default=None)


def _longest(facts: Sequence[AudioFacts | None]) -> AudioFacts:
    """Return facts of audio that holds each of some: the longest, at the highest rate."""
    known = [audio for audio in facts if audio is not None]
    if not known:
        raise Rejected("input", "There is no audio to export. Export an item that has audio.")
    rate = max(audio.sample_rate for audio in known)
    duration = max(audio.duration for audio in known)
    return AudioFacts(
        duration=duration,
        sample_rate=rate,
        channels=max(audio.channels for audio in known),
        samples=round(duration * rate),
    )


@dataclass(frozen=True, slots=True)
class _NotesFile:
    """The notes of one recording."""

    notes: Notes
    stem: Stem | None


def _notes(inputs: Iterable[JobInput]) -> Iterable[_NotesFile]:
    for file in inputs:
        if _is_notes(file):
            yield _NotesFile(read_document(Notes, file), file.stem)


def _is_notes(file: JobInput) -> bool:
    return file.kind is ArtifactKind.NOTES and file.name.endswith(".json")


def _with_notes(track: StemTrack, notes: Notes) -> StemTrack:
    return replace(
        track,
        notes=notes.notes,
        bend_interval=notes.bend_interval,
        pedals=notes.pedals,
        program=notes.program,
    )


def _lines(lines: Iterable[LyricLine]) -> tuple[LyricLine, ...]:
    """Return lyrics with single spaces between the words of each line."""
    return tuple(line.model_copy(update={"text": " ".join(line.text.split())}) for line in lines)


def _first_of(corrected: Lane | None, measured: Lane) -> Lane:
    return measured if corrected is None else corrected


def _place(sound: JobInput) -> tuple[int, str]:
    place = SCORE_ORDER.index(sound.stem) if sound.stem is not None else len(SCORE_ORDER)
    return place, sound.name


def first_document(model: type[Content], job: Job, kind: ArtifactKind, name: str) -> Content | None:
    """Return the content of the job's first file of a kind and a name; `None` without one.

    Raises `Rejected` like `read_document`.
    """
    files = [file for file in job.inputs if file.kind is kind and file.name == name]
    return read_document(model, files[0]) if files else None


def read_document(model: type[Content], source: JobInput) -> Content:
    """Read a JSON file. Raises `Rejected` if it is not what its kind promises."""
    try:
        return model.model_validate_json(source.path.read_bytes())
    except ValidationError as error:
        raise Rejected(
            "input", f"{source.name} is not a file that this version reads: {error}"
        ) from error
