"""General MIDI drum notes of a recording, from the network's activations."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from contracts.tagging import SoundClass
from kit.arrays import F32
from kit.audio.mono_reader import MonoReader
from kit.notes.assembly import NoteEvent
from kit.notes.midi_file import DRUM_CHANNEL
from services.midi.drums import DRUMS as NOTES
from services.midi.strokes.decoding import Stroke, presence, strokes
from services.midi.strokes.engine import DrumEngine
from services.midi.strokes.features import DRUMS, FRAMING, RATE
from services.midi.writers import Played

_THRESHOLDS = Path(__file__).parents[1] / "weights" / "drums.json"
_LONGEST = 0.2
"""Seconds of a note, if the drum is not played again before."""
_SOFTEST = 12
_NO_BENDS: F32 = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When the network counts as certain; `make train-drums` chooses them on held-out kits."""

    drums: Sequence[float]
    """Minimum activation of each drum in recordings of drums alone."""
    mixture: Sequence[float]
    """Minimum activation of each drum in recordings with other instruments."""
    present: float
    """Minimum `presence` of a mixture with drums, and minimum activation of the clearest stroke in
    a recording of drums alone, which may be sparse."""


@cache
def thresholds() -> Thresholds:
    """Read the thresholds that belong to the network."""
    content = json.loads(_THRESHOLDS.read_text(encoding="utf-8"))
    return Thresholds(content["drums"], content["mixture"], content["present"])


def detect(
    engine: DrumEngine, path: Path, *, mixture: bool, on_progress: Callable[[float], None]
) -> list[Stroke]:
    """Detect the drum strokes of a recording.

    Parameters
    ----------
    engine
        The network.
    path
        Audio of any format, rate and number of channels.
    mixture
        Whether it may contain other instruments than drums.
    on_progress
        Called with the fraction that was read, 0 to 1.

    Returns
    -------
    list
        In order of time; empty if the recording as a whole contains no clear drums.

    Raises
    ------
    UnreadableAudio
        The file is damaged or not audio.
    """
    limits = thresholds()
    reader = MonoReader(path, RATE, on_progress=on_progress)
    blocks = (block[None] for block in reader.blocks())
    activations, velocities = engine.activations(blocks)
    detected = strokes(activations, velocities, limits.mixture if mixture else limits.drums)
    if mixture:
        present = presence(detected, len(activations) / FRAMING.rate)
    else:
        present = max((stroke.activation for stroke in detected), default=0.0)
    return detected if present >= limits.present else []


def played(detected: Sequence[Stroke]) -> list[Played]:
    """Convert strokes to notes on the drum channel, in order of time.

    A note lasts until the next one of its drum, at most 0.2 seconds.
    """
    following: dict[int, float] = {}
    notes: list[Played] = []
    for stroke in reversed(detected):
        drum = SoundClass(DRUMS[stroke.drum])
        pitch, name = NOTES[drum]
        start = max(0.0, stroke.time)
        end = min(start + _LONGEST, following.get(stroke.drum, np.inf))
        following[stroke.drum] = start
        note = NoteEvent(
            start=start,
            end=end,
            pitch=pitch,
            confidence=stroke.activation,
            level=20.0 * float(np.log10(max(stroke.velocity, 1e-3))),
            bends=_NO_BENDS,
        )
        velocity = int(np.clip(round(127 * stroke.velocity), _SOFTEST, 127))
        notes.append(Played(note, velocity, DRUM_CHANNEL, bent=False, name=name, sound=drum))
    return notes[::-1]


def classes(detected: Sequence[Stroke]) -> Mapping[SoundClass, int]:
    """Count the strokes of each drum."""
    return Counter(SoundClass(DRUMS[stroke.drum]) for stroke in detected)
