"""One job: a recording, the slices of one, or a song's notes in; a MIDI file and its notes out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError

from contracts.analysis import Analysis
from contracts.items import ArtifactKind, AudioFacts
from contracts.midi import MidiMode, MidiParams, MidiResult, Notes, Track
from contracts.music import Stem
from contracts.slicing import Slices
from contracts.tagging import Tags
from kit.audio.decode import read_blocks
from kit.audio.downmix import downmix
from kit.audio.mono_reader import MonoReader
from kit.signal.tuning import TUNED_BY_SECONDS, find_tuning
from kit.worker.intake import Silent, mix_beside, open_input, reject_unreadable
from kit.worker.job import Job, JobInput
from kit.worker.outcomes import Rejected, Skipped
from services.midi import drums, layers, song, writers
from services.midi.dsp import LOWEST, PITCHES, Options, note_of
from services.midi.engine import Engine
from services.midi.partials import FRAME, RATE
from services.midi.streaming import NoteEvent, Transcriber
from services.midi.tempo import DEFAULT_TEMPO, even
from services.midi.writers import Part, Played

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
    "The slices were not cut from a drum stem: where other instruments sound in them too, most of "
    "these drums are wrong."
)
_DETUNED, _AGREEMENT = 0.35, 0.4
"""Semitones from A at 440 Hz, and agreement of all partials on them, from which they count."""
# What is left for writing the files.
_LISTENING = 0.97

Model = TypeVar("Model", bound=BaseModel)


@reject_unreadable()
def handle(params: MidiParams, job: Job, engine: Engine) -> MidiResult:
    """Write down a recording's pitches, a sliced recording's drums, or a song's stems."""
    slices = _of(job, ArtifactKind.SLICES)
    notes = [one for one in _of(job, ArtifactKind.NOTES) if one.name.endswith(".json")]
    read = [one for one in job.inputs if one.kind in _READ]
    mix = mix_beside([one for one in job.inputs if one not in read])
    sounds = [one for one in job.inputs if one not in read and one is not mix]
    if len(sounds) + len(slices) + bool(notes) != 1 and not (len(slices) == len(sounds) == 1):
        raise Rejected(
            "input",
            "Give one recording, or the slices of one with their tags, or the notes of a song's "
            f"stems; this job was given {len(sounds)} recordings, {len(slices)} lists of slices "
            f"and {len(notes)} lists of notes.",
        )
    if slices:
        return _drums(params, job, slices[0], next(iter(sounds), None))
    if notes:
        return _song(params, job, notes)
    return _recording(params, job, sounds[0], mix, engine)


def _of(job: Job, kind: ArtifactKind) -> list[JobInput]:
    return [one for one in job.inputs if one.kind is kind]


def _recording(
    params: MidiParams, job: Job, given: JobInput, mix: JobInput | None, engine: Engine
) -> MidiResult:
    """Listen to a recording for its pitches."""
    if given.stem is Stem.DRUMS:
        raise Skipped(
            "unpitched",
            "A drum stem has no pitches to write down. Slice it, tag the slices, and give the "
            "slices and their tags.",
        )
    facts = open_input(given, mix, min_seconds=SHORTEST)
    tuning = _tuning(given.path, facts)
    # Played so much slower, a recording that is sharp comes down to the network's own pitches.
    rate = round(RATE * 2 ** (tuning / 12))
    ear = MonoReader(
        given.path, rate, on_progress=lambda part: job.progress(_LISTENING * part, "listening")
    )
    transcriber = Transcriber(engine, options_of(params), follow_bends=params.pitch_bends)
    notes = [note for block in ear.blocks() for note in transcriber.feed(block)]
    notes += transcriber.finish()
    notes = [retuned(note, tuning, RATE / rate) for note in notes]
    if ear.peak < SILENCE:
        raise Silent
    if not notes:
        raise Skipped(
            "no_notes",
            "No notes were found. Lower onset_threshold to find fainter ones, or separate the "
            "recording first and choose a pitched stem.",
        )
    program = params.program
    if program is None:
        program = _PROGRAMS.get(given.stem, _PIANO) if given.stem else _PIANO
    played = writers.play(notes, pitch_bends=params.pitch_bends)
    _write(job, Part("Notes", played, program), given.stem, program)
    return _result(job, MidiMode.NOTES, played).model_copy(
        update={
            "duration": facts.duration,
            "tuning_cents": round(100 * tuning, 1),
            "program": program,
            "engine": engine.description,
            "weights": engine.weights,
        }
    )


def _tuning(path: Path, facts: AudioFacts) -> float:
    """Return the semitones that a recording is heard away from A at 440 Hz: 0 if near or unsure.

    Halfway between two pitches a network hears both.
    """
    rate = facts.sample_rate
    opening = read_blocks(path, stop=min(facts.samples, round(TUNED_BY_SECONDS * rate)))
    found = find_tuning(downmix(opening, rate), rate)
    if found.agreement < _AGREEMENT or abs(found.semitones) < _DETUNED:
        return 0.0
    return found.semitones


def retuned(note: NoteEvent, semitones: float, factor: float) -> NoteEvent:
    """Return a note that was heard that far below its pitch, its times `factor` times as long."""
    if semitones == 0.0:
        return note
    bends = note.bends
    if bends.size:
        # Bends stay a frame apart, and count from the pitch at A of 440 Hz.
        at = np.arange(max(1, round(bends.size * factor))) / factor
        bends = np.interp(at, np.arange(bends.size), bends + semitones).astype(np.float32)
    return replace(note, start=note.start * factor, end=note.end * factor, bends=bends)


