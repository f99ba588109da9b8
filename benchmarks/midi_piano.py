"""The piano tracker compared with the polyphonic one, which wrote pianos before: notes, time.

`python -m benchmarks.midi_piano` prints the figures; `--write` also puts them into the service's
README. It needs the piano network: `python -m kit.weights fetch midi --all`.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from benchmarks.environments import ROOT, few, reference_python, test_data, write_figures
from benchmarks.midi import Peer, peer
from benchmarks.midi_cases import RATE, Case, piano, recordings
from benchmarks.midi_monophonic import paired
from contracts.midi import Tracker
from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
from services.midi.piano.network import WEIGHTS

TRACKERS = (Tracker.PIANO, Tracker.POLYPHONIC)


@dataclass(frozen=True, slots=True)
class PianoScore:
    """Scores of a case, seconds and seconds of processors it took, for each tracker."""

    case: Case
    figures: dict[Tracker, dict[str, float]]
    seconds: dict[Tracker, float]
    processor: dict[Tracker, float]


def piano_cases(data: Path) -> Iterator[Case]:
    """Yield performances on sampled strings, and a recorded piano."""
    yield from piano(data)
    for case in recordings(data):
        if case.name == "madmom-piano":
            yield case


def sounding(
    notes: Sequence[Sequence[float]], pedals: Sequence[Sequence[float]]
) -> list[Sequence[float]]:
    """Let notes sound on to the end of the pedal under which they end, or to their next strike."""
    extended: list[Sequence[float]] = []
    for start, end, pitch in notes:
        for down, up in pedals:
            if down <= end < up:
                end = up
        strikes = [other[0] for other in notes if other[2] == pitch and other[0] > start]
        extended.append([start, min([end, *strikes]), pitch])
    return extended


def measure(cases: Sequence[Case], folder: Path, ours: Peer, judge: Peer) -> Iterator[PianoScore]:
    """Transcribe every case with both trackers and score the notes with mir_eval."""
    path = folder / "case.flac"
    for number, case in enumerate(cases):
        soundfile.write(path, case.audio, RATE, subtype="PCM_24")
        truth = [[note.start, note.end, note.pitch] for note in case.notes]
        figures, seconds, processor = {}, {}, {}
        for tracker in TRACKERS:
            if not number:
                # The first job loads the network.
                ours.ask(path=str(path), tracker=tracker)
            answer = ours.ask(path=str(path), tracker=tracker)
            notes = sounding(answer["notes"], answer["pedals"])
            figures[tracker] = judge.ask(do="judge", truth=truth, estimate=notes)
            seconds[tracker] = answer["seconds"]
            processor[tracker] = answer["processor_seconds"]
        yield PianoScore(case, figures, seconds, processor)


def table(scores: Sequence[PianoScore]) -> Iterator[str]:
    """Yield a Markdown table of scores by case, their means and paired differences."""
    yield (
        "| piano | notes | onset F1: piano | polyphonic (before) | precision, recall: piano "
        "| polyphonic | onset + end F1: piano | polyphonic (before) |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for score in scores:
        piano_, before = (score.figures[tracker] for tracker in TRACKERS)
        yield (
            f"| {score.case.name} | {len(score.case.notes)} "
            f"| {piano_['onset']:.3f} | {before['onset']:.3f} "
            f"| {piano_['precision']:.3f}, {piano_['recall']:.3f} "
            f"| {before['precision']:.3f}, {before['recall']:.3f} "
            f"| {piano_['end']:.3f} | {before['end']:.3f} |"
        )
    yield ""
    for field, label in (("onset", "Onset"), ("end", "Onset + end")):
        values = [[score.figures[tracker][field] for tracker in TRACKERS] for score in scores]
        means = " and ".join(
            f"{statistics.fmean(column):.3f}" for column in zip(*values, strict=True)
        )
        difference = paired([ours - before for ours, before in values])
        yield f"{label} F1: {means}; piano − polyphonic {difference} (n = {len(values)})."


def speed(scores: Sequence[PianoScore]) -> str:
    """Return a sentence on the time of both."""
    length = sum(len(score.case.audio) / RATE for score in scores)
    totals = [sum(score.seconds[tracker] for score in scores) for tracker in TRACKERS]
    busy = [sum(score.processor[tracker] for score in scores) for tracker in TRACKERS]
    return (
        f"{length:.0f} s of piano take {totals[0]:.1f} s ({length / totals[0]:.1f} × real time) "
        f"and {busy[0]:.1f} s of processors, {busy[0] / busy[1]:.0f} times those of the polyphonic "
        f"tracker ({os.cpu_count()} processors, load {os.getloadavg()[0]:.0f}: seconds are only "
        "worth something at a load of 2 or less)."
    )


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, print the figures and, with `--write`, update the README."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.midi_piano", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the figures into the README")
    args = parser.parse_args(arguments)
    data = test_data()
    if data is None:
        raise SystemExit("There is no test data: set CRATEDIG_TEST_DATA.")
    manifest = read_manifest(ROOT / "services" / "midi" / "weights.toml")
    store = open_store(KitSettings())
    if WEIGHTS not in store.verified(manifest):
        raise SystemExit("The piano network is missing: python -m kit.weights fetch midi --all")
    official = store.folder(manifest.weights[0]) / manifest.weights[0].parts[0].file
    script = ROOT / "benchmarks" / "midi_reference.py"
    with (
        tempfile.TemporaryDirectory() as scratch,
        peer(sys.executable, "-m", "benchmarks.midi_ours") as ours,
        peer(reference_python("midi"), script, official) as judge,
    ):
        cases = list(few(piano_cases(data / "audio_midi")))
        scores = list(measure(cases, Path(scratch), ours, judge))
    text = "\n".join([*table(scores), "", speed(scores)])
    print(text)
    if args.write:
        write_figures(ROOT / "services" / "midi" / "README.md", text, name="piano")


if __name__ == "__main__":
    main(sys.argv[1:])
