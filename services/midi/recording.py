"""Transcribe a recording's pitches with the tracker that suits it, and store what it heard."""

import mmap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contracts.items import AudioFacts
from contracts.midi import MidiParams, Tracker, TrackerReason
from contracts.music import Stem
from kit.audio.decode import read_blocks
from kit.audio.downmix import downmix
from kit.audio.mono_reader import MonoReader
from kit.notes.assembly import NoteEvent
from kit.notes.detection import LOWEST, PITCHES, Options, note_of
from kit.notes.monophonic import LineNote, tuning_of, unsteady_share
from kit.notes.notation import median_level, retuned
from kit.notes.partials import FRAME, RATE
from kit.notes.stored import PosteriorsWriter, StoredOptions, StoredPosteriors
from kit.signal.tuning import TUNED_BY_SECONDS, find_tuning
from services.midi.engine import Engine
from services.midi.pitch import PitchTracker
from services.midi.streaming import NoteTranscriber
from services.midi.trackers import TrackerChoice, choose, is_monophonic, simultaneous_share

_DETUNED, _AGREEMENT = 0.35, 0.4
"""Minimum deviation from A = 440 Hz in semitones, and minimum agreement, to correct the tuning."""


@dataclass(frozen=True, slots=True)
class Transcription:
    """The notes of a recording.

    Attributes
    ----------
    notes
        In order of their starts.
    peak
        Peak of the loudest channel, linear.
    tuning
        Semitones by which the recording is sharp.
    choice
        The tracker that wrote the notes.
    simultaneous
        See `simultaneous_share`; `None` if the monophonic tracker was not tried.
    """

    notes: list[NoteEvent]
    peak: float
    tuning: float
    choice: TrackerChoice
    simultaneous: float | None


def transcribe(
    params: MidiParams,
    source: Path,
    facts: AudioFacts,
    engine: Engine,
    *,
    stem: Stem | None,
    posteriors: Path,
    on_progress: Callable[[float], None],
) -> Transcription:
    """Transcribe a recording, reading it once.

    Parameters
    ----------
    params
        Those of the job.
    source
        The recording; `facts` are its own.
    engine
        Both networks.
    stem
        The stem that it is, if any.
    posteriors
        The file of posteriors to write.
    on_progress
        Called with the fraction that was read, 0 to 1.
    """
    tuning = tuning_correction(source, facts)
    # Resampling as if played slower moves a sharp recording to the network's own pitches.
    rate = round(RATE * 2 ** (tuning / 12))
    reader = MonoReader(source, rate, on_progress=on_progress)
    options = options_of(params)
    # The polyphonic notes tell whether several sound at once, so both trackers run.
    pitch = PitchTracker(engine) if params.tracker is not Tracker.POLYPHONIC else None
    with posteriors.open("w+b") as file:
        writer = PosteriorsWriter(file)
        transcriber = NoteTranscriber(
            engine, options, follow_bends=params.pitch_bends, on_frames=writer.add
        )
        detected: list[NoteEvent] = []
        for block in reader.blocks():
            if pitch is not None:
                pitch.feed(block)
            detected += transcriber.feed(block)
        detected += transcriber.finish()
        stored = StoredOptions(
            onset_threshold=params.onset_threshold,
            frame_threshold=params.frame_threshold,
            minimum_note_ms=params.minimum_note_ms,
            lowest=options.lowest,
            highest=options.highest,
            legato=options.legato,
            pitch_bends=params.pitch_bends,
            tuning=tuning,
            factor=RATE / rate,
            duration=facts.duration * rate / RATE,
            median_level=median_level(detected),
        )
        curve = pitch.finish() if pitch is not None else None
        writer.finish(stored, curve)
        notes = [retuned(note, tuning, stored.factor) for note in detected]
        choice = TrackerChoice(Tracker.POLYPHONIC, TrackerReason.REQUESTED)
        simultaneous = None
        if curve is not None:
            simultaneous = simultaneous_share(detected, curve)
            line = _line(posteriors, options) if _may_be_line(params, simultaneous) else []
            choice = _choice(params, stem, simultaneous, line)
            if choice.tracker is Tracker.MONOPHONIC:
                line_tuning = tuning_of(line)
                notes = _events(posteriors, line, options, line_tuning=line_tuning)
                changes = {
                    "tracker": Tracker.MONOPHONIC,
                    "line_tuning": line_tuning,
                    "median_level": median_level(notes),
                }
                writer.finish(stored.model_copy(update=changes), curve)
                tuning += line_tuning
    return Transcription(notes, reader.peak, tuning, choice, simultaneous)


def options_of(params: MidiParams) -> Options:
    """Convert parameters to options in frames and pitches."""
    low, high = params.minimum_frequency, params.maximum_frequency
    highest = LOWEST + PITCHES - 1
    # A pitch is in range if its frequency is, within a cent.
    return Options(
        onset_threshold=params.onset_threshold,
        frame_threshold=params.frame_threshold,
        minimum_frames=max(1, round(params.minimum_note_ms / 1000 / FRAME)),
        lowest=LOWEST if low is None else max(LOWEST, int(np.ceil(note_of(low) - 0.01))),
        highest=highest if high is None else min(highest, int(np.floor(note_of(high) + 0.01))),
        legato=params.melodia_trick,
    )


def _may_be_line(params: MidiParams, simultaneous: float) -> bool:
    return params.tracker is Tracker.MONOPHONIC or is_monophonic(simultaneous)


def _choice(
    params: MidiParams, stem: Stem | None, simultaneous: float, line: Sequence[LineNote]
) -> TrackerChoice:
    if params.tracker is Tracker.MONOPHONIC:
        return TrackerChoice(Tracker.MONOPHONIC, TrackerReason.REQUESTED)
    return choose(stem, simultaneous=simultaneous, unsteady=unsteady_share(line))


@contextmanager
def _opened(posteriors: Path) -> Iterator[StoredPosteriors]:
    """Map a file of posteriors into memory, which takes none for the parts that are not read."""
    with (
        posteriors.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        yield StoredPosteriors(data)


def _line(posteriors: Path, options: Options) -> list[LineNote]:
    # From the file, so that the notes are those that the library reads from it.
    with _opened(posteriors) as stored:
        return list(stored.line(options))


def _events(
    posteriors: Path, line: Sequence[LineNote], options: Options, *, line_tuning: float
) -> list[NoteEvent]:
    with _opened(posteriors) as stored:
        return stored.line_events(line, options, line_tuning=line_tuning)


def tuning_correction(path: Path, facts: AudioFacts) -> float:
    """Estimate the deviation from A = 440 Hz in semitones; 0 if it is small or uncertain.

    Halfway between two pitches a network detects both, so such recordings are retuned.
    """
    rate = facts.sample_rate
    opening = read_blocks(path, stop=min(facts.samples, round(TUNED_BY_SECONDS * rate)))
    tuning = find_tuning(downmix(opening, rate), rate)
    if tuning.agreement < _AGREEMENT or abs(tuning.semitones) < _DETUNED:
        return 0.0
    return tuning.semitones