def _drums(params: MidiParams, job: Job, given: JobInput, sound: JobInput | None) -> MidiResult:
    """Write the slices of a recording, which may be given too, as drum notes."""
    slices = _read(Slices, given)
    # What has no stem may be an upload of nothing but drums.
    mixture = slices.stem not in (None, Stem.DRUMS)
    if mixture and not params.drums_of_mixtures:
        raise Skipped(
            "no_drum_stem",
            f"Drum notes of the {slices.stem} stem would be mostly wrong, since other instruments "
            "sound in its slices too. Separate with weights of four stems (htdemucs) and take the "
            "drums; or set drums_of_mixtures to have them all the same.",
        )
    tags = [one for said in _of(job, ArtifactKind.TAGS) for one in _read(Tags, said).samples]
    only_drums = slices.stem is Stem.DRUMS
    hits = drums.hear(slices, tags, only_drums=only_drums)
    together: list[drums.Hit] = []
    if only_drums and sound is not None and sound.stem is Stem.DRUMS:
        measured = layers.levels(sound.path, hits, slices.sample_rate)
        together = layers.struck_too(hits, measured)
    played = drums.beat([*hits, *together], slices.sample_rate)
    if not played:
        raise Skipped(
            "no_drums",
            "No slice is known to be a drum. Tag the slices, and give the tags with them."
            if not tags
            else "None of the slices was tagged as a drum.",
        )
    _write(job, Part("Drums", played, 0), given.stem, None, name="drums")
    return _result(job, MidiMode.DRUMS, played).model_copy(
        update={
            "classes": dict(Counter(hit.label for hit in hits)),
            "left_out": sum(hit.drum is None for hit in hits),
            "remark": "" if only_drums else _MIXTURE,
        }
    )


def _song(params: MidiParams, job: Job, given: Sequence[JobInput]) -> MidiResult:
    """Bring the notes of a song's stems together in one file, on the song's beats."""
    analyses = _of(job, ArtifactKind.ANALYSIS)
    analysis = _read(Analysis, analyses[0]) if analyses else None
    read = [song.SpecBody(_read(Notes, one), one.stem) for one in given]
    try:
        arranged = song.arrange(read, pitch_bends=params.pitch_bends)
    except song.TooManyParts as error:
        raise Rejected("input", f"{error}; give fewer.") from error
    if not arranged:
        raise Skipped("no_notes", "None of the stems has notes.")
    grid = song.grid_of(analysis)
    known = grid is not None or job.item.bpm is not None
    grid = grid or even(job.item.bpm or DEFAULT_TEMPO)
    path = job.output("song.mid", ArtifactKind.MIDI, media_type="audio/midi")
    parts = [part for _, part in arranged]
    writers.write_midi(path, parts, grid, markers=song.markers_of(analysis))
    played = [item for part in parts for item in part.played]
    tracks = tuple(
        Track(name=part.name, stem=one.stem, program=one.notes.program, notes=len(part.played))
        for one, part in arranged
    )
    return _result(job, MidiMode.SONG, played).model_copy(
        update={
            "tempo": grid.tempo,
            "tempo_known": known,
            "tempo_changes": grid.tempo_changes,
            "tracks": tracks,
        }
    )


def _read(model: type[Model], given: JobInput) -> Model:
    try:
        return model.model_validate_json(given.path.read_bytes())
    except ValidationError as error:
        raise Rejected("input", f"{given.name} is not what its kind says: {error}") from error


def _write(
    job: Job, part: Part, stem: Stem | None, program: int | None, *, name: str = "notes"
) -> None:
    """Write the notes of one stem as its three files.

    Drums have a name of their own: a stem may have both, and its files lie in one folder.
    """
    tempo = job.item.bpm if job.item.bpm is not None else DEFAULT_TEMPO
    head = Notes(
        tempo=tempo,
        tempo_known=job.item.bpm is not None,
        bend_interval=FRAME,
        program=program,
        notes=(),
    )

    def made(ending: str, kind: ArtifactKind, media_type: str) -> Path:
        return job.output(f"{name}.{ending}", kind, media_type=media_type, stem=stem)

    writers.write_midi(made("mid", ArtifactKind.MIDI, "audio/midi"), [part], even(tempo))
    writers.write_json(made("json", ArtifactKind.NOTES, "application/json"), part.played, head)
    writers.write_csv(made("csv", ArtifactKind.NOTES, "text/csv"), part.played)


def _result(job: Job, mode: MidiMode, played: Sequence[Played]) -> MidiResult:
    """Return what is true of any notes, and end the job's progress."""
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


def options_of(params: MidiParams) -> Options:
    """Return what the parameters mean in frames and pitches."""
    low, high = params.minimum_frequency, params.maximum_frequency
    highest = LOWEST + PITCHES - 1
    # A pitch belongs to the range when its own frequency does, give or take a cent.
    return Options(
        onset_threshold=params.onset_threshold,
        frame_threshold=params.frame_threshold,
        minimum_frames=max(1, round(params.minimum_note_ms / 1000 / FRAME)),
        lowest=LOWEST if low is None else max(LOWEST, int(np.ceil(note_of(low) - 0.01))),
        highest=highest if high is None else min(highest, int(np.floor(note_of(high) + 0.01))),
        unstruck=params.melodia_trick,
    )


def polyphony(notes: list[NoteEvent]) -> int:
    """Return the most notes that sound at once."""
    # At one moment what ends is counted before what begins.
    moments = sorted([(n.start, 1) for n in notes] + [(n.end, -1) for n in notes])
    return int(np.cumsum([step for _, step in moments]).max())
