"""One job: a recording, the slices of one, or a song's notes in; a MIDI file and its notes out."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError

from contracts.analysis import Analysis
from contracts.items import ArtifactKind, AudioFacts
from contracts.midi import (
    DrumMethod,
    MidiMode,
    MidiParams,
    MidiResult,
    Notes,
    PedalPress,
    Track,
    Tracker,
)
from contracts.music import Stem
from contracts.slicing import Slices
from contracts.tagging import Tags
from kit.notes.assembly import NoteEvent
from kit.notes.midi_file import CHANNELS
from kit.notes.partials import FRAME
from kit.signal.tempo_grid import DEFAULT_TEMPO, even, grid_of
from kit.worker.intake import Silent, find_mix, open_input, reject_unreadable
from kit.worker.job import Job, JobInput
from kit.worker.outcomes import Rejected, Skipped
from services.midi import drums, layers, song, writers
from services.midi.engine import Engine
from services.midi.piano.recording import transcribe as transcribe_piano
from services.midi.recording import transcribe
from services.midi.strokes import notes as detection
from services.midi.trackers import TrackerChoice, piano_choice
from services.midi.writers import MidiTrack, Played

SILENCE = 10 ** (-70 / 20)
"""Audio that never exceeds this is silent."""
SHORTEST = 0.1
"""Seconds; shorter audio has no notes."""
# General MIDI programs, from 0.
_PROGRAMS = {Stem.BASS: 33, Stem.VOCALS: 52, Stem.GUITAR: 25, Stem.PIANO: 0}
_PIANO = 0
_READ = frozenset(
    {ArtifactKind.SLICES, ArtifactKind.TAGS, ArtifactKind.NOTES, ArtifactKind.ANALYSIS}
)
_MIXTURE = (
    "The slices do not come from a drum stem: where they contain other instruments, most of these "
    "drum notes are wrong. Use slices of a drum stem."
)
_POSTERIORS = "posteriors.bin"
# The remaining progress is for writing the files.
_LISTENING = 0.97

Parsed = TypeVar("Parsed", bound=BaseModel)


@reject_unreadable()
def handle(params: MidiParams, job: Job, engine: Engine) -> MidiResult:
    """Transcribe a recording's pitches, convert slices to drum notes, or merge a song's stems."""
    slices = _of(job, ArtifactKind.SLICES)
    notes = [item for item in _of(job, ArtifactKind.NOTES) if item.name.endswith(".json")]
    read = [item for item in job.inputs if item.kind in _READ]
    mix = find_mix([item for item in job.inputs if item not in read])
    sounds = [item for item in job.inputs if item not in read and item is not mix]
    if len(sounds) + len(slices) + bool(notes) != 1 and not (len(slices) == len(sounds) == 1):
        raise Rejected(
            "input",
            "Submit one recording, or the slices of one with their tags, or the notes of a song's "
            f"stems; this job has {len(sounds)} recordings, {len(slices)} lists of slices and "
            f"{len(notes)} lists of notes.",
        )
    if slices:
        document = _read(Slices, slices[0])
        if sounds and params.drum_method is DrumMethod.NETWORK:
            # A sliced recording without a stem is an upload that contains only drums.
            mixture = document.stem not in (None, Stem.DRUMS)
            # Separation harms drums more than a voice does, so a song is better than its part.
            sound = mix if mixture and mix is not None else sounds[0]
            return _detected_drums(job, sound, document.stem, engine, mixture=mixture)
        return _drums(params, job, document, next(iter(sounds), None))
    if notes:
        return _song(params, job, notes)
    if sounds[0].stem is Stem.DRUMS:
        return _detected_drums(job, sounds[0], Stem.DRUMS, engine, mixture=False)
    return _recording(params, job, sounds[0], mix, engine)


def _of(job: Job, kind: ArtifactKind) -> list[JobInput]:
    return [item for item in job.inputs if item.kind is kind]


def _recording(
    params: MidiParams, job: Job, source: JobInput, mix: JobInput | None, engine: Engine
) -> MidiResult:
    """Transcribe the pitches of a recording."""
    facts = open_input(source, mix, min_seconds=SHORTEST)
    piano = piano_choice(params.tracker, source.stem, available=engine.has_piano)
    if piano is not None:
        return _piano(params, job, source, facts, engine, piano)
    path = job.scratch / _POSTERIORS
    transcription = transcribe(
        params,
        source.path,
        facts,
        engine,
        stem=source.stem,
        posteriors=path,
        on_progress=lambda part: job.progress(_LISTENING * part, "transcribing"),
    )
    if transcription.peak < SILENCE:
        raise Silent
    if not transcription.notes:
        raise Skipped(
            "no_notes",
            "No notes were detected. Lower `onset_threshold` to detect softer ones, or separate "
            "the recording first and use a pitched stem.",
        )
    path.rename(
        job.output(
            _POSTERIORS,
            ArtifactKind.POSTERIORS,
            media_type="application/octet-stream",
            stem=source.stem,
        )
    )
    program = params.program
    if program is None:
        program = _PROGRAMS.get(source.stem, _PIANO) if source.stem else _PIANO
    played = writers.play(transcription.notes, pitch_bends=params.pitch_bends)
    _write(job, MidiTrack("Notes", played, program), source.stem, program)
    is_line = transcription.choice.tracker is Tracker.MONOPHONIC
    result = _notes_result(
        job, played, facts, program, transcription.choice, tuning=transcription.tuning
    )
    return result.model_copy(
        update={
            "simultaneous_share": transcription.simultaneous,
            "engine": engine.description,
            "weights": f"{engine.weights}, {engine.pitch_weights}" if is_line else engine.weights,
        }
    )


def _piano(
    params: MidiParams,
    job: Job,
    source: JobInput,
    facts: AudioFacts,
    engine: Engine,
    choice: TrackerChoice,
) -> MidiResult:
    """Transcribe a piano with its velocities and its pedal."""
    network = engine.piano
    performance = transcribe_piano(
        params,
        source.path,
        facts,
        network,
        on_progress=lambda part: job.progress(_LISTENING * part, "transcribing"),
    )
    if performance.peak < SILENCE:
        raise Silent
    if not performance.notes:
        raise Skipped(
            "no_notes",
            "No notes of a piano were detected. For other instruments, use the tracker "
            "`polyphonic`.",
        )
    program = _PIANO if params.program is None else params.program
    played = writers.spread(performance.notes, CHANNELS, pitch_bends=False)
    part = MidiTrack("Notes", played, program, performance.pedals)
    _write(job, part, source.stem, program)
    result = _notes_result(job, played, facts, program, choice, tuning=performance.tuning)
    return result.model_copy(update={"engine": network.description, "weights": network.weights})


def _notes_result(
    job: Job,
    played: Sequence[Played],
    facts: AudioFacts,
    program: int,
    choice: TrackerChoice,
    *,
    tuning: float,
) -> MidiResult:
    """Return the result fields that all trackers share; `tuning` is in semitones."""
    return _result(job, MidiMode.NOTES, played).model_copy(
        update={
            "duration": facts.duration,
            "tuning_cents": round(float(np.clip(100 * tuning, -50, 50)), 1),
            "program": program,
            "tracker": choice.tracker,
            "tracker_reason": choice.reason,
        }
    )


def _detected_drums(
    job: Job, sound: JobInput, stem: Stem | None, engine: Engine, *, mixture: bool
) -> MidiResult:
    """Transcribe the drums of a recording; `mixture` says whether it has other instruments."""
    facts = open_input(sound, None, min_seconds=SHORTEST)
    detected = detection.detect(
        engine.drums,
        sound.path,
        mixture=mixture,
        on_progress=lambda part: job.progress(_LISTENING * part, "detecting drums"),
    )
    if not detected:
        raise Skipped("no_drums", "No drums were detected in this recording.")
    played = detection.played(detected)
    _write(job, MidiTrack("Drums", played, 0), stem, None, name="drums")
    return _result(job, MidiMode.DRUMS, played).model_copy(
        update={
            "duration": facts.duration,
            "classes": dict(detection.classes(detected)),
            "engine": engine.drums.description,
            "weights": engine.drums.weights,
        }
    )


def _drums(params: MidiParams, job: Job, slices: Slices, sound: JobInput | None) -> MidiResult:
    """Convert the slices of a recording to drum notes; `sound` is the recording itself, if any."""
    # A recording without a stem may be an upload that contains only drums.
    mixture = slices.stem not in (None, Stem.DRUMS)
    if mixture and not params.drums_of_mixtures:
        raise Skipped(
            "no_drum_stem",
            f"Drum notes of the {slices.stem} stem would be mostly wrong, since its slices contain "
            "other instruments too. Separate with four-stem weights (htdemucs) and use the drum "
            "stem, or set `drums_of_mixtures` to create the notes anyway.",
        )
    tags = [
        tag for tag_file in _of(job, ArtifactKind.TAGS) for tag in _read(Tags, tag_file).samples
    ]
    only_drums = slices.stem is Stem.DRUMS
    hits = drums.classify_hits(slices, tags, only_drums=only_drums)
    simultaneous: list[drums.Hit] = []
    if only_drums and sound is not None and sound.stem is Stem.DRUMS:
        measured = layers.levels(sound.path, hits, slices.sample_rate)
        simultaneous = layers.simultaneous_hits(hits, measured)
    played = drums.drum_notes([*hits, *simultaneous], slices.sample_rate)
    if not played:
        raise Skipped(
            "no_drums",
            "The slices have no tags, so no drums are known. Tag them and submit the tags too."
            if not tags
            else "None of the slices is tagged as a drum. Use slices of a drum stem.",
        )
    _write(job, MidiTrack("Drums", played, 0), slices.stem, None, name="drums")
    return _result(job, MidiMode.DRUMS, played).model_copy(
        update={
            "classes": dict(Counter(hit.label for hit in hits)),
            "left_out": sum(hit.drum is None for hit in hits),
            "remark": "" if only_drums else _MIXTURE,
        }
    )


def _song(params: MidiParams, job: Job, inputs: Sequence[JobInput]) -> MidiResult:
    """Merge the notes of a song's stems into one file, on the song's beats."""
    analyses = _of(job, ArtifactKind.ANALYSIS)
    analysis = _read(Analysis, analyses[0]) if analyses else None
    read = [song.StemNotes(_read(Notes, stem_notes), stem_notes.stem) for stem_notes in inputs]
    try:
        arranged = song.arrange(read, pitch_bends=params.pitch_bends)
    except song.TooManyParts as error:
        raise Rejected("input", f"{error}. Submit fewer stems.") from error
    if not arranged:
        raise Skipped("no_notes", "None of the stems has notes. Submit the notes of other stems.")
    grid = grid_of(analysis)
    known = grid is not None or job.item.bpm is not None
    grid = grid or even(job.item.bpm or DEFAULT_TEMPO)
    path = job.output("song.mid", ArtifactKind.MIDI, media_type="audio/midi")
    parts = [part for _, part in arranged]
    writers.write_midi(path, parts, grid, markers=song.markers_of(analysis))
    played = [item for part in parts for item in part.played]
    tracks = tuple(
        Track(
            name=part.name,
            stem=stem_notes.stem,
            program=stem_notes.notes.program,
            notes=len(part.played),
        )
        for stem_notes, part in arranged
    )
    return _result(job, MidiMode.SONG, played).model_copy(
        update={
            "tempo": grid.tempo,
            "tempo_known": known,
            "tempo_changes": grid.tempo_changes,
            "tracks": tracks,
        }
    )


def _read(model: type[Parsed], source: JobInput) -> Parsed:
    try:
        return model.model_validate_json(source.path.read_bytes())
    except ValidationError as error:
        raise Rejected(
            "input", f"{source.name} is not a valid {model.__name__.lower()} file: {error}"
        ) from error


def _write(
    job: Job, part: MidiTrack, stem: Stem | None, program: int | None, *, name: str = "notes"
) -> None:
    """Write the notes of one stem as its three files.

    Drum files have their own name, because a stem may have both in one folder.
    """
    tempo = job.item.bpm if job.item.bpm is not None else DEFAULT_TEMPO
    head = Notes(
        tempo=tempo,
        tempo_known=job.item.bpm is not None,
        bend_interval=FRAME,
        program=program,
        pedals=tuple(_rounded(press) for press in part.pedals),
        notes=(),
    )

    def output(suffix: str, kind: ArtifactKind, media_type: str) -> Path:
        return job.output(f"{name}.{suffix}", kind, media_type=media_type, stem=stem)

    writers.write_midi(output("mid", ArtifactKind.MIDI, "audio/midi"), [part], even(tempo))
    writers.write_json(output("json", ArtifactKind.NOTES, "application/json"), part.played, head)
    writers.write_csv(output("csv", ArtifactKind.NOTES, "text/csv"), part.played)


def _rounded(press: PedalPress) -> PedalPress:
    return PedalPress(start=round(press.start, 4), end=round(press.end, 4))


def _result(job: Job, mode: MidiMode, played: Sequence[Played]) -> MidiResult:
    """Return the result fields that all modes share, and set the progress to 1."""
    job.progress(1.0, "done")
    notes = [item.note for item in played]
    return MidiResult(
        mode=mode,
        notes=len(notes),
        lowest=min(note.pitch for note in notes),
        highest=max(note.pitch for note in notes),
        polyphony=polyphony(notes),
        duration=max(note.end for note in notes),
        tempo=job.item.bpm if job.item.bpm is not None else DEFAULT_TEMPO,
        tempo_known=job.item.bpm is not None,
        program=None,
        mean_confidence=float(np.clip(np.mean([note.confidence for note in notes]), 0, 1)),
    )


def polyphony(notes: list[NoteEvent]) -> int:
    """Return the maximum number of simultaneous notes."""
    # At equal times, ends count before starts.
    moments = sorted([(n.start, 1) for n in notes] + [(n.end, -1) for n in notes])
    return int(np.cumsum([step for _, step in moments]).max())
