"""Notes from stored posteriors: size of the file, seconds of an answer, and agreement.

Music of the midi benchmark's synthesizer is transcribed once. Then the notes of a view (16 s) and
of the whole piece are read again at other thresholds, as `GET /v1/items/{item}/notes` does.
`agreement` is the F1 of the notes at the machine's own thresholds with those that the job wrote
(same pitch, starts within 50 ms). CPU seconds are worth something at any load.
"""

import argparse
import io
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soxr

from benchmarks.environments import SMALLEST
from kit.arrays import F32
from kit.notes.assembly import NoteEvent
from kit.notes.detection import Options
from kit.notes.notation import median_level
from kit.notes.partials import RATE
from kit.notes.stored import PosteriorsWriter, StoredOptions, StoredPosteriors
from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
from kit.worker.engines import EngineContext
from services.midi.engine import load_engine
from services.midi.streaming import NoteTranscriber
from tests.midi import music
from tests.midi.music import KnownNote, perform

_WEIGHTS = Path(__file__).parents[1] / "services" / "midi" / "weights.toml"
_VIEW = 16.0
_ROUNDS = 3 if SMALLEST else 9
_MACHINE = {"onset_threshold": 0.55, "frame_threshold": 0.3, "minimum_note_ms": 58.0}
_LOW = {"onset_threshold": 0.3, "frame_threshold": 0.25, "minimum_note_ms": 30.0}


def main() -> None:
    """Run the benchmark and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0 if SMALLEST else 180.0)
    seconds = parser.parse_args().seconds
    data, notes = transcribe(piece(seconds))
    stored = StoredPosteriors(data)
    print(
        f"{seconds:.0f} s of music, {len(notes)} notes, {len(data) / seconds * 60 / 1e3:.0f} kB/min"
    )
    again = stored.decode(**_MACHINE)
    print(f"agreement at the machine's thresholds: {agreement(notes, again):.3f}")
    print("| notes of | thresholds | median ms | median CPU ms | notes |")
    print("|---|---|---|---|---|")
    for name, start, end in (("a view of 16 s", seconds / 2 - _VIEW / 2, seconds / 2 + _VIEW / 2),
                             ("the whole", 0.0, seconds)):  # fmt: skip
        for label, thresholds in (("the machine's", _MACHINE), ("lower", _LOW)):
            print(measured(stored, name, label, thresholds, start=start, end=end))


def measured(
    stored: StoredPosteriors,
    name: str,
    label: str,
    thresholds: dict[str, float],
    *,
    start: float,
    end: float,
) -> str:
    """Return a row of the table."""
    wall, cpu, count = [], [], 0
    for _ in range(_ROUNDS):
        begun = time.perf_counter(), time.process_time()
        count = len(stored.decode(**thresholds, start=start, end=end))
        wall.append(time.perf_counter() - begun[0])
        cpu.append(time.process_time() - begun[1])
    times = " | ".join(f"{1e3 * statistics.median(part):.0f}" for part in (wall, cpu))
    return f"| {name} | {label} | {times} | {count} |"


def piece(seconds: float) -> F32:
    """Return three voices of the synthesizer, mono at the network's rate."""
    random = np.random.default_rng(5)
    notes = [
        KnownNote(
            start, start + float(random.uniform(0.15, 0.6)), int(random.integers(low, low + 14))
        )
        for low in (40, 55, 67)
        for start in np.arange(0.2, seconds - 1, 0.45).tolist()
    ]
    audio: F32 = soxr.resample(perform(notes)[0], music.RATE, RATE).astype(np.float32)
    return audio


def transcribe(audio: F32) -> tuple[bytes, list[NoteEvent]]:
    """Return the file of posteriors of audio, and its notes."""
    weights = open_store(KitSettings()).verified(read_manifest(_WEIGHTS))
    buffer = io.BytesIO()
    writer = PosteriorsWriter(buffer)
    engine = load_engine(EngineContext(weights=weights, threads=1))
    options = Options()
    transcriber = NoteTranscriber(engine, options, on_frames=writer.add)
    notes = [*transcriber.feed(audio), *transcriber.finish()]
    writer.finish(
        StoredOptions(
            **_MACHINE,
            lowest=options.lowest,
            highest=options.highest,
            legato=options.legato,
            pitch_bends=True,
            tuning=0.0,
            factor=1.0,
            duration=len(audio) / RATE,
            median_level=median_level(notes),
        )
    )
    return buffer.getvalue(), notes


def agreement(ours: Sequence[NoteEvent], theirs: Sequence[NoteEvent]) -> float:
    """Return the F1 of two lists of notes."""
    left = list(theirs)
    matched = 0
    for note in ours:
        twin = next(
            (n for n in left if n.pitch == note.pitch and abs(n.start - note.start) < 0.05), None
        )
        if twin is not None:
            left.remove(twin)
            matched += 1
    return 2 * matched / max(1, len(ours) + len(theirs))


if __name__ == "__main__":
    main()
