"""Transcribe a recording of a piano, reading it once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contracts.items import AudioFacts
from contracts.midi import MidiParams, PedalPress
from kit.arrays import F32, AudioBlock
from kit.audio.decode import read_blocks, resample_stream
from kit.notes.assembly import NoteEvent
from services.midi.piano.network import PianoNetwork
from services.midi.piano.shape import RATE, SUSTAIN_PEDAL
from services.midi.piano.tracker import PianoEvent, PianoTranscriber
from services.midi.recording import options_of, tuning_correction

_NO_BENDS: F32 = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class Performance:
    """What was played on a piano.

    Attributes
    ----------
    notes
        With their velocities, 1 to 127; a note ends when its key is released.
    pedals
        When the sustain pedal is down, in order of time.
    peak
        Peak of the loudest channel, linear.
    tuning
        Semitones by which the recording is sharp; 0 if it is little.
    """

    notes: list[tuple[NoteEvent, int]]
    pedals: list[PedalPress]
    peak: float
    tuning: float


def transcribe(
    params: MidiParams,
    source: Path,
    facts: AudioFacts,
    network: PianoNetwork,
    *,
    on_progress: Callable[[float], None],
) -> Performance:
    """Transcribe a recording of a piano.

    Parameters
    ----------
    params
        Those of the job; only the range of frequencies has an effect.
    source
        The recording; `facts` are its own.
    network
        The piano network.
    on_progress
        Called with the fraction that was read, 0 to 1.
    """
    tuning = tuning_correction(source, facts)
    # As if played slower: a sharp recording has the network's own pitches then.
    rate = round(RATE * 2 ** (tuning / 12))
    factor = RATE / rate
    peak = 0.0

    def blocks() -> Iterator[AudioBlock]:
        nonlocal peak
        for block in read_blocks(source):
            peak = max(peak, float(np.abs(block).max(initial=0.0)))
            yield block

    transcriber = PianoTranscriber(network, facts.channels)
    events: list[PianoEvent] = []
    samples = 0
    for block in resample_stream(blocks(), facts.sample_rate, rate):
        events += transcriber.feed(block)
        samples += block.shape[1]
        on_progress(min(1.0, samples / max(1.0, facts.duration * rate)))
    events += transcriber.finish()
    options = options_of(params)
    notes = [
        (_note(event, factor), max(1, event.velocity))
        for event in events
        if options.lowest <= event.track <= options.highest
    ]
    pedals = [
        PedalPress(start=event.start * factor, end=event.end * factor)
        for event in events
        if event.track == -SUSTAIN_PEDAL
    ]
    return Performance(
        sorted(notes, key=lambda pair: (pair[0].start, pair[0].pitch)), pedals, peak, tuning
    )


def _note(event: PianoEvent, factor: float) -> NoteEvent:
    return NoteEvent(
        event.start * factor, event.end * factor, event.track, event.confidence, 0.0, _NO_BENDS
    )
