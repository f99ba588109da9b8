"""The analysis service compared with librosa and Essentia: tempo, beats, key, chords, time, memory.

`python -m benchmarks.analysis` prints the figures; `--write` also puts them into the README.
Essentia is AGPL: it lives in the reference environment only, which is no part of the product.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.analysis_cases import (
    Case,
    drum_tracks,
    loops,
    mixes,
    pieces,
    recordings,
    songs,
    triads,
    varispeed,
)
from benchmarks.environments import (
    ROOT,
    SMALLEST,
    few,
    reference_python,
    test_data,
    write_figures,
)
from benchmarks.midi import Peer, peer
from benchmarks.slicing import cost_figures
from contracts.analysis import Analysis, AnalysisParams
from contracts.items import ArtifactKind, ItemKind
from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
from kit.worker.engines import EngineContext
from services.analysis.engine import load_engine
from services.analysis.handler import handle
from tests.support.single_job import audio_input, single_job, write_audio

NEAR = 0.04
"""A tempo counts as right within 4 %."""
OCTAVES = (1.0, 0.5, 2.0, 1.0 / 3.0, 3.0)
SONGS = 16


@dataclass(frozen=True, slots=True)
class Outcome:
    """Scores of one case, by library."""

    case: Case
    scores: dict[str, float]


def analyse(case: Case, folder: Path, number: int) -> tuple[Analysis, Path]:
    """Analyse a recording as a job would be."""
    path = write_audio(folder / f"{number}.flac", case.audio[None], case.rate)
    scratch = folder / f"job-{number}"
    scratch.mkdir()
    job = single_job(
        scratch, [audio_input(path)], kind=ItemKind.SAMPLE if case.loop else ItemKind.TRACK
    )
    manifest = read_manifest(ROOT / "services" / "analysis" / "weights.toml")
    context = EngineContext(weights=open_store(KitSettings()).verified(manifest))
    handle(AnalysisParams(images=()), job, load_engine(context))
    document = next(output for output in job.outputs if output.kind is ArtifactKind.ANALYSIS)
    return Analysis.model_validate_json(document.path.read_bytes()), path


def right(
    bpm: float, truth: float, octaves: Sequence[float] = (1.0,), *, within: float = NEAR
) -> float:
    """Return 1 if a tempo is right, or one of the given multiples of it; else 0."""
    return float(any(abs(bpm - truth * octave) <= within * truth * octave for octave in octaves))


def rhythm(cases: Sequence[Case], folder: Path, reference: Peer) -> Iterator[tuple[Outcome, ...]]:
    """Yield tempo accuracy 1 and 2, and beats F, of each case."""
    for number, case in enumerate(cases):
        ours, path = analyse(case, folder, number)
        estimates = reference.ask(do="rhythm", path=str(path))
        estimates["ours"] = {
            "bpm": ours.tempo.bpm if ours.tempo else 0.0,
            "beats": [beat.time for beat in ours.beats],
        }
        truth = case.bpm or 0.0
        yield (
            Outcome(
                case, {who: right(estimate["bpm"], truth) for who, estimate in estimates.items()}
            ),
            Outcome(
                case,
                {
                    who: right(estimate["bpm"], truth, OCTAVES)
                    for who, estimate in estimates.items()
                },
            ),
            Outcome(
                case,
                {
                    who: reference.ask(
                        do="judge", kind="beats", truth=case.beats, estimate=estimate["beats"]
                    )["score"]
                    for who, estimate in estimates.items()
                }
                if case.beats
                else {},
            ),
        )


def harmony(
    cases: Sequence[Case], folder: Path, reference: Peer
) -> Iterator[tuple[Outcome, Outcome]]:
    """Yield the weighted key score and the overlap of chords of each case."""
    for number, case in enumerate(cases, 10_000):
        ours, path = analyse(case, folder, number)
        estimates = reference.ask(do="harmony", path=str(path))
        keys = {who: estimate["key"] for who, estimate in estimates.items()}
        chords = {"librosa": estimates["librosa"]["chords"]}
        if ours.key is not None:
            tonic, mode = ours.key.best.key.split(":")
            keys["ours"] = f"{tonic} {'major' if mode == 'maj' else 'minor'}"
        chords["ours"] = [[chord.start, chord.end, chord.chord] for chord in ours.chords]
        yield (
            Outcome(case, _judged("key", case.key, keys, reference) if case.key else {}),
            Outcome(case, _judged("chords", case.chords, chords, reference) if case.chords else {}),
        )


def _judged(
    kind: str, truth: object, estimates: dict[str, object], reference: Peer
) -> dict[str, float]:
    return {
        who: reference.ask(do="judge", kind=kind, truth=truth, estimate=estimate)["score"]
        for who, estimate in estimates.items()
    }


def table(title: str, outcomes: Sequence[Outcome], whose: Sequence[str]) -> Iterator[str]:
    """Yield a Markdown table of means by group."""
    yield f"| {title} | n | " + " | ".join(whose) + " |"
    yield "|---|---|" + "---|" * len(whose)
    scored = [outcome for outcome in outcomes if outcome.scores]
    for group in dict.fromkeys(outcome.case.group for outcome in scored):
        some = [outcome.scores for outcome in scored if outcome.case.group == group]
        means = [statistics.fmean(scores.get(who, 0.0) for scores in some) for who in whose]
        yield f"| {group} | {len(some)} | " + " | ".join(f"{mean:.3f}" for mean in means) + " |"
    yield ""


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, print the figures and, with `--write`, update the README."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.analysis", description=__doc__)
    parser.add_argument("--each", action="store_true", help="also print every case")
    parser.add_argument("--no-hour", action="store_true", help="leave the hour of audio out")
    parser.add_argument("--write", action="store_true", help="put the figures into the README")
    args = parser.parse_args(arguments)
    data = test_data()
    if data is None:
        print("no recordings: set CRATEDIG_TEST_DATA to the folder of test data")
        return
    mixed = few(mixes(data))
    plain = [*few(drum_tracks(data)), *mixed]
    shifted = [varispeed(case, factor) for case in few(plain) for factor in (0.8, 1.25)]
    tonal = [
        case
        for group in (recordings(data), pieces(data), triads(data), songs(data, SONGS))
        for case in few(group)
    ]
    script = ROOT / "benchmarks" / "analysis_reference.py"
    three, two = ("ours", "librosa", "Essentia"), ("ours", "librosa")
    with (
        tempfile.TemporaryDirectory() as scratch,
        peer(reference_python("analysis"), script) as reference,
    ):
        folder = Path(scratch)
        rhythms = list(rhythm([*plain, *shifted, *few(loops(data))], folder, reference))
        harmonies = list(harmony(tonal, folder, reference))
        lines = [
            *table("tempo, accuracy 1", [first for first, _, _ in rhythms], three),
            *table("tempo, accuracy 2", [second for _, second, _ in rhythms], three),
            *table("beats, F at 70 ms", [third for _, _, third in rhythms], three),
            *table("key, weighted score", [key for key, _ in harmonies], three),
            *table(
                "chords, weighted overlap (major/minor)", [chord for _, chord in harmonies], two
            ),
            cost_figures("analysis", mixed, folder, hour=not (args.no_hour or SMALLEST)),
        ]
    if args.each:
        for outcome in [each for row in [*rhythms, *harmonies] for each in row if each.scores]:
            scores = "  ".join(f"{who} {score:.3f}" for who, score in outcome.scores.items())
            print(f"{outcome.case.group:16} {outcome.case.name:24} {scores}")
    text = "\n".join(lines)
    print(text)
    if args.write:
        write_figures(ROOT / "services" / "analysis" / "README.md", text)


if __name__ == "__main__":
    main(sys.argv[1:])
