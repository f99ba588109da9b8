"""The slicing service compared with librosa: onsets; and its groups, cuts, time and memory.

`python -m benchmarks.slicing` prints the figures; `--write` also puts them into the README.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.analysis_cases import RATE, Case, drum_tracks, merged, read_mono
from benchmarks.environments import (
    ROOT,
    SMALLEST,
    few,
    reference_python,
    run_alone,
    shorter,
    test_data,
    write_figures,
)
from benchmarks.midi import Peer, peer
from benchmarks.slicing_groups import best_table, slice_case
from contracts.slicing import Slice, SliceKind, SlicingParams
from kit.arrays import Mono
from kit.signal.decibels import amplitude_to_db
from tests.support.single_job import write_audio

MERGE = (0.0, 0.03, 0.05)
"""Seconds within which annotated onsets count as one."""
ROUNDS = 3
_CLICK_DB = 6.0
"""Excess of highs at a loop's seam that counts as a click."""


def one_shots(case: Case, folder: Path) -> list[Slice]:
    """Slice a recording and return its one-shots."""
    # The detector's own spacing, as librosa's: slices may be 30 ms short.
    params = SlicingParams(loops=False, min_spacing=0.03, max_one_shots=0, min_length=0.01)
    pieces, _ = slice_case(case, folder / case.name, params)
    return [piece for piece in pieces if piece.kind is SliceKind.ONE_SHOT]


def onset_table(
    cases: Sequence[Case], shots_by_case: Sequence[Sequence[Slice]], folder: Path, reference: Peer
) -> Iterator[str]:
    """Yield a Markdown table of onset F, at 50 ms, by how annotations are merged."""
    rows: dict[tuple[str, float], list[float]] = {}
    for case, shots in zip(cases, shots_by_case, strict=True):
        path = write_audio(folder / "case.flac", case.audio[None], case.rate)
        estimates = {"ours": [piece.onset / case.rate for piece in shots]}
        estimates |= reference.ask(do="onsets", path=str(path))
        for within in MERGE:
            truth = merged(case.onsets, within=within)
            for name, times in estimates.items():
                answer = reference.ask(do="judge", kind="onsets", truth=truth, estimate=times)
                rows.setdefault((name, within), []).append(answer["score"])
    names = [case.name for case in cases]
    yield "| onsets, F at 50 ms | annotations within | mean | " + " | ".join(names) + " |"
    yield "|---|---|---|" + "---|" * len(names)
    for (name, within), scores in sorted(
        rows.items(), key=lambda row: (row[0][1], row[0][0] != "ours")
    ):
        label = f"{1000 * within:.0f} ms are one" if within else "as they are"
        each = " | ".join(f"{score:.3f}" for score in scores)
        yield f"| {name} | {label} | **{statistics.fmean(scores):.3f}** | {each} |"


def cut_figures(cases: Sequence[Case], shots_by_case: Sequence[Sequence[Slice]]) -> str:
    """Return a sentence on where cuts lie and how pure groups are."""
    early: list[float] = []
    right = total = groups = 0
    for case, shots in zip(cases, shots_by_case, strict=True):
        truth = np.array(case.onsets)
        members: dict[int, list[str]] = {}
        for piece in shots:
            at = piece.onset / case.rate
            nearest = float(truth[np.argmin(np.abs(truth - at))])
            if abs(nearest - at) <= 0.05:
                early.append(1000 * (at - piece.start / case.rate))
            members.setdefault(piece.group or 0, []).append(_struck(case, at))
        groups += len(members)
        for labels in members.values():
            right += max(labels.count(label) for label in labels)
            total += len(labels)
    low, middle, high = np.percentile(early, (5, 50, 95))
    return (
        f"Cuts lie {middle:.1f} ms before the peak of the novelty in the median (5 % under "
        f"{low:.1f}, 5 % over {high:.1f}). Groups: {groups} for {total} hits of {len(cases)} "
        f"tracks; {100 * right / total:.1f} % of the hits are in a group whose commonest set of "
        f"drums is theirs."
    )


