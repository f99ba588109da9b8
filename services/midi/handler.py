"""One job: canonical audio in, a MIDI file and its notes out."""

from collections.abc import Iterator

import numpy as np

from contracts.items import ArtifactKind, AudioFacts
from contracts.midi import MidiParams, MidiResult
from contracts.music import Stem
from kit.audio.decode import UnreadableAudio, mono_blocks, read_blocks, resample_stream
from kit.audio.probe import probe
from kit.worker.job import Job
from kit.worker.outcomes import Rejected, Skipped
from services.midi import score
from services.midi.dsp import LOWEST, PITCHES, Options, note_of
from services.midi.engine import Engine
from services.midi.partials import FRAME, RATE, Float
from services.midi.stream import Note, Transcriber

SILENCE = 10 ** (-70 / 20)
"""Audio that never exceeds this is silent."""
SHORTEST = 0.1
"""Seconds; shorter audio has no notes."""
# General MIDI programs, from 0.
_PROGRAMS = {Stem.BASS: 33, Stem.VOCALS: 52, Stem.GUITAR: 25, Stem.PIANO: 0}
_PIANO = 0
# What is left for writing the files.
_LISTENING = 0.97


def handle(params: MidiParams, job: Job, engine: Engine) -> MidiResult:
    """Listen to the job's input and write its notes."""
    given = job.input
    if given.stem is Stem.DRUMS:
        raise Skipped("unpitched", "A drum stem has no pitches to write down.")
    try:
        facts = probe(given.path)
        if facts.duration < SHORTEST:
            raise Skipped("too_short", f"The audio is shorter than {SHORTEST} s.")
        notes, peak = _listen(params, job, engine, facts)
    except UnreadableAudio as error:
        raise Rejected("unreadable", str(error)) from error
    if peak < SILENCE:
        raise Skipped("silent", "The audio is silent.")
    if not notes:
        raise Skipped(
            "no_notes",
            "No notes were found. Lower onset_threshold to find fainter ones, or separate the "
            "recording first and choose a pitched stem.",
        )
    tempo = job.item.bpm if job.item.bpm is not None else score.DEFAULT_TEMPO
    program = params.program
    if program is None:
        program = _PROGRAMS.get(given.stem, _PIANO) if given.stem else _PIANO
    played = score.play(notes, pitch_bends=params.pitch_bends)
    known = job.item.bpm is not None
    midi = job.output("notes.mid", ArtifactKind.MIDI, media_type="audio/midi", stem=given.stem)
    score.write_midi(midi, played, tempo=tempo, program=program)
    data = job.output(
        "notes.json", ArtifactKind.NOTES, media_type="application/json", stem=given.stem
    )
    score.write_json(data, played, tempo=tempo, tempo_known=known)
    table = job.output("notes.csv", ArtifactKind.NOTES, media_type="text/csv", stem=given.stem)
    score.write_csv(table, played)
    job.progress(1.0, "done")
    return MidiResult(
        notes=len(notes),
        lowest=min(note.pitch for note in notes),
        highest=max(note.pitch for note in notes),
        polyphony=polyphony(notes),
        duration=facts.duration,
        tempo=tempo,
        tempo_known=known,
        program=program,
        mean_confidence=float(np.clip(np.mean([note.confidence for note in notes]), 0, 1)),
        engine=engine.description,
        weights=engine.weights,
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


def polyphony(notes: list[Note]) -> int:
    """Return the most notes that sound at once."""
    # At one moment what ends is counted before what begins.
    moments = sorted([(n.start, 1) for n in notes] + [(n.end, -1) for n in notes])
    return int(np.cumsum([step for _, step in moments]).max())


def _listen(
    params: MidiParams, job: Job, engine: Engine, facts: AudioFacts
) -> tuple[list[Note], float]:
    """Return the notes, and the peak of the loudest channel."""
    transcriber = Transcriber(engine, options_of(params), follow_bends=params.pitch_bends)
    notes: list[Note] = []
    peak = 0.0

    def heard() -> Iterator[Float]:
        # The peak is taken before channels are folded, where opposite ones would cancel out.
        nonlocal peak
        for block in read_blocks(job.input.path):
            peak = max(peak, float(np.abs(block).max(initial=0.0)))
            yield block

    done = 0
    for block in resample_stream(mono_blocks(heard()), facts.sample_rate, RATE):
        notes += transcriber.feed(block[0])
        done += block.shape[1]
        job.progress(_LISTENING * min(1.0, done / RATE / facts.duration), "listening")
    notes += transcriber.finish()
    return notes, peak