def loop_figures(cases: Sequence[Case], folder: Path) -> str:
    """Return sentences on the lengths of loops, and on the seam where a stored one repeats."""
    off: list[float] = []
    stored_off: list[float] = []
    seams: dict[str, list[float]] = {"stored": [], "cut": []}
    for case in cases:
        params = SlicingParams(max_one_shots=0)
        pieces, files = slice_case(case, folder / f"{case.name}-loops", params)
        beats = np.array(case.beats)
        for piece in pieces:
            if piece.kind is not SliceKind.LOOP:
                continue
            bounds = np.array([piece.start, piece.end]) / case.rate
            first, last = (int(np.argmin(np.abs(beats - bound))) for bound in bounds)
            off.append(abs(float((bounds[1] - bounds[0]) / (beats[last] - beats[first])) - 1.0))
            if piece.file is not None:
                stored_off.append(off[-1])
                audio, _ = read_mono(files / piece.file)
                seams["stored"].append(_seam_db(audio, case, piece))
                seams["cut"].append(_seam_db(case.audio[piece.start : piece.end], case, piece))
    clicks = {by: sum(level > _CLICK_DB for level in levels) for by, levels in seams.items()}
    return (
        f"Loops: {len(off)}, {len(stored_off)} of them stored. Their length differs from the "
        f"annotated beats' by {100 * np.median(off):.2f} % in the median (95 % under "
        f"{100 * np.percentile(off, 95):.2f} %; stored ones {100 * np.median(stored_off):.2f} and "
        f"{100 * np.percentile(stored_off, 95):.2f} %). At the seam, where a loop repeats, "
        f"{clicks['stored']} of {len(stored_off)} stored ones are more than {_CLICK_DB:.0f} dB "
        f"louder in the highs than the recording is at their edges (as cut: {clicks['cut']})."
    )


def _seam_db(loop: Mono, case: Case, piece: Slice) -> float:
    """Return the level of the highs at a loop's seam above that at its edges in the recording.

    Highs are second differences, in the 2 ms before and the half millisecond after the seam; the
    edges count as no softer than 20 dB below the loop.
    """
    before, after = round(0.002 * case.rate), round(0.0005 * case.rate)

    def highs(audio: Mono) -> float:
        return float(np.sqrt(np.mean(np.diff(audio.astype(np.float64), n=2) ** 2)))

    joined = highs(np.concatenate([loop[-before:], loop[:after]]))
    edges = [highs(case.audio[max(0, at - before) : at + after]) for at in (piece.start, piece.end)]
    return amplitude_to_db(joined) - amplitude_to_db(max(*edges, 0.1 * highs(loop)))


def _struck(case: Case, at: float) -> str:
    path = test_data()
    assert path is not None
    lines = (path / "drum_transcription" / "mdb" / case.name / "class.txt").read_text().splitlines()
    events = [(float(line.split()[0]), line.split()[1]) for line in lines if line.strip()]
    return "+".join(sorted({drum for time, drum in events if abs(time - at) < 0.04}))


def long_music(cases: Sequence[Case], seconds: int, folder: Path) -> Path:
    """Write music of a length, made of the cases one after the other, in stereo."""
    path = folder / f"long-{seconds}.flac"
    with soundfile.SoundFile(path, "w", RATE, 2, subtype="PCM_24") as file:
        left = seconds * RATE
        for case in cycle(cases):
            part = case.audio[:left]
            file.write(np.stack([part, part], axis=1))
            left -= len(part)
            if left <= 0:
                return path
    raise AssertionError("no cases")


def cost_figures(word: str, cases: Sequence[Case], folder: Path, *, hour: bool) -> str:
    """Return sentences on the time and memory that a service takes."""
    path = long_music(cases, shorter(240), folder)
    runs = [run_alone(word, path) for _ in few(range(ROUNDS))]
    seconds = statistics.median(run["seconds"] for run in runs)
    peak = statistics.median(run["rss_mb"] for run in runs)
    text = (
        f"Four minutes of stereo at 44.1 kHz take {seconds:.1f} s of processor time "
        f"({240 / seconds:.0f} × real time; median of {ROUNDS} fresh processes) and a peak of "
        f"{peak:.0f} MB."
    )
    if hour:
        long = run_alone(word, long_music(cases, 3600, folder))
        text += f" An hour takes {long['seconds']:.0f} s and {long['rss_mb']:.0f} MB."
    return text


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, print the figures and, with `--write`, update the README."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slicing", description=__doc__)
    parser.add_argument("--no-hour", action="store_true", help="leave the hour of audio out")
    parser.add_argument("--write", action="store_true", help="put the figures into the README")
    args = parser.parse_args(arguments)
    data = test_data()
    if data is None:
        print("no recordings: set CRATEDIG_TEST_DATA to the folder of test data")
        return
    script = ROOT / "benchmarks" / "analysis_reference.py"
    with (
        tempfile.TemporaryDirectory() as scratch,
        peer(reference_python("analysis"), script) as reference,
    ):
        folder = Path(scratch)
        cases = few(drum_tracks(data))
        shots_by_case = [one_shots(case, folder) for case in cases]
        lines = list(onset_table(cases, shots_by_case, folder, reference))
        lines += ["", cut_figures(cases, shots_by_case)]
        lines += ["", loop_figures(cases, folder), "", *best_table(data, folder)]
        lines += ["", cost_figures("slicing", cases, folder, hour=not (args.no_hour or SMALLEST))]
    text = "\n".join(lines)
    print(text)
    if args.write:
        write_figures(ROOT / "services" / "slicing" / "README.md", text)


if __name__ == "__main__":
    main(sys.argv[1:])
